"""Every named screen × language × theme × size: no axe violation, no word in the other language, nothing cut off.

Without `--shots` languages and themes take turns from screen to screen, and further sizes of a screen are looked at in
English, whose words are longer; with `--shots`, as for a look at the pictures, everything is. `test_words.py` reads
every page in both languages.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from tests.district import District
from tests.e2e import browser as chrome
from tests.e2e.facts import Facts, gather
from tests.e2e.screens import SCREENS, Screen
from tests.e2e.words import wrong_words

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
TURNS = ((0, 0), (1, 1), (0, 1), (1, 0))  # language and theme
SIDEWAYS = """
Math.max(...[document.documentElement,
  ...document.querySelectorAll("main, .page-body, .split > :not(.list), .panel.stack")]
  .filter((one) => !one.matches(".sideways, .sideways *") && getComputedStyle(one).overflowX !== "hidden")
  .map((one) => one.scrollWidth - one.clientWidth))
"""  # how far the page, or a part that holds its text, is wider than what is seen of it


@pytest.fixture(scope="module")
def facts(district: District) -> Iterator[Facts]:
    yield gather(district)


class Desks:
    """The browser context of whoever looks now; the last one is closed when another comes."""

    def __init__(self, chromium: Browser, origin: str, passwords: dict[str, str]) -> None:
        self.chromium, self.origin, self.passwords = chromium, origin, passwords
        self.key: tuple[str, ...] = ()
        self.stack = ExitStack()

    def sit(self, account: str, language: str, theme: str, size: str) -> BrowserContext:
        if self.key != (key := (account, language, theme, size)):
            self.stack.close()
            self.key = key
            made = chrome.context(self.chromium, size=size, language=language, theme=theme)
            self.context = self.stack.enter_context(made)
            if account:
                page = self.context.new_page()
                chrome.sign_in(page, self.origin, account, self.passwords[account], "/healthz")
                page.close()
        return self.context


@pytest.fixture(scope="module")
def desks(district: District, chromium: Browser, facts: Facts) -> Iterator[Desks]:
    made = Desks(chromium, district.origin, facts.passwords)
    yield made
    made.stack.close()


def tidy(page: Page) -> None:
    """Leaves nothing to the next screen of the same context."""
    page.context.set_offline(False)
    page.evaluate("localStorage.clear()")
    page.close()


def variants(whole: bool) -> list[tuple[Screen, str, str, str]]:
    """Neighbours share a browser context, so that each account signs in once for a language, theme and size."""
    found = [
        (screen, language, theme, size)
        for number, screen in enumerate(SCREENS)
        for i, language in enumerate(chrome.LANGUAGES)
        for j, theme in enumerate(screen.themes)
        for k, size in enumerate(screen.sizes)
        if whole or (i, j) == (TURNS[number % 4] if k == 0 and len(screen.themes) > 1 else (1, 0))
    ]
    return sorted(found, key=lambda one: (one[0].account, *one[1:]))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "screen" in metafunc.fixturenames:
        chosen = variants(whole=bool(metafunc.config.getoption("--shots")))
        ids = [f"{screen.name}-{language}-{theme}-{size}" for screen, language, theme, size in chosen]
        metafunc.parametrize(("screen", "language", "theme", "size"), chosen, ids=ids)


def test_screen(
    screen: Screen, language: str, theme: str, size: str,
    district: District, desks: Desks, facts: Facts, shots: Path | None,
) -> None:  # fmt: skip
    page = desks.sit(screen.account, language, theme, size).new_page()
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    try:
        page.goto(district.origin + screen.path.format(**facts.names()))
        page.locator(screen.ready).first.wait_for()
        page.locator("[data-testid=state-loading]").first.wait_for(state="detached")
        if screen.act:
            screen.act(page)
        page.wait_for_timeout(300)
        result = chrome.shoot(page, shots, f"{screen.name}-{language}-{theme}-{size}")
        assert result["violations"] == []
        assert wrong_words(page, language) == []
        assert failures == []
        assert page.evaluate(SIDEWAYS) <= 0, "the page scrolls sideways"
    finally:
        tidy(page)
