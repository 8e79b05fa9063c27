"""A draft rule tried on the past, in its panel; and commands to a device that really answers, from its page."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from tests.district import District
from tests.e2e import browser as chrome
from tests.e2e.test_console import opened

from linli.home import Home
from linli.sim.homefiles import Demo, demo
from linli.sim.web import Client

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
LAMP, GAUGES = "street-lamp-0007", [f"water-level-00{n}" for n in range(21, 26)]
HIGH, LOW = 1.7, 1.0  # water that raises no alarm by the rules in force, and opens no case
EACH = 45_000  # readings of a gauge: five of them are more than a request judges


@pytest.fixture(scope="module")
def known(district: District) -> Demo:
    return demo(Home(district.home))


@pytest.fixture(scope="module")
def door(district: District) -> Iterator[httpx.Client]:
    """The door of devices over HTTP."""
    with httpx.Client(base_url=f"http://127.0.0.1:{district.port('device')}", timeout=60, trust_env=False) as made:
        yield made


def tell(door: httpx.Client, token: str, readings: list[tuple[int, float]]) -> None:
    """Readings of the past; the gateway holds a device to its pace (429) and is asked again."""
    for at in range(0, len(readings), 5000):
        part = [{"ts": t, "values": {"level": v}} for t, v in readings[at : at + 5000]]
        for _ in range(60):
            answer = door.post(f"/api/v1/{token}/telemetry?backfill=1", json=part)
            if answer.status_code != 429:
                break
            time.sleep(0.5)
        answer.raise_for_status()


def water_rule(district: District) -> dict[str, Any]:
    web = Client(district.origin).sign_in("dispatcher", district.passwords()["dispatcher"])
    return next(r for r in web.get("rules") if r["model"] == "water_level" and r["op"] == "gt")


def local(at: datetime) -> str:
    return (at + timedelta(hours=8)).strftime("%Y-%m-%dT%H:%M")


def between(page: Page, start: datetime, end: datetime) -> None:
    """A span of one's own."""
    panel = page.get_by_test_id("rule-bench")
    panel.get_by_role("radio").last.click()
    for field, at in zip(panel.locator("input[type=datetime-local]").all(), (start, end), strict=True):
        field.fill(local(at))
        field.dispatch_event("change")


def draft(page: Page, value: float) -> None:
    """A lower limit in the rule's form, not saved."""
    panel = page.get_by_test_id("rule-panel")
    panel.locator("input[type=number]").first.fill(str(value))
    panel.get_by_label("恢复到").fill(str(round(value - 0.2, 1)))


def test_a_draft_is_tried_at_once_and_each_alarm_opens_the_curve_of_its_time(
    district: District, chromium: Browser, known: Demo, door: httpx.Client
) -> None:
    rule = water_rule(district)
    begin = (int(time.time()) - 75 * 86_400) // 3600 * 3600 * 1000  # when nothing else of the demo has spoken
    device = known.devices["water-level-0031"]
    tell(door, device["token"], [(begin + m * 60_000, HIGH if m % 60 < 20 else LOW) for m in range(600)])
    time.sleep(3)
    start = datetime.fromtimestamp(begin / 1000, UTC)
    with chrome.context(chromium) as context:
        page = opened(context.new_page(), district, "integrator", f"/console/rules/{rule['id']}")
        between(page, start - timedelta(minutes=10), start + timedelta(hours=10))
        page.get_by_test_id("bench-go").click()
        expect(page.get_by_test_id("bench-said")).to_contain_text("按草稿：0 条告警")
        draft(page, 1.5)
        expect(page.get_by_test_id("rule-bench")).to_contain_text("规则已改")
        page.get_by_test_id("bench-go").click()
        expect(page.get_by_test_id("bench-said")).to_contain_text("按草稿：10 条告警")
        expect(page.get_by_test_id("bench-added")).to_contain_text("10")
        expect(page.get_by_test_id("bench-same")).to_be_disabled()
        bars = page.get_by_test_id("bench-bar")
        assert bars.count() == 10
        bars.nth(4).click()
        page.wait_for_url("**/devices/*?*at=*")
        expect(page.get_by_test_id("chart")).to_be_visible()
        shown = page.locator("input[type=datetime-local]").first.input_value()
        wide = datetime.fromisoformat(local(start + timedelta(hours=4, minutes=10))) - datetime.fromisoformat(shown)
        assert timedelta(hours=11) < wide < timedelta(hours=13), "the curve of a day around the alarm"


def test_a_long_past_becomes_a_run_with_progress_that_is_found_again_and_can_be_cancelled(
    district: District, chromium: Browser, known: Demo, door: httpx.Client
) -> None:
    rule = water_rule(district)
    begin = (int(time.time()) - 20 * 86_400) // 3600 * 3600 * 1000
    series = [(begin + s * 4000, HIGH if s % 900 < 225 else LOW) for s in range(EACH)]
    with ThreadPoolExecutor(5) as crowd:
        list(crowd.map(lambda code: tell(door, known.devices[code]["token"], series), GAUGES))
    time.sleep(4)
    start = datetime.fromtimestamp(begin / 1000, UTC)
    with chrome.context(chromium) as context:
        page = opened(context.new_page(), district, "integrator", f"/console/rules/{rule['id']}")
        between(page, start, start + timedelta(seconds=4 * EACH))
        draft(page, 1.5)
        with page.expect_response(lambda r: r.url.endswith("/rules/bench")) as answer:
            page.get_by_test_id("bench-go").click()
        assert answer.value.status == 202
        expect(page.get_by_test_id("bench-state")).to_be_visible()
        expect(page.get_by_test_id("bench-said")).to_contain_text("条告警", timeout=90_000)
        found = page.get_by_test_id("bench-added").locator("strong").inner_text()
        assert int(found) == 5 * EACH // 900, "each gauge is above the limit once an hour"
        page.reload()
        draft(page, 1.5)
        page.get_by_test_id("bench-last").click()
        expect(page.get_by_test_id("bench-added").locator("strong")).to_have_text(found)
        expect(page.get_by_test_id("rule-bench")).not_to_contain_text("规则已改")
        draft(page, 1.6)
        between(page, start, start + timedelta(seconds=4 * EACH))
        page.get_by_test_id("bench-go").click()
        page.get_by_test_id("bench-cancel").click()
        expect(page.get_by_test_id("bench-state")).to_contain_text("已取消")


def test_a_command_goes_from_the_form_to_the_device_and_its_answer_back(
    district: District, chromium: Browser, known: Demo, door: httpx.Client
) -> None:
    lamp = known.devices[LAMP]
    with chrome.context(chromium) as context:
        page = opened(context.new_page(), district, "dispatcher", f"/console/devices/{lamp['id']}")
        page.get_by_test_id("tab-commands").click()
        page.get_by_test_id("command-dim").click()
        page.get_by_test_id("parameter-level").fill("140")
        page.keyboard.press("Enter")
        expect(page.get_by_test_id("command-parameters")).to_contain_text("应在 0 到 100 之间")
        page.get_by_test_id("parameter-level").fill("30")
        page.keyboard.press("Enter")
        expect(page.get_by_test_id("command-sure")).to_contain_text("30")
        page.get_by_test_id("command-go").click()
        row = page.get_by_test_id("command-list").locator("tbody tr").first
        expect(row).to_contain_text("排队中")
        expect(row).to_contain_text("调光")
        asked = door.get(f"/api/v1/{lamp['token']}/rpc?timeout=10000").json()
        assert (asked["method"], asked["params"]) == ("dim", {"level": 30})
        expect(row).to_contain_text("已送达")  # by the stream, no hand on the page
        door.post(f"/api/v1/{lamp['token']}/rpc/{asked['id']}", json={"level": 30}).raise_for_status()
        expect(row).to_contain_text("已应答")
        expect(row).to_contain_text('{"level":30}')
        page.get_by_test_id("command-switch").click()
        page.get_by_test_id("command-send").click()
        page.get_by_test_id("command-go").click()
        page.get_by_test_id("command-cancel").click()
        expect(row).to_contain_text("已取消")


def test_who_may_not_send_reads_the_list_and_who_configures_sets_attributes(
    district: District, chromium: Browser, known: Demo, door: httpx.Client
) -> None:
    lamp = known.devices[LAMP]
    with chrome.context(chromium, language="en") as context:
        page = opened(context.new_page(), district, "dutylead", f"/console/devices/{lamp['id']}")
        page.get_by_test_id("tab-commands").click()
        expect(page.get_by_test_id("command-denied")).to_be_visible()
        expect(page.get_by_test_id("attribute-add")).to_have_count(0)
    with chrome.context(chromium, language="en") as context:
        page = opened(context.new_page(), district, "integrator", f"/console/devices/{lamp['id']}")
        page.get_by_test_id("tab-commands").click()
        page.get_by_test_id("attribute-add").click()
        page.get_by_test_id("attribute-name").fill("night_level")
        page.get_by_test_id("attribute-value").fill("25")
        page.keyboard.press("Enter")
        expect(page.get_by_test_id("attribute-edit-night_level")).to_be_visible()
    told = door.get(f"/api/v1/{lamp['token']}/attributes?sharedKeys=night_level").json()
    assert told == {"shared": {"night_level": 25}}


def loaded(page: Page) -> None:
    page.get_by_test_id("sum-out_of_range").wait_for()
    page.get_by_test_id("state-loading").first.wait_for(state="detached")


def read_again(page: Page) -> None:
    """A second later, perhaps from the other web process."""
    page.wait_for_timeout(1_000)
    page.reload()
    loaded(page)


def as_told(page: Page, web: Client, model: str) -> None:
    """As many devices without a reading as the figures say; others of the demo report meanwhile, and each web process
    counts for itself."""
    behind = page.get_by_test_id("quality-device")
    for _ in range(20):
        row = next(r for r in web.get("devices/quality", by="model")["items"] if r["key"] == model)
        if behind.count() == min(50, row["devices"] - row["reported"]):
            return
        read_again(page)
    raise AssertionError(f"{behind.count()} devices are listed, and the figures say {row}")


def odd(page: Page, name: str) -> None:
    """The device of that name is among those with readings out of their range."""
    behind = page.get_by_test_id("quality-device").filter(has_text=name)
    for _ in range(30):
        if page.get_by_test_id("sum-out_of_range").is_enabled():
            page.get_by_test_id("sum-out_of_range").click()
            page.wait_for_timeout(500)
            if behind.count() == 1:
                return
        read_again(page)
    raise AssertionError(f"{name} is not among them")


def test_figures_of_quality_open_their_devices_and_health_tells_the_pace(
    district: District, chromium: Browser, known: Demo, door: httpx.Client
) -> None:
    gauge = known.devices["water-level-0032"]
    tell(door, gauge["token"], [(int(time.time() * 1000), 99.0)])  # out of its range
    web = Client(district.origin).sign_in("dispatcher", district.passwords()["dispatcher"])
    for _ in range(40):
        if web.get("devices/quality", by="model")["total"]["out_of_range"]:
            break
        time.sleep(0.5)
    with chrome.context(chromium) as context:
        page = opened(context.new_page(), district, "dispatcher", "/console/devices/quality?by=model")
        page.get_by_test_id("coverage-water_level").click()
        behind = page.get_by_test_id("quality-device")
        loaded(page)
        as_told(page, web, "water_level")
        odd(page, web.get(f"devices/{gauge['id']}")["name"]["zh"])
        for _ in range(20):  # the address tells what is open; the other web process may count it a little later
            read_again(page)
            if behind.count():
                break
        expect(behind.first).to_be_visible()
        behind.first.get_by_role("link").click()
        expect(page.get_by_test_id("device-page")).to_be_visible()
    with chrome.context(chromium) as context:
        page = opened(context.new_page(), district, "integrator", "/console/devices/health")
        expect(page.get_by_test_id("health-processes")).to_contain_text("gateway")
        expect(page.get_by_test_id("health-processes").get_by_text("无应答")).to_have_count(0)
        expect(page.get_by_test_id("health-doors")).to_contain_text("MQTT")
        expect(page.get_by_test_id("health-sums")).to_contain_text("/秒", timeout=15_000)
