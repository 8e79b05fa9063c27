"""Every named screen × language × theme × size: no axe violation, no word in the other language, nothing cut off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from tests.district import District
from tests.e2e import browser as chrome
from tests.e2e.facts import Facts, gather
from tests.e2e.screens import SCREENS, Screen

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
CASES = [
    (screen, language, theme, size)
    for screen in SCREENS
    for language in chrome.LANGUAGES
    for theme in screen.themes
    for size in screen.sizes
]
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def facts(district: District) -> Iterator[Facts]:
    yield gather(district)


@pytest.mark.parametrize(
    ("screen", "language", "theme", "size"), CASES, ids=[f"{c[0].name}-{c[1]}-{c[2]}-{c[3]}" for c in CASES]
)
def test_screen(
    screen: Screen, language: str, theme: str, size: str,
    district: District, chromium: Browser, facts: Facts, shots: Path | None,
) -> None:  # fmt: skip
    with chrome.context(chromium, size=size, language=language, theme=theme) as context:
        page = context.new_page()
        failures: list[str] = []
        page.on("pageerror", lambda error: failures.append(str(error)))
        path = screen.path.format(**facts.names())
        if screen.account:
            chrome.sign_in(page, district.origin, screen.account, facts.passwords[screen.account], path)
        else:
            page.goto(district.origin + path)
        page.locator(screen.ready).first.wait_for()
        page.wait_for_timeout(900)
        result = chrome.shoot(page, shots, f"{screen.name}-{language}-{theme}-{size}")
        assert result["violations"] == []
        assert chrome.wrong_language(page, language) == []
        assert failures == []
        assert page.evaluate(SIDEWAYS) <= 0, "the page scrolls sideways"
