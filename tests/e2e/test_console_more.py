"""The console over time: other devices, other people, other windows, a service that does not answer."""

from __future__ import annotations

import os
import re
import signal
import time

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.district import District
from tests.e2e import browser as chrome
from tests.e2e.test_console import new_case, opened

from linli.sim.web import Client

pytestmark = [pytest.mark.slow, pytest.mark.e2e]


def signed_in(district: District, who: str) -> Client:
    return Client(district.origin).sign_in(who, district.passwords()[who])


def two_devices(district: District) -> list[str]:
    """Two devices of one kind."""
    found = signed_in(district, "admin").get("devices", limit=100)["items"]
    for one in found:
        same = [other["id"] for other in found if other["model"]["code"] == one["model"]["code"]]
        if len(same) > 1:
            return same[:2]
    raise AssertionError("no two devices of one kind")


def go(page: Page, path: str) -> None:
    """Within the page that is open, as a link does."""
    page.evaluate(
        "path => { history.pushState({}, '', path); dispatchEvent(new PopStateEvent('popstate', {state: {}})) }", path
    )


def test_a_token_is_shown_for_its_own_device_only(district: District, chromium: Browser) -> None:
    first, second = two_devices(district)
    with chrome.context(chromium) as context:
        page = opened(context.new_page(), district, "integrator", f"/console/devices/{first}")
        page.get_by_test_id("tab-keys").click()
        page.get_by_test_id("rotate").click()
        page.get_by_test_id("rotate-yes").click()
        token = page.locator(".once code")
        token.wait_for()
        with page.expect_response(re.compile(f"/devices/{second}/credentials$")):
            go(page, f"/console/devices/{second}")
        page.get_by_test_id("rotate").wait_for()
        expect(token).to_have_count(0)
        with page.expect_response(re.compile(f"/devices/{second}/readings\\?")):
            page.get_by_test_id("tab-readings").click()
        with page.expect_response(re.compile(r"/readings\?")) as asked:
            go(page, f"/console/devices/{first}")
        assert first in asked.value.url


def test_nothing_read_for_one_person_is_left_for_the_next(district: District, chromium: Browser) -> None:
    admin = signed_in(district, "admin")
    area = admin.get("grids/tree")[0]["children"][0]["area_path"]
    with chrome.context(chromium) as context:
        page = opened(context.new_page(), district, "dispatcher", "/console/cases")
        page.get_by_test_id("workspace").select_option(f"area:{area}")
        other = context.new_page()
        other.goto(f"{district.origin}/console/cases")
        other.get_by_test_id("case-list").wait_for()
        page.evaluate("window.kept = true")
        page.get_by_test_id("account-menu").click()
        page.get_by_test_id("sign-out").click()
        page.locator("input[name=username]").wait_for()
        assert page.evaluate("window.kept") is None, "the page was loaded anew"
        other.locator("input[name=username]").wait_for()
        page.locator("input[name=username]").fill("leader")
        page.locator("input[name=password]").fill(district.passwords()["leader"])
        page.get_by_test_id("sign-in-go").click()
        expect(page.get_by_test_id("workspace")).to_have_value("area:")


def test_a_page_of_another_person_is_loaded_anew(district: District, chromium: Browser) -> None:
    with chrome.context(chromium) as context:
        page = opened(context.new_page(), district, "dispatcher", "/console/cases")
        page.get_by_test_id("case-list").wait_for()
        page.evaluate("window.kept = true")
        other = opened(context.new_page(), district, "leader", "/console/account")
        other.get_by_test_id("account-menu").wait_for()
        expect(page.get_by_test_id("account-menu")).to_have_text(other.get_by_test_id("account-menu").inner_text())
        assert page.evaluate("window.kept") is None


def test_visitors_read_no_name_that_is_typed_or_ones_own(district: District, chromium: Browser) -> None:
    me = signed_in(district, "admin").get("me")
    with chrome.context(chromium) as context:
        page = opened(context.new_page(), district, "admin", "/console/account")
        page.get_by_role("heading", level=1).wait_for()
        expect(page.locator("body")).to_contain_text(me["display_name"])
        page.keyboard.press("F8")
        page.get_by_test_id("mask-banner").wait_for()
        page.get_by_test_id("account-menu").click()
        assert me["display_name"] not in page.locator("body").inner_text()
        go(page, "/console/people")
        page.get_by_test_id("accounts").wait_for()
        seen = page.locator("body").inner_text()
        assert me["display_name"] not in seen and not re.search(r"\b(dispatcher|dutylead)\b", seen)
        page.keyboard.press("F8")
    with chrome.context(chromium) as context:
        page = opened(context.new_page(), district, "auditor", "/console/audit")
        page.get_by_test_id("audit").get_by_role("button").first.click()
        page.keyboard.press("F8")
        expect(page.locator("pre").first).to_have_text("••••••")
        page.keyboard.press("F8")
    with chrome.context(chromium) as context:
        page = opened(context.new_page(), district, "intake", "/console/cases?new=1")
        page.get_by_label("电话").fill("13812345678")
        page.keyboard.press("F8")
        expect(page.get_by_label("电话")).to_have_attribute("type", "password")
        page.keyboard.press("F8")
        expect(page.get_by_label("电话")).to_have_value("13812345678")


def test_a_service_that_does_not_answer_is_said(district: District, chromium: Browser) -> None:
    new_case(district, "路灯不亮,服务不答")
    with chrome.context(chromium) as context:
        page = opened(context.new_page(), district, "dispatcher", "/console/live")
        page.get_by_test_id("queue-item").first.wait_for()
        web = district.status()["processes"]["web"]["pids"]
        for pid in web:
            os.kill(pid, signal.SIGSTOP)
        try:
            page.get_by_test_id("queue-all").click()
            expect(page.get_by_test_id("live-banner")).to_contain_text("连接中断", timeout=90_000)
        finally:
            for pid in web:
                os.kill(pid, signal.SIGCONT)
        page.get_by_test_id("live-banner").wait_for(state="detached", timeout=90_000)


def test_a_window_opened_later_learns_what_is_selected(district: District, chromium: Browser) -> None:
    case = new_case(district, "路灯不亮,后开的窗口")
    with chrome.context(chromium) as context:
        live = opened(context.new_page(), district, "dispatcher", f"/console/live/{case['id']}")
        live.get_by_test_id("case-drawer").get_by_test_id("action-bar").wait_for()
        window = context.new_page()
        window.goto(f"{district.origin}/console/window/case")
        expect(window.get_by_test_id("case-page")).to_contain_text(case["number"])
        live.keyboard.press("F8")
        window.get_by_test_id("mask-banner").wait_for()
        live.keyboard.press("F8")
        other = new_case(district, "路灯不亮,按地址打开")
        live.goto(f"{district.origin}/console/live/{other['id']}")
        expect(window.get_by_test_id("case-page")).to_contain_text(other["number"])


def test_an_urgent_case_is_loud_in_a_window_of_its_own(district: District, chromium: Browser) -> None:
    intake = signed_in(district, "intake")
    place = intake.get("compounds", limit=1)["items"][0]
    lamp = next(c for c in intake.get("catalogue")["classes"] if "路灯" in c["zh"])
    intake.post(
        "cases",
        {"text": "路灯漏电", "class_code": lamp["code"], "lon": place["lon"], "lat": place["lat"], "urgent": True},
    )
    with chrome.context(chromium) as context:
        page = opened(context.new_page(), district, "dispatcher", "/console/window/map")
        page.get_by_test_id("ringing").wait_for()
        expect(page.locator("html")).to_have_attribute("data-ringing", "true")


def test_the_bars_numbers_open_exactly_their_rows(district: District, chromium: Browser) -> None:
    intake = signed_in(district, "intake")
    place = intake.get("compounds", limit=1)["items"][0]
    lamp = next(c for c in intake.get("catalogue")["classes"] if "路灯" in c["zh"])
    body = {"text": "路灯倒了", "class_code": lamp["code"], "lon": place["lon"], "lat": place["lat"], "urgent": True}
    intake.post("cases", body)
    with chrome.context(chromium) as context:
        page = opened(context.new_page(), district, "dispatcher", "/console/cases")
        for name, due in (("count-urgent", "pressing"), ("count-soon", "soon")):
            page.get_by_test_id(name).click()
            page.wait_for_url(f"**due={due}*")
            page.wait_for_timeout(2_500)
            shown = int(re.sub(r"\D", "", page.get_by_test_id(name).inner_text()))
            expect(page.get_by_test_id("case-row")).to_have_count(min(shown, 50))
            assert due == "soon" or shown > 0


def test_limits_without_a_source_say_so_in_the_queue(district: District, chromium: Browser) -> None:
    case = new_case(district, "路灯不亮,示例时限")
    with chrome.context(chromium) as context:
        page = opened(context.new_page(), district, "dispatcher", "/console/live")
        page.get_by_test_id("queue-all").click()
        row = page.locator(f"[data-case='{case['id']}']")
        expect(row.get_by_test_id("illustrative")).to_have_text("示例")
        page.get_by_test_id("feed").get_by_text(case["number"]).first.wait_for()  # it was there before the page


def test_a_form_that_was_open_while_a_colleague_acted_is_answered_with_what_changed(
    district: District, chromium: Browser
) -> None:
    case = new_case(district, "路灯不亮,同时处理")
    with chrome.context(chromium) as context:
        page = opened(context.new_page(), district, "dispatcher", f"/console/cases/{case['id']}")
        page.get_by_test_id("do-dispatch").click()
        page.get_by_test_id("act-go").wait_for()
        lead = signed_in(district, "dutylead")
        with page.expect_response(re.compile(f"/cases/{case['id']}$")):
            lead.post(f"cases/{case['id']}/actions/file", {"class": lead.get(f"cases/{case['id']}")["class_code"]})
        page.wait_for_timeout(1_000)
        with page.expect_response(re.compile("/actions/dispatch$")) as answer:
            page.get_by_test_id("act-go").click()
        assert answer.value.status == 409
        expect(page.locator("#act").get_by_role("alert")).to_be_visible()
        with page.expect_response(re.compile("/actions/dispatch$")) as again:
            page.get_by_test_id("act-go").click()
        assert again.value.ok, "once it was read, the form as it stood can be sent"


def test_an_old_tab_after_an_upgrade_is_loaded_anew_once(district: District, chromium: Browser) -> None:
    with chrome.context(chromium) as context:
        page = opened(context.new_page(), district, "admin", "/console/account")
        page.get_by_test_id("account-menu").wait_for()
        page.evaluate("window.kept = true")
        page.route(re.compile(r"/assets/TeamPage-.*\.js"), lambda route: route.fulfill(status=404))
        page.locator("a[href='/console/teams']").first.click()
        page.wait_for_url("**/console/teams")
        page.wait_for_timeout(1_500)
        assert page.evaluate("window.kept") is None
        page.evaluate("window.kept = true")
        page.wait_for_timeout(3_000)
        assert page.evaluate("window.kept") is True, "once, not for ever"
        page.unroute_all()
        page.reload()
        page.get_by_role("heading", level=1, name="队伍").wait_for()


def test_a_map_that_was_moved_stays_where_it_is_when_something_happens(district: District, chromium: Browser) -> None:
    intake = signed_in(district, "intake")
    place = intake.get("compounds", limit=60)["items"][-1]
    lamp = next(c for c in intake.get("catalogue")["classes"] if "路灯" in c["zh"])
    case = intake.post(
        "cases", {"text": "路灯不亮,地图", "class_code": lamp["code"], "lon": place["lon"], "lat": place["lat"]}
    )
    with chrome.context(chromium) as context:
        live = opened(context.new_page(), district, "dispatcher", f"/console/live/{case['id']}")
        live.get_by_test_id("case-drawer").get_by_test_id("action-bar").wait_for()
        page = context.new_page()
        page.goto(f"{district.origin}/console/window/map")
        page.locator("[data-testid=map][data-ready=true]").wait_for()
        box = page.get_by_test_id("map").bounding_box()
        assert box
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

        def over_a_pin() -> bool:
            page.mouse.move(x - 60, y - 160)
            page.wait_for_timeout(200)
            page.mouse.move(x, y, steps=4)
            page.wait_for_timeout(500)
            return bool(page.locator("canvas.maplibregl-canvas").evaluate("it => it.style.cursor === 'pointer'"))

        give_up = time.monotonic() + 20
        while not over_a_pin():
            assert time.monotonic() < give_up, "the case selected is in the middle"
        for _ in range(2):
            page.mouse.move(x + 300, y + 120)
            page.mouse.down()
            page.mouse.move(x, y + 120, steps=5)
            page.mouse.move(x - 250, y + 120, steps=5)
            page.wait_for_timeout(300)  # no fling
            page.mouse.up()
        page.wait_for_timeout(500)
        assert not over_a_pin()
        with page.expect_response(re.compile("/cases/pins")):
            new_case(district, "路灯不亮,别处")
        page.wait_for_timeout(2_000)
        assert not over_a_pin(), "it did not fly back"
