"""The console by hand and key: dispatch and undo, claims, visitor mode, linked windows, grids, lost streams."""

from __future__ import annotations

import os
import signal

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.district import District
from tests.e2e import browser as chrome
from tests.e2e.facts import new_case

pytestmark = [pytest.mark.slow, pytest.mark.e2e]


def opened(page: Page, district: District, who: str, path: str) -> Page:
    chrome.sign_in(page, district.origin, who, district.passwords()[who], path)
    return page


def test_sign_in_says_what_is_wrong(district: District, chromium: Browser) -> None:
    with chrome.context(chromium) as context:
        page = context.new_page()
        page.goto(f"{district.origin}/console/cases")
        page.locator("input[name=username]").fill("dispatcher")
        page.locator("input[name=password]").fill("not the password")
        page.get_by_test_id("sign-in-go").click()
        expect(page.get_by_test_id("sign-in-error")).to_contain_text("账号或密码不对")
        page.get_by_test_id("language").click()
        page.locator("input[name=password]").fill(district.passwords()["dispatcher"])
        page.get_by_test_id("sign-in-go").click()
        page.get_by_test_id("case-list").wait_for()
        assert page.url.endswith("/console/cases"), "back where one wanted to go"


def test_three_keys_dispatch_and_ten_seconds_undo(district: District, chromium: Browser) -> None:
    case = new_case(district, "路灯不亮,三键派遣")
    with chrome.context(chromium) as context:
        page = opened(context.new_page(), district, "dispatcher", f"/console/live/{case['id']}")
        page.get_by_test_id("case-drawer").get_by_test_id("action-bar").wait_for()
        page.keyboard.press("d")
        page.get_by_test_id("act-go").wait_for()
        page.keyboard.press("Enter")
        page.get_by_test_id("toast-undo").click()
        expect(page.get_by_test_id("toast").last).to_contain_text("派遣已撤销")
        expect(page.get_by_test_id("dispatch-now")).to_be_visible()


def test_a_claim_is_seen_by_others_and_masked_for_visitors(district: District, chromium: Browser) -> None:
    case = new_case(district, "路灯不亮,谁在处理")
    with chrome.context(chromium) as one, chrome.context(chromium) as other:
        desk = opened(one.new_page(), district, "dutylead", f"/console/cases/{case['id']}")
        watcher = opened(other.new_page(), district, "dispatcher", "/console/live")
        watcher.get_by_test_id("queue-item").first.wait_for()
        desk.get_by_test_id("claim").click()
        item = watcher.locator(f"[data-case='{case['id']}'] [data-testid=claimed]")
        expect(item).to_contain_text("顾远")
        watcher.keyboard.press("F8")
        expect(item).not_to_contain_text("顾远")
        watcher.get_by_test_id("mask-banner").wait_for()


def test_a_contact_needs_a_reason_and_is_logged(district: District, chromium: Browser) -> None:
    case = new_case(district, "路灯不亮,回访")
    with chrome.context(chromium) as context:
        page = opened(context.new_page(), district, "dutylead", f"/console/cases/{case['id']}")
        page.get_by_test_id("contact-ask").wait_for()
        assert "13812345678" not in page.content()
        page.get_by_test_id("contact-ask").click()
        page.get_by_label("查看理由").fill("回访处理结果")
        page.keyboard.press("Enter")
        page.get_by_text("13812345678").wait_for()
        page.goto(f"{district.origin}/console/personal-reads")
        page.get_by_test_id("reads").get_by_text("回访处理结果").first.wait_for()


def test_linked_windows_follow_one_selection(district: District, chromium: Browser) -> None:
    case = new_case(district, "路灯不亮,三个屏幕")
    with chrome.context(chromium) as context:
        queue = opened(context.new_page(), district, "dispatcher", "/console/window/queue")
        window = context.new_page()
        window.goto(f"{district.origin}/console/window/case")
        window.get_by_test_id("window-case").wait_for()
        queue.get_by_test_id("queue-all").click()
        queue.locator(f"[data-case='{case['id']}']").click()
        expect(window.get_by_test_id("case-page")).to_contain_text(case["number"])


def test_a_grid_is_split_with_preview_and_taken_back(district: District, chromium: Browser) -> None:
    with chrome.context(chromium) as context:
        page = opened(context.new_page(), district, "admin", "/console/grids")
        page.locator("[data-testid=map][data-ready=true]").wait_for()
        page.get_by_label("按名称或编码查找").fill("万里社区第一网格 1")
        page.get_by_test_id("grid-tree").locator(".name").last.click()
        page.get_by_test_id("grid-split").click()
        page.wait_for_timeout(1500)  # the map flies to the grid
        box = page.get_by_test_id("map").bounding_box()
        assert box
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        for dx in (-280, 0, 280):
            page.mouse.click(x + dx, y)
            page.wait_for_timeout(450)
        page.get_by_test_id("grid-preview-go").click()
        expect(page.get_by_test_id("grid-preview")).to_contain_text("没有重叠和空隙")
        page.get_by_test_id("grid-apply").click()
        page.get_by_test_id("toast-undo").click()
        expect(page.get_by_test_id("toast").last).to_contain_text("已撤销")


def test_a_lost_stream_is_said_and_comes_back(district: District, chromium: Browser) -> None:
    with chrome.context(chromium) as context:
        page = opened(context.new_page(), district, "dispatcher", "/console/live")
        page.get_by_test_id("queue").wait_for()
        page.wait_for_timeout(2000)
        live = district.pid("live")
        os.kill(live, signal.SIGSTOP)
        try:
            page.get_by_test_id("live-banner").wait_for(timeout=60_000)
            expect(page.get_by_test_id("live-banner")).to_contain_text("连接中断")
        finally:
            os.kill(live, signal.SIGCONT)
        page.get_by_test_id("live-banner").wait_for(state="detached", timeout=60_000)
