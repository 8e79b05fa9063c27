"""A centre's workspace, its board and a roster, by hand in a browser; the member's phone says what changed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.district import District
from tests.e2e import browser as chrome

from linli.kernel import clock
from linli.sim.web import Client

pytestmark = [pytest.mark.slow, pytest.mark.e2e]


def client(district: District, name: str) -> Client:
    return Client(district.origin).sign_in(name, district.passwords()[name])


def as_one(page: Page, district: District, name: str, path: str) -> None:
    chrome.sign_in(page, district.origin, name, district.passwords()[name], path)


def test_a_sub_centre_is_one_click_away_and_fits_one_screen(district: District, chromium: Browser) -> None:
    with chrome.context(chromium) as context:
        page = context.new_page()
        as_one(page, district, "wanlidesk", "/console/live")
        page.locator("nav a[href$='/console/centres']").click()
        expect(page).to_have_url(f"{district.origin}/console/centres/wanli")
        for part in ("centre-figures", "centre-states", "board", "centre-grids"):
            expect(page.get_by_test_id(part)).to_be_in_viewport()
        body = page.locator(".page-body")
        assert body.evaluate("e => e.scrollWidth <= e.clientWidth && e.scrollHeight <= e.clientHeight")
        page.get_by_test_id("centre-states").locator("a").first.click()
        expect(page.get_by_test_id("case-list").or_(page.get_by_test_id("state-empty")).first).to_be_visible()


def test_a_note_on_the_board_is_read_and_counted(district: District, chromium: Browser) -> None:
    with chrome.context(chromium) as context:
        page = context.new_page()
        as_one(page, district, "dutylead", "/console/centres/command")
        page.get_by_test_id("board-new").click()
        page.get_by_label("标题").fill("演练通知")
        page.get_by_label("内容").fill("周五下午演练。")
        page.get_by_test_id("board-save").click()
        page.get_by_test_id("board").get_by_text("演练通知").wait_for()
        dispatcher = client(district, "dispatcher")
        note = next(one for one in dispatcher.get("board")["items"] if one["title"] == "演练通知")
        dispatcher.put(f"board/{note['id']}/read", {})
        page.reload()
        page.get_by_test_id("board").get_by_text("演练通知").click()
        expect(page.get_by_test_id("board-reads")).to_contain_text("1")
        page.get_by_test_id("board-withdraw").click()
        expect(page.get_by_text("演练通知")).to_have_count(0)


def test_a_shift_is_planned_refused_published_changed_and_told(district: District, chromium: Browser) -> None:
    lead = client(district, "dutylead")
    team = next(one for one in lead.get("teams", limit=100)["items"] if one["code"] == "pump")
    day = (clock.now() + timedelta(days=14)).date()
    with chrome.context(chromium) as context:
        page = context.new_page()
        as_one(page, district, "dutylead", f"/console/rosters?team={team['id']}&day={day}")
        for begins, ends in (("08:00", "16:00"), ("15:00", "23:00")):
            page.get_by_test_id("shift-new").click()
            form = page.get_by_test_id("shift-form")
            form.get_by_label("人员").select_option(label="赵大川")
            form.get_by_label("日期").fill(str(day))
            form.get_by_label("开始").fill(begins)
            form.get_by_label("结束").fill(ends)
            page.get_by_test_id("shift-save").click()
            if begins == "08:00":
                expect(form).to_have_count(0)
        expect(page.get_by_test_id("overlap")).to_contain_text("赵大川")
        page.keyboard.press("Escape")
        page.get_by_test_id("roster-publish").click()
        expect(page.get_by_test_id("roster-publish")).to_be_disabled()
        page.get_by_test_id("roster-week").get_by_role("button").first.click()
        page.get_by_test_id("shift-form").get_by_label("开始").fill("07:00")
        page.get_by_test_id("shift-save").click()
        page.get_by_test_id("roster-week").get_by_text("07:00–16:00").wait_for()
    with chrome.context(chromium, size="phone") as context:
        phone = context.new_page()
        as_one(phone, district, "crew", "/field/me")
        shifts = phone.get_by_test_id("my-shifts")
        shifts.get_by_text(f"{day:%m-%d} 07:00–16:00").or_(shifts.get_by_role("button", name="更多")).first.wait_for()
        expect(shifts.get_by_text("有改动")).to_have_count(1)
        shifts.get_by_role("button", name="知道了").click()
        expect(shifts.get_by_text("有改动")).to_have_count(0)
