"""Pages for residents in a real browser: the small sum under abuse, and the map that says what its list says."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright
from tests.district import District
from tests.e2e import browser as chrome
from tests.e2e.tls import HOST

from linli.home import Home
from linli.portal.limits import FREE
from linli.sim.homefiles import demo
from linli.sim.resident import Resident

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
OVERLAPS = """(what) => {
  const sheet = document.querySelector('figure svg').getBoundingClientRect();
  const boxes = [...document.querySelectorAll(what)].map((t) => [t.textContent.trim(), t.getBoundingClientRect()]);
  const wrong = [];
  boxes.forEach(([name, a], i) => {
    if (a.left < sheet.left || a.right > sheet.right || a.top < sheet.top || a.bottom > sheet.bottom) wrong.push(name + ' cut off');
    for (const [other, b] of boxes.slice(i + 1))
      if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1) wrong.push(name + ' on ' + other);
  });
  return [boxes.length, wrong];
}"""  # noqa: E501


@pytest.fixture(scope="module")
def busy() -> Iterator[District]:
    """A district of its own, where this machine's address has reported more than an hour's free reports."""
    if home := os.environ.get("E2E_HOME"):
        running = District(demo=True, home=Path(home))
        report_much(running)
        yield running
        return
    with District(demo=True) as running:
        report_much(running)
        yield running


def unit_of(district: District) -> str:
    return str(demo(Home(district.home)).units[5]["qr"])


def report_much(district: District) -> None:
    origin, code = district.origin, unit_of(district)

    def some(n: int) -> None:
        resident = Resident(origin)
        for i in range(FREE["report"] // 4 + 1):
            resident.report(code, "problem", f"第 {n}.{i} 件: 楼道灯不亮")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(some, range(4)))


def refused_once(page: Page, origin: str, code: str, text: str) -> None:
    """Report, and be asked for a sum; the words are still there. A new hour counts anew."""
    for _ in range(2 * FREE["report"]):
        page.goto(f"{origin}/q/{code}")
        page.locator("textarea[name=text]").fill(text)
        page.locator("#report button.main").click()
        page.locator("h1").first.wait_for()
        if page.locator("form#report[data-challenge]").count():
            assert page.locator("textarea[name=text]").input_value() == text
            return
    raise AssertionError("never asked for a sum")


def test_the_sum_is_done_by_the_browser_and_the_report_taken(busy: District, chromium: Browser) -> None:
    text = f"电梯异响 {time.time_ns()}"
    with chrome.context(chromium, size="phone") as context:
        page = context.new_page()
        failures: list[str] = []
        page.on("pageerror", lambda error: failures.append(str(error)))
        refused_once(page, busy.origin, unit_of(busy), text)
        page.locator("#report button.main").click()
        page.wait_for_url("**/t/**", timeout=120_000)
        assert text in page.locator("main").inner_text() and failures == []


def test_on_a_plain_http_name_the_page_tells_of_the_hotline(busy: District, driver: Playwright) -> None:
    browser = chrome.launch(driver, f"--host-resolver-rules=MAP {HOST} 127.0.0.1")
    try:
        with chrome.context(browser, size="phone") as context:
            page = context.new_page()
            refused_once(page, f"http://{HOST}:{busy.port('http')}", unit_of(busy), "电梯异响")
            assert page.evaluate("!window.isSecureContext")
            page.locator("#working").get_by_text("请拨打热线").wait_for()
            assert page.locator("#report noscript").count() == 1
    finally:
        browser.close()


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("size", ["phone", "laptop"])
def test_the_map_and_its_list_say_the_same(busy: District, chromium: Browser, language: str, size: str) -> None:
    with chrome.context(chromium, size=size, language=language) as context:
        page = context.new_page()
        page.goto(f"{busy.origin}/map")
        pins = page.locator(".pins text").all_text_contents()
        rows = page.locator("ol.list > li").count()
        assert pins == [str(n) for n in range(1, rows + 1)] and rows == page.locator(".pins circle").count() == 30
        names, wrong = page.evaluate(OVERLAPS, ".names text")
        assert names > 3 and wrong == []
        assert page.evaluate(OVERLAPS, ".pins text")[1] == []
        assert "Community" not in " ".join(page.locator(".names text").all_text_contents())
