"""Patrols: planned at the desk, signed on to at the point, covered by grid and never by person."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, expect
from tests.district import District
from tests.e2e import browser as chrome
from tests.e2e import phones

from linli.sim.web import Client

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
GATE = phones.PLACE
AWAY = {**GATE, "latitude": GATE["latitude"] + 0.01}  # a kilometre north


@pytest.fixture
def lead(district: District) -> Iterator[Client]:
    """Ends the plans that a test made, and the duty of those who walked."""
    client = Client(district.origin, verify=False).sign_in("dutylead", district.passwords()["dutylead"])
    before = {one["id"] for one in client.get("patrol-plans", limit=100)["items"]}
    yield client
    for plan in client.get("patrol-plans", limit=100)["items"]:
        if plan["id"] not in before:
            client.post(f"patrol-plans/{plan['id']}/end", {})
    for name in ("patrol1", "enforcement1"):
        walker = Client(district.origin, verify=False).sign_in(name, district.passwords()[name])
        if duty := walker.get("duty/me"):
            walker.post(f"duty/{duty['id']}/end", {})


def console(context: BrowserContext, district: District, path: str = "/console/patrols") -> Page:
    page = context.new_page()
    chrome.sign_in(page, district.origin, "dutylead", district.passwords()["dutylead"], path)
    return page


def make_plan(page: Page, name: str, kind: str, teams: list[str], point: str) -> None:
    """As a lead does it: by the form, all day, a sign-on each day."""
    page.get_by_test_id("plan-new").click()
    form = page.get_by_role("dialog")
    form.get_by_label("名称").fill(name)
    form.get_by_label("种类").select_option(kind)
    form.get_by_label("队伍").select_option(label=teams)
    for label in ("开始", "结束"):
        form.get_by_label(label).fill("00:00")
    form.get_by_label("点位").fill(f"{point},{GATE['longitude']},{GATE['latitude']},80,1440")
    page.get_by_test_id("plan-save").click()
    form.wait_for(state="detached")
    page.get_by_test_id("plans").get_by_text(name).wait_for()


def row_of(page: Page, lead: Client, plan: str) -> Locator:
    """The coverage row of the grid in which the plan's point lies."""
    (made,) = [one for one in lead.get("patrol-plans", limit=100)["items"] if one["name"] == plan]
    (grid,) = [one for one in lead.get("patrols/coverage") if one["area_path"] == made["points"][0]["area_path"]]
    return page.get_by_test_id("coverage").locator("tr", has=page.get_by_text(grid["name"]["zh"], exact=True))


def kept(row: Locator) -> tuple[int, int]:
    """Sign-ons done and due, as the row says; (0, 0) for a dash."""
    done, _, due = row.locator("td").nth(2).inner_text().partition("/")
    return (int(done), int(due)) if due else (0, 0)


def walker(context: BrowserContext, district: District, account: str) -> Page:
    return phones.open_field(context, district.origin, account, district.passwords()[account])


def go_on_duty(page: Page) -> None:
    page.get_by_test_id("me").click()
    page.get_by_test_id("duty").click()
    page.get_by_test_id("duty-mark").wait_for()


def card(page: Page, name: str) -> Locator:
    page.locator("nav a").first.click()
    page.get_by_test_id("patrol").click()
    found = page.get_by_test_id("point-card").filter(has_text=name)
    found.wait_for()
    return found


def test_a_school_post_is_signed_on_to_at_the_gate_and_seen_in_the_coverage(
    district: District, chromium: Browser, lead: Client
) -> None:
    name, gate = f"护学岗 {time.time_ns()}", f"校门 {time.time_ns()}"
    with chrome.context(chromium) as desk, phones.phone(chromium, geolocation=AWAY) as context:
        screen = console(desk, district)
        make_plan(screen, name, "school", ["治安巡逻队"], gate)
        row = row_of(screen, lead, name)
        done, due = kept(row)
        page = walker(context, district, "patrol1")
        expect(card(page, gate).get_by_test_id("point-sign")).to_be_disabled()
        go_on_duty(page)
        phones.wait_sent(page, 1)
        post = card(page, gate)
        expect(post).to_contain_text("护学岗")
        expect(post).to_contain_text("这一轮还没有人到")
        post.get_by_test_id("point-sign").click()
        expect(page.get_by_role("alert")).to_contain_text("还远")
        assert len(phones.items(page)) == 1, "a sign-on from a kilometre away went into the outbox"
        context.set_geolocation(GATE)
        page.wait_for_timeout(500)
        post.get_by_test_id("point-sign").click()
        phones.wait_sent(page, 2)
        expect(page.get_by_role("alert")).to_have_count(0)
        page.reload()
        expect(card(page, gate)).to_contain_text("✓")
        row.get_by_text(f"{done + 1}/{due + 1}").wait_for()  # the desk's screen follows by itself
        assert "孙立" not in screen.locator("main").inner_text(), "coverage is by grid, not by person"


def test_a_joint_shift_is_kept_by_any_of_its_teams(district: District, chromium: Browser, lead: Client) -> None:
    name, gate = f"联勤 {time.time_ns()}", f"广场 {time.time_ns()}"
    with chrome.context(chromium) as desk:
        make_plan(console(desk, district), name, "joint", ["治安巡逻队", "城管执法队"], gate)
    with phones.phone(chromium) as one, phones.phone(chromium) as two:
        patrol, enforcement = walker(one, district, "patrol1"), walker(two, district, "enforcement1")
        expect(card(enforcement, gate)).to_contain_text("这一轮还没有人到")
        go_on_duty(patrol)
        card(patrol, gate).get_by_test_id("point-sign").click()
        phones.wait_sent(patrol, 2)
        enforcement.reload()
        expect(card(enforcement, gate)).to_contain_text("✓")


def test_a_sign_on_at_a_point_waits_for_the_sign_on_to_duty_and_still_shows(
    district: District, chromium: Browser, lead: Client
) -> None:
    """On a bad line the later of two requests may get through first: the service would refuse it as off duty."""
    name, gate = f"巡查 {time.time_ns()}", f"闸口 {time.time_ns()}"
    with chrome.context(chromium) as desk:
        make_plan(console(desk, district), name, "round", ["治安巡逻队"], gate)
    with phones.phone(chromium) as context:
        page = walker(context, district, "patrol1")
        card(page, gate)
        held: dict[str, Any] = {"on": True}

        def bad_line(route: Route) -> None:
            route.abort() if held["on"] and route.request.method == "PUT" else route.fallback()

        page.route("**/api/v1/duty/*", bad_line)
        go_on_duty(page)
        card(page, gate).get_by_test_id("point-sign").click()
        page.wait_for_timeout(2500)
        assert [one["state"] for one in phones.items(page)] == ["waiting", "waiting"], phones.items(page)
        page.reload()
        again = card(page, gate)
        page.wait_for_timeout(1000)  # the service's answer does not know of it yet
        expect(again).not_to_contain_text("这一轮还没有人到")
        held["on"] = False
        phones.wait_sent(page, 2)
    (made,) = [one for one in lead.get("patrol-plans", limit=100)["items"] if one["name"] == name]
    walked = Client(district.origin, verify=False).sign_in("patrol1", district.passwords()["patrol1"])
    (point,) = [one for one in walked.get("patrols/mine") if one["id"] == made["points"][0]["id"]]
    assert (point["open"], point["done"]) == (False, 1)
