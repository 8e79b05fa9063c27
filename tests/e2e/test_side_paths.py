"""The side paths by hand: supervise, suspend and resume, split, merge and take the merge back, from the case page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.district import District
from tests.e2e import browser as chrome
from tests.e2e.facts import new_case

from linli.kernel import clock
from linli.sim.web import Client

pytestmark = [pytest.mark.slow, pytest.mark.e2e]


@pytest.fixture
def page(district: District, chromium: Browser) -> Iterator[Page]:
    with chrome.context(chromium) as context:
        made = context.new_page()
        chrome.sign_in(made, district.origin, "dutylead", district.passwords()["dutylead"], "/healthz")
        yield made


def do(page: Page, act: str) -> None:
    """Open the form of an act, wherever the page offers it."""
    button = page.get_by_test_id(f"do-{act}")
    if not button.is_visible():
        page.get_by_test_id("more-acts").locator("summary").click()
    button.click()
    page.get_by_test_id(f"act-{act}").wait_for()


def go(page: Page, act: str) -> None:
    page.get_by_test_id("act-go").click()
    expect(page.get_by_test_id(f"act-{act}")).to_have_count(0)


def words(page: Page, act: str, text: str) -> None:
    """The reason or note, which is the last field of every form."""
    page.get_by_test_id(f"act-{act}").locator("textarea").last.fill(text)


def test_the_side_paths_of_a_case(district: District, page: Page, shots: Path | None) -> None:
    first, second = (new_case(district, f"路灯不亮, 第{n}盏") for n in "一二")
    lead = Client(district.origin).sign_in("dutylead", district.passwords()["dutylead"])
    team = lead.get("teams", limit=1)["items"][0]
    lead.post(f"cases/{first['id']}/actions/dispatch", {"team": team["id"]})
    day = (clock.now() + timedelta(days=9)).date().isoformat()
    page.goto(f"{district.origin}/console/cases/{first['id']}")
    page.get_by_test_id("action-bar").wait_for()

    do(page, "supervise")
    words(page, "supervise", "三日内答复")
    page.get_by_test_id("until").fill(day)
    go(page, "supervise")
    expect(page.locator("[data-side=supervision]")).to_contain_text("三日内答复")

    do(page, "suspend")
    words(page, "suspend", "等灯具到货")
    expect(page.get_by_test_id("act-go")).to_be_disabled()  # without a day of re-check nobody may suspend
    page.get_by_test_id("recheck").fill(day)
    go(page, "suspend")
    expect(page.locator("[data-side=suspension]")).to_contain_text(day)
    assert chrome.shoot(page, shots, "case-side-paths")["violations"] == []
    do(page, "resume")
    go(page, "resume")
    expect(page.locator("[data-side=suspension]")).to_have_count(0)

    split(page, shots)
    merge_and_back(page, f"{district.origin}/console/cases/{second['id']}", first)
    assert lead.get(f"cases/{second['id']}")["state"] == "submitted"


def split(page: Page, shots: Path | None) -> None:
    do(page, "split")
    assert chrome.shoot(page, shots, "case-split")["violations"] == []
    page.get_by_test_id("part-text").fill("灯杆倾斜, 另行处理")
    go(page, "split")
    expect(page.get_by_test_id("links").locator("[data-kind=part]")).to_have_count(1)


def merge_and_back(page: Page, address: str, first: dict[str, Any]) -> None:
    page.goto(address)
    do(page, "merge")
    page.get_by_test_id("into-number").fill(first["number"])
    page.get_by_test_id("into-number").press("Enter")
    expect(page.get_by_test_id("into")).to_have_value(first["id"])
    go(page, "merge")
    expect(page.get_by_test_id("links").locator("[data-kind=into]")).to_contain_text(first["number"])
    do(page, "unmerge")
    words(page, "unmerge", "不是同一盏灯")
    go(page, "unmerge")
    expect(page.get_by_test_id("links")).to_have_count(0)
