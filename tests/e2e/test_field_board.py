"""The bulletin board on the phone: new on the first screen, read without a network, a receipt that goes out once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, expect
from tests.district import District
from tests.e2e import phones

from linli.sim.web import Client

pytestmark = [pytest.mark.slow, pytest.mark.e2e]


class Board:
    """Writes notes as the duty lead, and takes them down again."""

    def __init__(self, district: District) -> None:
        self.lead = Client(district.origin, verify=False).sign_in("dutylead", district.passwords()["dutylead"])
        found = self.lead.get("centres", limit=100)["items"]
        self.centres = {one["code"]: one["id"] for one in found}
        self.written: list[str] = []

    def write(self, centre: str, title: str, **more: Any) -> str:
        note = self.lead.post("board", {"centre_id": self.centres[centre], "title": title, **more})
        self.written.append(note["id"])
        return str(note["id"])

    def withdraw(self, note_id: str) -> None:
        self.lead.post(f"board/{note_id}/withdraw", {})

    def readers(self, note_id: str) -> int:
        rows = self.lead.get("board", past=True, limit=100)["items"]
        return int(next(one for one in rows if one["id"] == note_id)["read_count"])


@pytest.fixture
def board(district: District) -> Iterator[Board]:
    made = Board(district)
    yield made
    for note_id in made.written:
        made.withdraw(note_id)


def unread(page: Page) -> int:
    """What the first screen says; read only when the service's answer is there."""
    page.wait_for_timeout(1000)
    found = page.get_by_test_id("board-new")
    return int("".join(c for c in found.locator(".strong").inner_text() if c.isdigit())) if found.count() else 0


def note(page: Page, title: str) -> Locator:
    return page.get_by_test_id("note").filter(has_text=title)


def loses_the_first_answer(context: BrowserContext, addresses: str) -> list[int]:
    """The service does what it was asked, and the phone does not hear of it the first time."""
    lost: list[int] = []

    def lose(route: Route) -> None:
        if lost:
            return route.fallback()
        lost.append(route.fetch().status)
        return route.abort()

    context.route(addresses, lose)
    return lost


def test_a_note_is_new_on_the_first_screen_read_offline_and_counted_once(
    district: District, chromium: Browser, board: Board
) -> None:
    title = f"防汛值守 {time.time_ns()}"
    with phones.phone(chromium, service_workers="allow") as context:
        page = phones.open_field(context, district.origin, "crew", district.passwords()["crew"])
        page.wait_for_function("caches.keys().then(names => names.length > 0)")
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        page.reload()
        page.get_by_test_id("report").wait_for()
        before = unread(page)
        note_id = board.write("command", title, text="先看下穿通道水位。", pinned=True)
        card = page.get_by_test_id("board-new")  # the phone hears of it by itself
        expect(card.locator(".strong")).to_contain_text(str(before + 1))
        expect(card).to_contain_text(title)
        context.set_offline(True)
        page.reload()
        expect(page.get_by_test_id("board-new").locator(".strong")).to_contain_text(str(before + 1))
        page.get_by_test_id("board-new").click()
        expect(note(page, title)).to_contain_text("先看下穿通道水位。")
        note(page, title).get_by_test_id("note-read").click()
        note(page, title).get_by_test_id("note-done").wait_for()
        page.reload()
        note(page, title).get_by_test_id("note-done").wait_for()
        page.locator("nav a").first.click()
        assert unread(page) == before
        assert board.readers(note_id) == 0
        lost = loses_the_first_answer(context, f"**/board/{note_id}/read")
        context.set_offline(False)
        phones.wait_sent(page, 1)
        assert lost == [200] and board.readers(note_id) == 1
        board.withdraw(note_id)
        page.get_by_test_id("board").click()
        expect(note(page, title)).to_have_count(0, timeout=15_000)


def test_a_note_taken_down_before_its_receipt_went_out_is_no_failure(
    district: District, chromium: Browser, board: Board
) -> None:
    title = f"停水 {time.time_ns()}"
    with phones.phone(chromium) as context:
        note_id = board.write("command", title)
        page = phones.open_field(context, district.origin, "crew", district.passwords()["crew"])
        page.get_by_test_id("board").click()
        note(page, title).wait_for()
        context.set_offline(True)
        note(page, title).get_by_test_id("note-read").click()
        board.withdraw(note_id)
        context.set_offline(False)
        phones.wait_sent(page, 1)
        expect(note(page, title)).to_have_count(0)


def test_a_member_has_the_notes_of_the_own_centres_only(district: District, chromium: Browser, board: Board) -> None:
    mine, other = f"万里 {time.time_ns()}", f"徐桥 {time.time_ns()}"
    board.write("wanli", mine)
    board.write("xuqiao", other)
    for name, there in (("member", True), ("crew", False)):
        with phones.phone(chromium) as context:
            page = phones.open_field(context, district.origin, name, district.passwords()[name])
            page.get_by_test_id("board").click()
            page.get_by_test_id("note").first.wait_for()
            expect(note(page, mine)).to_have_count(int(there))
            expect(note(page, other)).to_have_count(0)
