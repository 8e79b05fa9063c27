"""Several cases at once at the desk: ticked, looked at, dispatched, and taken back."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect
from tests.district import District
from tests.e2e import browser as chrome
from tests.e2e.facts import new_case

from linli.sim.web import Client

pytestmark = [pytest.mark.slow, pytest.mark.e2e]


def test_three_cases_are_dispatched_together_and_put_back(district: District, chromium: Browser) -> None:
    mark = "批量演示路灯"
    cases = [new_case(district, f"{mark} {n}") for n in range(3)]
    words = district.passwords()
    desk = Client(district.origin).sign_in("dispatcher", words["dispatcher"])
    with chrome.context(chromium) as opened:
        page = opened.new_page()
        chrome.sign_in(page, district.origin, "dispatcher", words["dispatcher"], f"/console/cases?q={mark}")
        expect(page.get_by_test_id("bulk-tick")).to_have_count(3)
        page.get_by_test_id("bulk-tick").first.click()
        page.get_by_test_id("bulk-tick").last.click(modifiers=["Shift"])
        expect(page.get_by_test_id("bulk-bar")).to_contain_text("已选 3 件")
        page.keyboard.press("Escape")
        expect(page.get_by_test_id("bulk-bar")).to_have_count(0)
        page.keyboard.press("j")
        page.keyboard.press("x")
        expect(page.get_by_test_id("bulk-bar")).to_contain_text("已选 1 件")
        page.get_by_test_id("bulk-all").click()
        page.get_by_test_id("bulk-dispatch").click()
        expect(page.get_by_test_id("bulk-look")).to_contain_text("3 件可以办")
        assert {desk.get(f"cases/{c['id']}")["state"] for c in cases} <= {"submitted", "accepted", "filed"}
        page.get_by_test_id("bulk-go").click()
        expect(page.get_by_text("派遣 3 件，1 分钟内可撤销")).to_be_visible()
        assert {desk.get(f"cases/{c['id']}")["state"] for c in cases} == {"dispatched"}
        page.get_by_role("button", name="撤销").first.click()
        expect(page.get_by_text("已撤销 3 件")).to_be_visible()
        assert "dispatched" not in {desk.get(f"cases/{c['id']}")["state"] for c in cases}
