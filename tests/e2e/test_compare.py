"""Several curves over one span, the calendar of one, and the explorer that leads to both."""

from __future__ import annotations

import csv
import io
import math
import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.district import District
from tests.e2e import browser as chrome
from tests.e2e.facts import send
from tests.e2e.test_console import opened

from linli.home import Home
from linli.sim.homefiles import demo
from linli.sim.web import Client

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
TEN_MINUTES, DAY = 600_000, 86_400_000


@pytest.fixture(scope="module")
def gauges(district: District) -> list[str]:
    """Two gauges with nine days of readings each ten minutes."""
    known = demo(Home(district.home))
    found = [known.devices[f"water-level-000{n}"] for n in (5, 6)]
    now = int(time.time() * 1000)
    for n, device in enumerate(found):
        times = range(now - 9 * DAY, now - 60_000, TEN_MINUTES)
        send(known, device, [(at, 1 + n + 0.4 * math.sin(2 * math.pi * at / DAY)) for at in times])
    desk = Client(known.origin).sign_in("dispatcher", known.accounts["dispatcher"])
    for _ in range(60):
        done = [desk.get(f"devices/{d['id']}/calendar", property="level") for d in found]
        if all(sum(one["count"]) > 1_200 for one in done):
            return [str(d["id"]) for d in found]
        time.sleep(0.5)
    raise AssertionError("the readings are not stored after 30 s")


def figures(page: Page, row: int) -> list[str]:
    return page.get_by_test_id("compare-legend").locator("tbody tr").nth(row).locator("td.num").all_inner_texts()


def test_from_the_explorer_to_curves_side_by_side(
    district: District, chromium: Browser, gauges: list[str], shots: Path | None
) -> None:
    with chrome.context(chromium, language="en") as context:
        page = opened(context.new_page(), district, "dispatcher", "/console/devices?model=water_level&view=list")
        rows = page.get_by_test_id("device-list").locator("tbody tr:not(.space)")
        for device in gauges:
            rows.filter(has=page.locator(f"a[href$='{device}']")).get_by_test_id("device-choose").check()
        asked: list[str] = []
        page.on("request", lambda r: asked.append(r.url) if "/api/v1/series" in r.url or "/series?" in r.url else None)
        page.get_by_test_id("explorer-compare").click()
        expect(page.get_by_test_id("compare-legend").locator("tbody tr")).to_have_count(2)
        expect(page.get_by_test_id("compare-legend")).not_to_contain_text("…")
        assert len(asked) == 1, "one request for all series"
        page.get_by_test_id("compare-before").click()
        expect(page.get_by_test_id("compare-legend").locator("tbody tr")).to_have_count(4)
        expect(page.get_by_test_id("compare-legend")).not_to_contain_text("…")
        now, before = figures(page, 0), figures(page, 2)
        assert now[0] == before[0] == "0.60" and now[1] == before[1] == "1.40", "a swing that is alike each day"
        assert figures(page, 1)[0] == "1.60"
        result = chrome.shoot(page, shots, "compare-weeks-en")
        assert result["violations"] == []
        link = page.url
        with page.expect_download() as got:
            page.get_by_test_id("compare-csv").click()
        text = Path(got.value.path()).read_text("utf-8-sig")
        sheet = list(csv.DictReader(io.StringIO(text)))
        assert {r["shift_s"] for r in sheet} == {"0", "604800"} and max(float(r["max"]) for r in sheet) == 2.4
        page.goto("about:blank")
        page.goto(link)
        expect(page.get_by_test_id("compare-legend").locator("tbody tr")).to_have_count(4)
        expect(page.get_by_test_id("compare-legend")).not_to_contain_text("…")
        assert figures(page, 2)[:2] == before[:2], "the link is the comparison"


def test_the_calendar_is_walked_by_keys_and_opens_a_day(
    district: District, chromium: Browser, gauges: list[str]
) -> None:
    with chrome.context(chromium) as context:
        page = opened(context.new_page(), district, "dispatcher", f"/console/devices/{gauges[0]}?property=level")
        page.get_by_test_id("tab-calendar").click()
        grid = page.get_by_test_id("heat-grid")
        filled = grid.locator(".cell:not(.none)")
        expect(filled.nth(7)).to_be_visible()
        assert 8 <= filled.count() <= 10
        grid.focus()
        first = page.get_by_test_id("heat-now").inner_text()
        page.keyboard.press("ArrowDown")
        assert page.get_by_test_id("heat-now").inner_text() != first
        page.get_by_test_id("heat-coverage").click()
        expect(page.get_by_test_id("heat-legend")).to_contain_text("100%")
        page.get_by_test_id("heat-table").click()
        rows = page.get_by_test_id("heat").locator("tbody tr")
        assert 8 <= rows.count() <= 10
        page.get_by_test_id("heat-table").click()
        grid.focus()
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(r"at=\d{13}"))
        day = page.get_by_test_id("heat-now").inner_text().split()[0]
        expect(page.locator("input[type=datetime-local]").first).to_have_value(re.compile(f"^{day}T00:00"))


def test_facets_narrow_the_table_and_the_address_holds_them(district: District, chromium: Browser) -> None:
    with chrome.context(chromium) as context:
        page = opened(context.new_page(), district, "dispatcher", "/console/devices")
        page.get_by_test_id("device-list").wait_for()
        page.locator("[data-testid=map][data-ready=true]").wait_for()
        lamp = page.get_by_test_id("facet-model-street_lamp")
        n = int(lamp.locator(".num").inner_text().replace(",", ""))
        lamp.click()
        expect(page.get_by_test_id("explorer-sum")).to_contain_text(f"共 {n} 台")
        expect(page).to_have_url(re.compile("model=street_lamp"))
        page.get_by_test_id("device-search").fill("没有这样的设备")
        expect(page.get_by_test_id("state-empty")).to_be_visible()
        page.get_by_test_id("explorer-clear").click()
        expect(page.get_by_test_id("device-list")).to_be_visible()
        expect(page).not_to_have_url(re.compile("model="))
