"""The screens around devices in a city of 100,000: taken as pictures, and looked at for what breaks there.

    pytest tests/e2e/test_city.py --shots=DIR         # fills a district of its own, takes minutes
    CITY_HOME=/tmp/city pytest tests/e2e/test_city.py --shots=DIR   # a running one of one gateway, by `devices_fill`

Without `--shots` a small city of 6,000 devices is looked at once, in turns of languages and themes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from tests.bench import devices_fill
from tests.district import District
from tests.e2e import browser as chrome
from tests.e2e import joins
from tests.e2e.test_screens import SIDEWAYS
from tests.e2e.words import wrong_words

from linli.home import Home
from linli.sim.homefiles import demo
from linli.sim.web import Client

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
CITY, TOWN = 100_000, 6_000
READY = "[data-testid=map][data-ready=true]"
SCREENS = {  # where, who, what is seen first, sizes
    "explorer": ("/console/devices?view=both", "dispatcher", "[data-testid=device-list]", ("laptop", "wall")),
    "explorer-map": ("/console/devices?view=map", "dispatcher", READY, ("laptop", "wall", "phone")),
    "explorer-list": ("/console/devices?view=list&sort=alarm", "dispatcher", "[data-testid=device-list]",
                      ("laptop", "phone")),
    "explorer-mix": ("/console/devices?link=silent&alarm=any,none&q=井", "dispatcher", "[data-testid=facets]",
                     ("laptop",)),
    "device": ("/console/devices/{device}", "dispatcher", "[data-testid=chart]", ("laptop", "wall", "phone")),
    "alarms": ("/console/alarms", "dispatcher", "[data-testid=alarm-list]", ("laptop", "wall", "phone")),
    "health": ("/console/devices/health", "integrator", "[data-testid=health-processes]", ("laptop", "phone")),
    "quality": ("/console/devices/quality", "dispatcher", "[data-testid=quality-table]", ("laptop", "wall", "phone")),
    "rules": ("/console/rules", "dispatcher", "[data-testid=rules]", ("laptop", "wall", "phone")),
    "rule-usual": ("/console/rules/{usual}", "integrator", "[data-testid=rule-panel]", ("laptop", "phone")),
    "rule-figure": ("/console/rules/{figure}", "integrator", "[data-testid=rule-panel]", ("laptop", "phone")),
    "models": ("/console/thing-models", "integrator", "[data-testid=model-list]", ("laptop", "wall", "phone")),
    "model": ("/console/thing-models/water_level", "integrator", "[data-testid=model-properties]",
              ("laptop", "phone")),
    "firmware": ("/console/firmware", "integrator", "[data-testid=campaigns]", ("laptop", "phone")),
    "campaign": ("/console/firmware/campaigns/{campaign}", "integrator", "[data-testid=updates] li",
                 ("laptop", "phone")),
    "joining": ("/console/joining", "integrator", "[data-testid=profiles]", ("laptop", "phone")),
    "joined": ("/console/joining/devices", "integrator", "[data-testid=joined]", ("laptop", "phone")),
    "refused": ("/console/joining/refused", "integrator", "[data-testid=refused]", ("laptop", "phone")),
    "live": ("/console/live", "dispatcher", READY, ("laptop", "wall", "phone")),
    "wall-alarms": ("/console/wall", "dispatcher", READY, ("wall", "wall-hd")),
    "wall-devices": ("/console/wall", "dispatcher", READY, ("wall", "wall-hd")),
}  # fmt: skip


@pytest.fixture(scope="module")
def city(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[District]:
    if home := os.environ.get("CITY_HOME"):
        yield District(demo=True, home=Path(home))
        return
    folder = Path(tmp_path_factory.mktemp("city"))
    count = CITY if request.config.getoption("--shots") else TOWN
    with District(demo=True, home=folder) as district:
        dsn = json.loads((folder / "run" / "env.json").read_text())["LINLI_DATABASE_URL"]
        devices_fill.registry(dsn, folder, count)
        devices_fill.lively(dsn, alarms=count // 33)
        yield district


@pytest.fixture(scope="module")
def names(city: District) -> dict[str, str]:
    """What is opened: a device, a rule of what is usual, one of a calculated figure."""
    integrator, admin = (Client(city.origin).sign_in(one, city.passwords()[one]) for one in ("integrator", "admin"))
    of = {one["code"]: one["id"] for one in integrator.get("rules")}
    device = devices_fill.tokens(city.home)[0][0]
    return joins.joins(demo(Home(city.home)), admin, {"id": device}) | {
        "device": device,
        "usual": of["water-meter-zone-unusual"],
        "figure": of["sluice-backflow"],
    }


def look(page: Page, city: District, names: dict[str, str], name: str) -> None:
    path, account, ready, _ = SCREENS[name]
    chrome.sign_in(page, city.origin, account, city.passwords()[account], path.format(**names))
    page.locator(ready).first.wait_for(timeout=60_000)
    if name == "wall-devices":
        page.get_by_test_id("wall-devices").check()
    page.locator("[data-testid=state-loading]").first.wait_for(state="detached", timeout=60_000)
    page.wait_for_timeout(3_000)


def variants(whole: bool) -> list[tuple[str, str, str, str]]:
    found = [
        (name, size, language, theme)
        for name, (*_, sizes) in SCREENS.items() for size in sizes
        for language in chrome.LANGUAGES for theme in ("light", "dark")
        if theme == "dark" or not name.startswith("wall")
    ]  # fmt: skip
    return found if whole else found[::7]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "variant" in metafunc.fixturenames:
        chosen = variants(bool(metafunc.config.getoption("--shots")))
        metafunc.parametrize("variant", chosen, ids=["-".join(one) for one in chosen])


def test_a_city(
    variant: tuple[str, str, str, str], city: District, names: dict[str, str], chromium: Browser, shots: Path | None
) -> None:
    name, size, language, theme = variant
    with chrome.context(chromium, size=size, language=language, theme=theme) as context:
        page, failures = context.new_page(), []
        page.on("pageerror", lambda error: failures.append(str(error)))
        look(page, city, names, name)
        result = chrome.shoot(page, shots, f"city-{name}-{language}-{theme}-{size}")
        assert result["violations"] == [] and failures == []
        assert wrong_words(page, language) == []
        assert page.evaluate(SIDEWAYS) <= 0, "the page scrolls sideways"


def test_only_the_rows_in_sight_are_drawn(city: District, names: dict[str, str], chromium: Browser) -> None:
    """However far one scrolls, the table stays small and the next rows come."""
    with chrome.context(chromium) as context:
        page = context.new_page()
        look(page, city, names, "explorer-list")
        rows = page.locator("[data-testid=device-list] tbody tr:not(.space)")
        for _ in range(6):
            page.locator(".rows").evaluate("box => box.scrollTo(0, box.scrollHeight)")
            page.wait_for_timeout(700)
        first = int(rows.first.get_attribute("aria-rowindex") or 0)
        assert first > 150 and rows.count() < 60, (first, rows.count())
