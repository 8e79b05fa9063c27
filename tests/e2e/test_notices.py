"""A team's lead chooses notices by e-mail, confirms the address by a real letter, and a reminder reaches the box."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect
from tests.district import District
from tests.e2e import browser as chrome
from tests.e2e.facts import new_case
from tests.portal.mailbox import Mailbox

from linli.sim.web import Client

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
PATIENCE = 150  # the job that sends looks every minute


@pytest.fixture(scope="module")
def box() -> Iterator[Mailbox]:
    made = Mailbox()
    yield made
    made.close()


@pytest.fixture(scope="module")
def with_mail(box: Mailbox) -> Iterator[District]:
    """A demo district of its own, with a server for mail."""
    server = {"LINLI_MAIL_URL": f"smtp://127.0.0.1:{box.port}?tls=none", "LINLI_MAIL_FROM": "linli@district.example"}
    with District(demo=True, env=server) as running:
        yield running


def letter(box: Mailbox, count: int) -> str:
    ends = time.monotonic() + PATIENCE
    while len(box.letters) < count and time.monotonic() < ends:
        time.sleep(0.5)
    assert len(box.letters) == count
    return str(box.letters[-1].get_content())  # type: ignore[attr-defined]


def test_a_reminder_reaches_the_box_of_a_lead_who_chose_it(
    with_mail: District, box: Mailbox, chromium: Browser
) -> None:
    district, passwords = with_mail, with_mail.passwords()
    with chrome.context(chromium) as context:
        page = context.new_page()
        chrome.sign_in(page, district.origin, "crew", passwords["crew"], "/healthz")
        page.goto(f"{district.origin}/console/notices")
        page.get_by_test_id("notices-form").wait_for(timeout=60_000)
        expect(page.get_by_test_id("notices-remind-app")).to_be_checked()
        page.get_by_test_id("notices-remind-mail").check()
        page.get_by_test_id("notices-save").click()
        expect(page.get_by_test_id("notices-save")).to_be_disabled()
        page.get_by_test_id("notices-email").fill("crew@mail.example")
        page.get_by_test_id("notices-ask").click()
        expect(page.get_by_test_id("notices-address")).to_contain_text("待确认")
        found = re.search(r"/console/notices\?confirm=\S+", letter(box, 1))
        assert found
        page.goto(district.origin + found[0])
        expect(page.get_by_test_id("notices-address")).to_contain_text("已确认")
        expect(page.get_by_test_id("notices-address")).not_to_contain_text("crew@mail.example")
    desk, boss = (Client(district.origin).sign_in(who, passwords[who]) for who in ("dispatcher", "supervisor"))
    case = desk.get(f"cases/{new_case(district, '路灯不亮, 请班组来看')['id']}")
    team = next(one for one in desk.get("teams", limit=100)["items"] if one["code"] == "pump")
    desk.post(f"cases/{case['id']}/actions/dispatch", {"version": case["version"], "team": team["id"]})
    boss.post("supervision/reminders", {"case_ids": [case["id"]], "note": "请今日到场"})
    body = letter(box, 2)
    assert case["number"] in body and "催办" in body and "请今日到场" not in body and "路灯不亮" not in body
