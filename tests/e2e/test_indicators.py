"""Indicators by hand and key: a figure opens its cases, a league draws its bands, files come down."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.district import District
from tests.e2e import browser as chrome
from tests.e2e.facts import new_case
from tests.e2e.words import wrong_words

pytestmark = [pytest.mark.slow, pytest.mark.e2e]


def number(page: Page, code: str) -> int:
    return int(re.sub(r"\D", "", page.locator(f"[data-code={code}] td").first.inner_text()) or 0)


def test_a_figure_opens_its_cases(district: District, chromium: Browser, shots: Path | None) -> None:
    new_case(district, "指标一件")
    with chrome.context(chromium) as context:
        page = context.new_page()
        path = "/console/indicators?period=year"
        chrome.sign_in(page, district.origin, "leader", district.passwords()["leader"], path)
        page.get_by_test_id("figures").first.wait_for()
        for _ in range(40):  # the case is counted seconds after its event
            if number(page, "report"):
                break
            page.wait_for_timeout(2000)
            page.reload()
            page.get_by_test_id("figures").first.wait_for()
        page.locator("[data-code=report] button").first.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_test_id("figure-rows").get_by_test_id("case-row").first).to_be_visible()
        chrome.shoot(page, shots, "indicators-rows")
        page.keyboard.press("Escape")
        expect(page.get_by_test_id("figure-rows")).to_have_count(0)
        assert wrong_words(page, "zh") == [] and chrome.axe_violations(page) == []
        with page.expect_download() as sheet:
            page.get_by_test_id("xlsx").click()
        assert sheet.value.suggested_filename.endswith(".xlsx")
        with page.expect_download() as paper:
            page.get_by_test_id("pdf").click()
        assert Path(paper.value.path()).read_bytes().startswith(b"%PDF")
        page.get_by_test_id("tab-league").click()
        page.get_by_test_id("by").select_option("grid")
        page.goto(f"{district.origin}/console/indicators?tab=league&by=grid&indicator=validReportRate&period=year")
        expect(page.get_by_test_id("league").locator(".band").first).to_be_visible()
        chrome.shoot(page, shots, "indicators-league")
        assert wrong_words(page, "zh") == [] and chrome.axe_violations(page) == []


def test_a_member_sees_own_figures_only(district: District, chromium: Browser, shots: Path | None) -> None:
    with chrome.context(chromium) as context:
        page = context.new_page()
        chrome.sign_in(page, district.origin, "crew", district.passwords()["crew"], "/console/indicators?lang=en")
        page.get_by_test_id("figures").first.wait_for()
        expect(page.get_by_test_id("tab-mine")).to_be_visible()
        expect(page.get_by_test_id("tab-league")).to_have_count(0)
        chrome.shoot(page, shots, "indicators-mine")
        assert chrome.axe_violations(page) == []
