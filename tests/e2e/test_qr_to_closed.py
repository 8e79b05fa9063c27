"""A resident scans, the desk dispatches, the crew works by phone, another closes, the resident reads it."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page
from tests.district import District
from tests.e2e import browser as chrome

from linli.home import Home
from linli.sim.homefiles import demo
from linli.sim.pictures import street
from linli.sim.web import Client

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
TEXT = "单元门口的井盖松了,踩上去会响"


def report(page: Page, origin: str, code: str, photo: Path) -> str:
    """By the public page, without scripts; returns the ticket's address."""
    page.goto(f"{origin}/q/{code}")
    page.locator("textarea[name=text]").fill(TEXT)
    page.locator("input[type=file]").first.set_input_files(photo)
    page.locator("#report button.main").click()
    page.wait_for_url("**/t/**")
    return page.url.partition("?")[0]


def crew_works(page: Page, number: str, photo: Path) -> None:
    page.get_by_test_id("task-card").filter(has_text=number).click()
    page.get_by_test_id("accept").click()
    page.get_by_test_id("arrive").click()
    for stage, words in (("photo-before", "拍处理前照 · 1 ✓"), ("photo-after", "拍处理后照 · 1 ✓")):
        page.get_by_test_id(stage).set_input_files(photo)
        page.get_by_text(words).wait_for()
    page.get_by_test_id("note").fill("井盖已加固")
    page.get_by_test_id("finish").click()
    page.get_by_test_id("outbox").click()
    page.locator("[data-testid=outbox-item][data-state=sent]").nth(4).wait_for(timeout=40_000)


def test_from_the_scan_to_the_closed_case(district: District, chromium: Browser, tmp_path: Path) -> None:
    known, passwords = demo(Home(district.home)), district.passwords()
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(street(flooded=False, seed=3))
    with chrome.context(chromium, size="phone", java_script_enabled=False) as context:
        ticket = report(context.new_page(), district.origin, known.units[3]["qr"], photo)

    lead = Client(district.origin).sign_in("dutylead", passwords["dutylead"])
    case = next(c for c in lead.get("cases", q="井盖松了", limit=5)["items"])
    lead.post(f"cases/{case['id']}/actions/file", {"version": case["version"], "class": "100101"})

    with chrome.context(chromium) as context:  # the desk: open, look, dispatch
        page = context.new_page()
        chrome.sign_in(page, district.origin, "dispatcher", passwords["dispatcher"], f"/console/cases/{case['id']}")
        page.get_by_test_id("case-page").wait_for()
        page.get_by_test_id("dispatch-now").click()
        page.get_by_test_id("do-recall").wait_for()
    case = lead.get(f"cases/{case['id']}")
    assert case["state"] == "dispatched" and case["team"]["en"] == "Drainage pump crew", "not the recommended team"

    with chrome.context(chromium, size="phone") as context:
        page = context.new_page()
        chrome.sign_in(page, district.origin, "crew", passwords["crew"], "/field/")
        crew_works(page, case["number"], photo)

    case = lead.get(f"cases/{case['id']}")
    assert case["state"] == "handled"
    assert {p["stage"] for p in case["photos"]} >= {"before", "after"}
    lead.post(f"cases/{case['id']}/actions/close", {"version": case["version"], "note": "现场看过"})
    with chrome.context(chromium, size="phone", java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(ticket)
        assert "已结案" in page.content()
    assert Image.open(photo).size == (1280, 960)
