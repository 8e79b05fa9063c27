"""From the scan to the ticket: a resident who does only what the page demands, one thing at a time, and counts.

Nothing is known here of the form but what the page itself says is missing. A new required field, a page in between or a
question after sending each make the count grow, and the test fails.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from tests.district import District
from tests.e2e import browser as chrome

from linli.home import Home
from linli.sim.homefiles import demo
from linli.sim.pictures import street

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
MOST = 3
MISSING = "#errors a[href^='#'], :invalid:not(form):not(fieldset)"  # what the page names, and what the browser would


class Resident:
    """Counts what they do; scanning the code is where they begin."""

    def __init__(self, page: Page, photo: Path | None) -> None:
        self.page, self.photo, self.actions = page, photo, 0

    def one(self, what: str) -> None:
        self.actions += 1
        assert self.actions <= 12, f"no ticket after twelve actions; the last was: {what}"

    def send(self) -> bool:
        """Press the page's main button; True when the ticket is there."""
        self.one("send")
        self.page.locator("main button.main").last.click()
        self.page.wait_for_load_state()
        return "/t/" in self.page.url

    def say(self) -> None:
        """What a report is at least: one sentence, or one picture."""
        self.one("say")
        if self.photo:
            self.page.locator("input[type=file]").first.set_input_files(self.photo)
        else:
            self.page.locator("textarea").first.fill("三楼的灯不亮")

    def mend(self) -> None:
        """Give each field that is named as missing what would do: one action each."""
        names = self.page.eval_on_selector_all(
            MISSING, "found => found.map(e => e.hash ? e.hash.slice(1) : e.id).filter(Boolean)"
        )
        for name in dict.fromkeys(names):
            self.one(f"mend {name}")
            field = self.page.locator(f"#{name}")
            inner = field if field.evaluate("e => 'value' in e") else field.locator("input").first
            kind = inner.get_attribute("type") or ""
            if kind in ("checkbox", "radio"):
                inner.check()
            elif kind == "file":
                inner.set_input_files(self.photo or [])
            else:
                inner.fill("一号楼门口")


def way(chromium: Browser, address: str, photo: Path | None, *, add: str = "") -> int:
    """Actions from the scan to the ticket, without scripts of the page. `add` is a question put into the form."""
    with chrome.context(chromium, size="phone", java_script_enabled=True) as context:
        page = context.new_page()
        page.goto(address)
        resident = Resident(page, photo)
        if add:
            page.evaluate(
                "html => document.querySelector('#report fieldset').insertAdjacentHTML('beforebegin', html)", add
            )
        resident.say()
        if add:
            resident.mend()
        while not resident.send():
            resident.mend()
            if photo and page.locator("input[type=file]").first.evaluate("e => !e.files.length"):
                resident.say()
        assert page.locator("h1").inner_text().strip()
        return resident.actions


def test_at_most_three_actions_from_the_scan_to_the_ticket(
    district: District, chromium: Browser, tmp_path: Path
) -> None:
    units = demo(Home(district.home)).units
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(street(flooded=False, seed=5))
    text = way(chromium, f"{district.origin}/q/{units[5]['qr']}", None)
    picture = way(chromium, f"{district.origin}/q/{units[6]['qr']}", photo)
    print(f"actions from the scan to the ticket: {text} by text, {picture} by photo")
    assert text <= MOST and picture <= MOST
    question = "<input id='f-more' name='more' required><input id='f-age' name='age' required>"
    more = way(chromium, f"{district.origin}/q/{units[7]['qr']}", None, add=question)
    assert more == text + 2 > MOST, "the count does not see added questions"
