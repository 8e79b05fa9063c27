"""The case page shows which clock runs and until when, and why one stands still, in both languages."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from tests.district import District
from tests.e2e import browser as chrome
from tests.e2e.phones import PLACE
from tests.e2e.test_console import opened
from tests.e2e.test_console_more import signed_in

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
WORDS = {"zh": ("计时中", "挂账", "处置"), "en": ("running", "Suspended", "Handling")}


def suspended(district: District) -> tuple[str, str]:
    """(a case that the pump crew has, one that waits for a part)."""
    desk, lead = signed_in(district, "dispatcher"), signed_in(district, "dutylead")
    pump = next(t for t in desk.get("teams", limit=100)["items"] if t["kind"] == "pump")["id"]
    place = {"lon": PLACE["longitude"], "lat": PLACE["latitude"]}
    made = []
    for text in ("井盖移位", "井盖破损"):
        body: dict[str, Any] = {"text": text, "class_code": "100103", "channel": "staff", **place}
        case_id = lead.post("cases", body)["id"]
        desk.post(f"cases/{case_id}/actions/dispatch", {"team": pump})
        made.append(case_id)
    day = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=9)).date().isoformat()
    lead.post(f"cases/{made[1]}/actions/suspend", {"reason": "等配件到货", "recheck": day})
    return made[0], made[1]


def test_the_case_page_shows_what_runs_and_what_stands_still(
    district: District, chromium: Browser, shots: Path | None
) -> None:
    running, waiting = suspended(district)
    for language, (runs, stands, handling) in WORDS.items():
        with chrome.context(chromium, language=language) as context:
            page = opened(context.new_page(), district, "dutylead", f"/console/cases/{running}")
            clock = page.locator("[data-testid=clocks] [data-stage=handle]")
            expect(clock).to_contain_text(handling)
            expect(clock.get_by_test_id("clock-running")).to_contain_text(runs)
            chrome.shoot(page, shots, f"case-clock-{language}")
            page.goto(f"{district.origin}/console/cases/{waiting}")
            expect(clock.get_by_test_id("clock-pause")).to_contain_text(stands)
            expect(clock.get_by_test_id("clock-pause")).to_contain_text("等配件到货")
            expect(clock.get_by_test_id("clock-running")).to_have_count(0)
            found = chrome.shoot(page, shots, f"case-clock-paused-{language}")
            assert not found.get("violations"), found
