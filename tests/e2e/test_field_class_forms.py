"""Forms of a class on the phone: asked offline, checked before they go out, seen at the desk; and the old phone."""

from __future__ import annotations

import time
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.district import District
from tests.e2e import browser as chrome
from tests.e2e import phones
from tests.e2e.test_field_offline import photo_file

from linli.sim.web import Client

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
EBIKES = "202170"


def desk_of(district: District) -> Client:
    return Client(district.origin, verify=False).sign_in("dispatcher", district.passwords()["dispatcher"])


def answers(desk: Client, case_id: str) -> dict[str, object]:
    return {one["form"]["code"]: one["answers"] for one in desk.get(f"cases/{case_id}/class-forms")["items"]}


def test_a_report_without_a_network_asks_what_its_class_asks(
    district: District, chromium: Browser, tmp_path: Path
) -> None:
    passwords, text = district.passwords(), f"楼道充电 {time.time_ns()}"
    with phones.phone(chromium) as context:
        page = phones.open_field(context, district.origin, "member", passwords["member"])
        page.get_by_test_id("report").click()
        page.locator(f"[data-testid=report-class] option[value='{EBIKES}']").wait_for(state="attached")
        page.wait_for_timeout(1_000)  # the forms are kept
        context.set_offline(True)
        page.get_by_test_id("report-photo").set_input_files(photo_file(tmp_path / "p.jpg", side=900))
        page.locator(".thumbs img").wait_for()
        page.get_by_test_id("report-text").fill(text)
        expect(page.get_by_test_id("class-form")).to_have_count(0)
        page.get_by_test_id("report-class").select_option(EBIKES)
        expect(page.get_by_test_id("class-form")).to_have_count(1)
        page.get_by_test_id("report-send").click()
        expect(page.get_by_role("alert")).to_contain_text("在哪里充电")
        assert phones.items(page) == [], "nothing went into the outbox"
        page.get_by_test_id("answer-spot-stairs").check()
        page.locator("#q-count").fill("2")
        page.locator("#q-count").press("Tab")
        page.get_by_test_id("report-send").click()
        expect(page.get_by_role("alert")).to_contain_text("疏散通道")  # asked because of the stairs
        page.get_by_test_id("answer-blocks-yes").check()
        assert not chrome.axe_violations(page)
        page.get_by_test_id("report-send").click()
        page.get_by_test_id("report").wait_for()
        assert [one["state"] for one in phones.items(page)] == ["waiting"]
        context.set_offline(False)
        phones.wait_sent(page, 1)
        desk = desk_of(district)
        found = phones.cases_saying(district.origin, passwords, text)
        assert len(found) == 1 and len(found[0]["photos"]) == 1
        given = answers(desk, found[0]["id"])
        assert given == {"ebike_charging": {"spot": "stairs", "count": 2, "blocks": "yes"}, "ebike_settled": None}
        expect(page.get_by_test_id("ask-card")).to_have_count(0)
    on_the_case(district, chromium, found[0]["id"])


def on_the_case(district: District, chromium: Browser, case_id: str) -> None:
    with chrome.context(chromium) as context:
        page = context.new_page()
        chrome.sign_in(page, district.origin, "dispatcher", district.passwords()["dispatcher"],
                       f"/console/cases/{case_id}")  # fmt: skip
        form = page.get_by_test_id("case-form").first
        form.wait_for()
        expect(form).to_contain_text("楼道或楼梯间")
        expect(form.get_by_test_id("case-form-missing")).to_have_count(0)


def test_a_phone_that_knows_no_form_loses_nothing_and_is_asked_afterwards(
    district: District, chromium: Browser
) -> None:
    passwords = district.passwords()
    old = Client(district.origin, verify=False).sign_in("member", passwords["member"])
    place = {"lon": phones.PLACE["longitude"], "lat": phones.PLACE["latitude"]}
    made = old.post("cases", {"id": str(uuid4()), "kind": "problem", "channel": "patrol", "class_code": EBIKES,
                              "text": "旧手机上报", **place})  # fmt: skip
    with phones.phone(chromium) as context:
        page = phones.open_field(context, district.origin, "member", passwords["member"])
        card = page.locator(f'[data-testid=ask-card][href*="{made["id"]}"]')
        card.click()
        page.get_by_test_id("answer-spot-line").check()
        page.get_by_test_id("ask-send").click()
        expect(page.get_by_role("alert")).to_contain_text("几辆车")
        page.locator("#q-count").fill("3")
        page.wait_for_timeout(600)  # kept a moment after the last touch
        page.reload()  # the answers survive a restart
        expect(page.get_by_test_id("answer-spot-line")).to_be_checked()
        page.locator("#q-count").fill("3")
        page.locator("#q-count").press("Tab")
        page.get_by_test_id("ask-send").click()
        phones.wait_sent(page, 1)
        expect(card).to_have_count(0)
    assert answers(desk_of(district), made["id"])["ebike_charging"] == {"spot": "line", "count": 3}


def ebike_task(district: District) -> tuple[str, str]:
    """A case of the class with the crew's team: (case id, task id)."""
    lead = Client(district.origin, verify=False).sign_in("dutylead", district.passwords()["dutylead"])
    place = {"lon": phones.PLACE["longitude"], "lat": phones.PLACE["latitude"]}
    made = lead.post("cases", {"text": f"充电 {time.time_ns()}", "class_code": EBIKES, "channel": "staff", **place})
    other = phones.task_for_crew(district.origin, district.passwords(), f"井盖 {time.time_ns()}")
    team = lead.get(f"tasks/{other}")["team_id"]
    lead.post(f"cases/{made['id']}/actions/dispatch", {"team": team})
    return made["id"], str(lead.get("tasks", case_id=made["id"])["items"][0]["id"])


def take_photos(page: Page, photo: Path) -> None:
    for stage in ("photo-before", "photo-after"):
        page.get_by_test_id(stage).set_input_files(photo)
        expect(page.locator(f"button:has(+ [data-testid={stage}])")).to_contain_text("1 ✓")


def test_work_is_finished_without_a_network_with_the_form_of_its_class(
    district: District, chromium: Browser, tmp_path: Path
) -> None:
    case_id, task_id = ebike_task(district)
    with phones.phone(chromium) as context:
        page = phones.open_field(context, district.origin, "crew", district.passwords()["crew"])
        page.locator(f'[data-testid=task-card][href$="{task_id}"]').click()
        page.get_by_test_id("accept").click()
        page.wait_for_timeout(1_000)
        context.set_offline(True)
        page.get_by_test_id("arrive").click()
        take_photos(page, photo_file(tmp_path / "p.jpg", side=900))
        page.get_by_test_id("finish").click()
        expect(page.get_by_role("alert")).to_contain_text("处置方式")
        page.get_by_test_id("answer-done-moved").check()
        page.get_by_test_id("answer-done-told").check()
        page.get_by_test_id("finish").click()
        page.get_by_test_id("report").wait_for()
        assert not [one for one in phones.items(page) if one["state"] == "refused"]
        context.set_offline(False)
        phones.wait_sent(page, 6)
    desk = desk_of(district)
    assert answers(desk, case_id)["ebike_settled"] == {"done": ["moved", "told"]}
