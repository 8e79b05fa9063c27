"""One demo district and one Chromium for all end-to-end tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright
from tests.district import District, demo_district
from tests.e2e import browser as chrome


@pytest.fixture(scope="session")
def district() -> Iterator[District]:
    with demo_district() as running:
        yield running


@pytest.fixture(scope="session")
def driver() -> Iterator[Playwright]:
    """One driver for all: a second one in the same process is refused."""
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def chromium(driver: Playwright) -> Iterator[Browser]:
    browser = chrome.launch(driver)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def shots(request: pytest.FixtureRequest) -> Path | None:
    folder = request.config.getoption("--shots")
    return Path(folder) if folder else None
