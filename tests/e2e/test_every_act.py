"""Every act of the transition table from the case page, by the person whose act it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import Browser, Page, expect
from tests.district import District
from tests.e2e import browser as chrome
from tests.e2e.facts import new_case

from linli.kernel import clock
from linli.sim.pictures import street
from linli.sim.web import Client

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
DAY = (clock.now() + timedelta(days=9)).date().isoformat()
NOTE = "按现场情况处理"

# Who, which act, and the state that it leads to.
WALKS: dict[str, str] = {
    "verify before filing": """
        dutylead ask_check verifying
        dutylead confirm_true accepted
        dutylead ask_check verifying
        dutylead confirm_false cancelled
        dutylead reopen filed
        dutylead reclassify filed
    """,
    "reject, cancel, reopen": """
        dutylead accept accepted
        dutylead reject rejected
        dutylead reopen filed
        dutylead cancel cancelled
    """,
    "transfer between centres": """
        wanlidesk transfer in_transfer
        dutylead decline_transfer submitted
        wanlidesk transfer in_transfer
        wanlidesk withdraw_transfer submitted
        wanlidesk transfer in_transfer
        dutylead take_over submitted
    """,
    "mediation": """
        dutylead mediate mediation
        dutylead unsettled filed
        dutylead mediate mediation
        dutylead recall_mediation filed
        dutylead mediate mediation
        dutylead settle handled
    """,
    "refer elsewhere": """
        dutylead refer referred
        dutylead referral_refused filed
        dutylead refer referred
        dutylead recall_referral filed
        dutylead refer referred
        dutylead referral_done handled
    """,
    "handled in the grid": """
        member self_handle handled
        dutylead refile filed
    """,
    "more time, kept waiting": """
        dutylead file filed
        dutylead dispatch dispatched
        dutylead recall filed
        dutylead dispatch dispatched
        crew take handling
        crew return filed
        dutylead dispatch dispatched
        crew take handling
        crew ask_extension handling
        dutylead refuse_extension handling
        crew2 ask_extension handling
        dutylead grant_extension handling
        dutylead extend handling
        dutylead suspend suspended
        dutylead recheck suspended
        dutylead resume handling
        dutylead supervise handling
        crew answer_supervision handling
        dutylead lift_supervision handling
        crew finish handled
        dutylead rework dispatched
        crew finish handled
        dutylead check checked
        dutylead close closed
        dutylead follow_up closed
        dutylead evaluate evaluated
    """,
}
STEPS = {walk: [line.split() for line in text.strip().splitlines()] for walk, text in WALKS.items()}
ELSEWHERE = {"split", "merge", "unmerge"}  # by hand in test_side_paths.py


class Desks:
    """The case page of each person, each in a browser of their own."""

    def __init__(self, district: District, chromium: Browser, stack: ExitStack) -> None:
        self.district, self.chromium, self.stack = district, chromium, stack
        self.pages: dict[str, Page] = {}

    def page(self, account: str) -> Page:
        if account not in self.pages:
            page = self.stack.enter_context(chrome.context(self.chromium)).new_page()
            chrome.sign_in(page, self.district.origin, account, self.district.passwords()[account], "/healthz")
            self.pages[account] = page
        return self.pages[account]


@pytest.fixture(scope="module")
def desks(district: District, chromium: Browser) -> Iterator[Desks]:
    with ExitStack() as stack:
        yield Desks(district, chromium, stack)


def fill(page: Page, act: str, photo: Path) -> None:
    """Whatever the form of this act asks for."""
    form = page.get_by_test_id(f"act-{act}")
    for days in form.locator("input[type=date]").all():
        days.fill(DAY)
    for hours in form.locator("input[type=number]").all():
        hours.fill("8")
    for choice in form.locator("select[required]").all():
        choice.select_option(index=1 if choice.locator("option[disabled]").count() else 0)
    for name in form.get_by_test_id("refer-to").all():
        name.fill("区水务局")
    for file in form.locator("input[type=file]").all():
        file.set_input_files(photo)
    form.locator("textarea").last.fill(NOTE)


def acted(page: Page, address: str, act: str, photo: Path) -> dict[str, Any]:
    page.goto(address)
    page.get_by_test_id("action-bar").wait_for()
    button = page.get_by_test_id(f"do-{act}")
    if not button.is_visible():
        page.get_by_test_id("more-acts").locator("summary").click()
    button.click()
    form = page.get_by_test_id(f"act-{act}")
    form.wait_for()
    if form.locator("input[name=team]").count():
        form.locator("input[name=team]").first.check()
    fill(page, act, photo)
    with page.expect_response(f"**/actions/{act}") as answer:
        page.get_by_test_id("act-go").click()
    assert answer.value.ok, (act, answer.value.text())
    expect(form).to_have_count(0)
    return dict(answer.value.json())


@pytest.mark.parametrize("walk", WALKS)
def test_every_act_has_its_form(district: District, desks: Desks, walk: str, tmp_path: Path) -> None:
    photo = tmp_path / "after.jpg"
    photo.write_bytes(street(flooded=False, seed=5))
    made = new_case(district, f"雨水篦子堵了 ({walk})", class_code="202152", **where(district, walk))
    for account, act, state in STEPS[walk]:
        page = desks.page(account)
        done = acted(page, f"{district.origin}/console/cases/{made['id']}", act, photo)
        assert done["state"] == state, (account, act, done["state"])
    assert page.get_by_test_id("case-page").is_visible()


def where(district: District, walk: str) -> dict[str, float]:
    """A place of the sub-centre for transfers, of the member for what is handled in the grid."""
    who = {"transfer between centres": "wanlidesk", "handled in the grid": "member"}.get(walk, "dutylead")
    seen = Client(district.origin).sign_in(who, district.passwords()[who])
    place = seen.get("compounds", limit=1)["items"][0]
    return {"lon": place["lon"], "lat": place["lat"]}


def test_no_act_is_without_a_screen() -> None:
    table = yaml.safe_load(Path("packs/standard/transitions/cases.yaml").read_text())
    shown = {act for steps in STEPS.values() for _, act, _ in steps}
    assert {act["act"] for act in table["transitions"]} == shown | ELSEWHERE
