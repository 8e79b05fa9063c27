"""The rules of routing in a browser: a draft, a rule, a dry run, publishing; and the dispatcher reads the reason."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.district import District
from tests.e2e import browser as chrome
from tests.e2e.facts import new_case

from linli.sim.web import Client

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
REASON = {"zh": "路灯试行归社区服务队", "en": "Street lamps go to the community team on trial"}


def test_a_rule_is_written_tried_published_and_read_by_the_dispatcher(district: District, chromium: Browser) -> None:
    words = district.passwords()
    case = new_case(district, "路灯不亮, 已三天")
    admin = Client(district.origin).sign_in("admin", words["admin"])
    lamp = next(c["code"] for c in admin.get("catalogue")["classes"] if "路灯" in c["zh"])
    community = next(t for t in admin.get("teams", limit=100)["items"] if t["kind"] == "community")
    with chrome.context(chromium) as desk:
        page = desk.new_page()
        chrome.sign_in(page, district.origin, "admin", words["admin"], "/console/routing/packs")
        page.get_by_test_id("routing-new").click()
        expect(page.get_by_test_id("routing-publish")).to_be_disabled()  # no dry run yet
        write_rule(page, lamp, community["code"])
        expect(page.get_by_test_id("rule-1")).to_contain_text(REASON["zh"])
        page.get_by_test_id("rule-find").fill(lamp)
        expect(page.get_by_test_id("rule-1")).to_be_visible()
        page.get_by_test_id("dry-run-go").click()
        expect(page.get_by_test_id("dry-run-said")).to_contain_text("最近 30 天")
        expect(page.get_by_test_id("dry-run-moves")).to_contain_text(community["name_zh"])
        page.get_by_test_id("routing-publish").click()
        page.get_by_test_id("publish-go").click()
        expect(page.get_by_test_id("routing-copy")).to_be_visible()
    try:
        with chrome.context(chromium) as desk:
            page = desk.new_page()
            chrome.sign_in(page, district.origin, "dispatcher", words["dispatcher"], f"/console/cases/{case['id']}")
            page.get_by_test_id("do-dispatch").click()
            first = page.locator(".team").first
            expect(first).to_contain_text(community["name_zh"])
            expect(first).to_contain_text(REASON["zh"])
            expect(first).to_contain_text("在办任务")
    finally:  # other tests go on by the rules of the packs
        back_to_the_packs(admin)


def write_rule(page: Page, class_code: str, team: str) -> None:
    page.get_by_test_id("rule-new").click()
    page.get_by_test_id("rule-class").fill(class_code)
    page.get_by_role("radio", name="一支队伍").check()
    page.get_by_test_id("rule-team").select_option(team)
    page.get_by_test_id("rule-zh").fill(REASON["zh"])
    page.get_by_test_id("rule-en").fill(REASON["en"])
    page.get_by_test_id("rule-keep").click()


def back_to_the_packs(admin: Client) -> None:
    back = admin.post("routing", {"rules": admin.get("routing/packs")["rules"]})
    admin.post(f"routing/{back['id']}/dry-run", {"days": 1})
    admin.post(f"routing/{back['id']}/publish", {"edition": 1})
