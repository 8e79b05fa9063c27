"""The chart of a device shows where readings were expected, which one was odd and why; and limits' words are whole."""

from __future__ import annotations

import math
import time
from datetime import datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from tests.district import District
from tests.e2e import browser as chrome
from tests.e2e.facts import send
from tests.e2e.test_console import opened
from tests.e2e.test_desk import drawn_like

from linli.home import Home
from linli.sim.homefiles import demo
from linli.sim.web import Client

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
TEN_MINUTES, DAYS = 600_000, 6
WORDS = {"zh": ("预期范围", "个异常读数"), "en": ("Expected range", "odd reading")}


def _ms(at: str) -> int:
    return round(datetime.fromisoformat(at).timestamp() * 1000)


def filled(district: District) -> str:
    """A gauge with six days of a daily swing and one reading that stands out, two hours ago."""
    known = demo(Home(district.home))
    device = known.devices["water-level-0004"]
    now = int(time.time() * 1000)
    times = range(now - DAYS * 144 * TEN_MINUTES, now - 60_000, TEN_MINUTES)
    swing = [1 + 0.4 * math.sin(2 * math.pi * at / 86_400_000) + 0.02 * math.sin(i * i) for i, at in enumerate(times)]
    swing[-12] += 0.7
    send(known, device, list(zip(times, swing, strict=True)))
    desk = Client(known.origin).sign_in("dispatcher", known.accounts["dispatcher"])
    for _ in range(40):
        found = desk.get(f"devices/{device['id']}/expected", property="level")
        if len(found["t"]) > 40 and any(_ms(o["at"]) == times[-12] for o in found["odd"]):
            return str(device["id"])
        time.sleep(0.5)
    raise AssertionError(f"no odd reading within 20 s: {len(found['t'])} places, {found['odd']}")


def test_the_chart_shows_the_expected_range_and_hides_it(
    district: District, chromium: Browser, shots: Path | None
) -> None:
    device = filled(district)
    for language, (word, odd) in WORDS.items():
        with chrome.context(chromium, language=language) as context:
            page = opened(context.new_page(), district, "admin", f"/console/devices/{device}")
            expect(page.get_by_test_id("expected")).to_contain_text(word)
            expect(page.get_by_test_id("expected-note")).to_contain_text(odd)
            page.wait_for_timeout(1_000)
            shown = drawn_like(page, "info", 0.13)
            assert shown > 1_000, f"no range is drawn: {shown}"
            found = chrome.shoot(page, shots, f"device-expected-{language}")
            assert not found["violations"], found["violations"]
            page.get_by_test_id("expected").click()
            expect(page.get_by_test_id("expected-note")).to_have_count(0)
            page.wait_for_timeout(500)
            assert drawn_like(page, "info", 0.13) < 50
            page.reload()
            expect(page.get_by_test_id("expected")).to_have_attribute("aria-pressed", "false")
