"""A device's page tells its kind (properties, quality rules, events, commands) and its indices, in both languages."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from tests.district import District
from tests.e2e import browser as chrome
from tests.e2e.test_console import opened

from linli.sim.web import Client

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
WORDS = {
    "zh": ("交通拥堵指数", "连续 36 个读数不变", "自检"),
    "en": ("Congestion index", "36 equal readings", "self-test"),
}


def test_the_page_tells_the_kind_and_the_index(district: District, chromium: Browser, shots: Path | None) -> None:
    web = Client(district.origin).sign_in("admin", district.passwords()["admin"])
    road, button = (web.get("devices", model=m, limit=1)["items"][0]["id"] for m in ("traffic_count", "panic_button"))
    for language, (index, quality, command) in WORDS.items():
        with chrome.context(chromium, language=language) as context:
            page = opened(context.new_page(), district, "admin", f"/console/devices/{road}")
            expect(page.get_by_test_id("device-index")).to_contain_text(index)
            page.get_by_test_id("tab-model").click()
            expect(page.get_by_test_id("device-model")).to_contain_text(quality)
            found = chrome.shoot(page, shots, f"device-model-{language}")
            assert not found["violations"], found["violations"]
            page.goto(f"{district.origin}/console/devices/{button}")
            page.get_by_test_id("tab-model").click()
            expect(page.get_by_test_id("device-model")).to_contain_text(command)
            expect(page.get_by_test_id("device-index")).to_have_count(0)
