"""The alarm desk: taken by a key and undone, handed over to a team, many at once, whose chips, and who comes second."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from tests.district import District
from tests.e2e import browser as chrome
from tests.e2e.test_console import opened
from tests.e2e.test_device_panels import tell

from linli.home import Home
from linli.sim.homefiles import demo
from linli.sim.web import Client

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
GAUGES = ["water-level-0041", "water-level-0047"]  # in two communities: no storm


@pytest.fixture(scope="module")
def desk(district: District) -> Client:
    return Client(district.origin).sign_in("dispatcher", district.passwords()["dispatcher"])


@pytest.fixture(scope="module")
def two(district: District, desk: Client) -> Iterator[list[dict[str, Any]]]:
    """Two gauges that alarm."""
    known = demo(Home(district.home))
    with httpx.Client(base_url=f"http://127.0.0.1:{district.port('device')}", timeout=60, trust_env=False) as door:
        found: list[dict[str, Any]] = []
        for _ in range(40):
            now = int(time.time() * 1000)
            for code in GAUGES:
                tell(door, known.devices[code]["token"], [(now, 3.9)])
            rows = desk.get("alarms", severity="severe,urgent", model="water_level", limit=100)["items"]
            found = [r for r in rows if r["device"]["code"] in GAUGES and r["title"]["en"]]
            if {r["device"]["code"] for r in found} == set(GAUGES):
                break
            time.sleep(1.5)
    assert len({r["device"]["code"] for r in found}) == 2
    yield [next(r for r in found if r["device"]["code"] == code) for code in GAUGES]


def holder(page: Page) -> Any:
    return page.get_by_test_id("holder")


def test_taken_by_a_key_undone_by_another_and_handed_over(
    district: District, chromium: Browser, two: list[dict[str, Any]], desk: Client
) -> None:
    with chrome.context(chromium) as context:
        page = opened(context.new_page(), district, "dispatcher", f"/console/alarms/{two[0]['id']}")
        expect(holder(page)).to_have_text("无人负责")
        expect(page.get_by_test_id("who-has").get_by_test_id("next-step")).to_contain_text("升级至")
        before = page.get_by_test_id("who-history").get_by_role("listitem").count()
        page.keyboard.press("t")
        expect(holder(page)).to_have_text("我")
        expect(page.get_by_test_id("ack")).to_have_count(0)
        page.keyboard.press("z")
        expect(holder(page)).to_have_text("无人负责")
        unseen = 0 if two[0]["acknowledged_at"] else 1  # in a home that is used again it was seen before
        expect(page.get_by_test_id("ack")).to_have_count(unseen)
        page.keyboard.press("h")
        page.get_by_test_id("assign-find").fill("排水泵站")
        page.keyboard.press("Enter")
        expect(holder(page)).to_have_text("排水泵站组")
        page.keyboard.press("g")
        expect(holder(page)).to_have_text("无人负责")
        expect(page.get_by_test_id("who-history").get_by_role("listitem")).to_have_count(before + 4)


def test_many_at_once_and_the_second_is_told(
    district: District, chromium: Browser, two: list[dict[str, Any]], desk: Client
) -> None:
    other = Client(district.origin).sign_in("dutylead", district.passwords()["dutylead"])
    other.post(f"alarms/{two[1]['id']}/take", {})
    with chrome.context(chromium) as context:
        page = opened(context.new_page(), district, "dispatcher", "/console/alarms")
        for one in two:
            page.locator(f"[aria-labelledby='n-{one['id']}']").check()
        page.keyboard.press("t")
        expect(page.get_by_text("1 条未办：已有人接手")).to_be_visible()
        expect(page.get_by_text("已接手 1 条")).to_be_visible()
        page.get_by_test_id("whose-mine").click()
        expect(page.locator(f"#n-{two[0]['id']}")).to_be_visible()
        expect(page.locator(f"#n-{two[1]['id']}")).to_have_count(0)
        page.reload()
        expect(page.get_by_test_id("whose-mine")).to_have_attribute("aria-pressed", "true")
        page.get_by_test_id("choose-all").click()
        page.keyboard.press("g")
        expect(page.locator(f"#n-{two[0]['id']}")).to_have_count(0)
    assert desk.get(f"alarms/{two[0]['id']}")["assignee_id"] is None


def test_on_a_phone_one_hand_does_it(district: District, chromium: Browser, two: list[dict[str, Any]]) -> None:
    with chrome.context(chromium, size="phone") as context:
        page = opened(context.new_page(), district, "dispatcher", f"/console/alarms/{two[0]['id']}")
        page.get_by_test_id("take").tap()
        expect(holder(page)).to_have_text("我")
        page.get_by_test_id("give-back").tap()
        expect(holder(page)).to_have_text("无人负责")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, "nothing runs over the edge"
