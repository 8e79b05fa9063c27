"""What the tests of the phone app share: a phone, a photo, a sign-in, the phone's own store, a report."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, Route
from tests.e2e import browser as chrome

from linli.sim.web import Client

PLACE = {"latitude": 31.963367, "longitude": 117.279084, "accuracy": 12}  # a door in the member's own community
ITEMS = """new Promise(r => { const o = indexedDB.open('linli-field'); o.onsuccess = () => {
  const q = o.result.transaction('items').objectStore('items').getAll();
  q.onsuccess = () => { o.result.close(); r(q.result) } } })"""


@contextmanager
def phone(chromium: Browser, **options: Any) -> Iterator[BrowserContext]:
    """A phone on duty's street. No service worker, so that the test sees and breaks every request."""
    options = {"geolocation": PLACE, "permissions": ["geolocation"], "service_workers": "block", **options}
    with chrome.context(chromium, size="phone", **options) as context:
        yield context


def sign_in(page: Page, username: str, password: str) -> None:
    page.locator("input[name=username]").fill(username)
    page.locator("input[name=password]").fill(password)
    page.get_by_test_id("sign-in").click()
    page.get_by_test_id("report").wait_for()


def open_field(context: BrowserContext, origin: str, username: str, password: str) -> Page:
    page = context.new_page()
    page.goto(f"{origin}/field/")
    sign_in(page, username, password)
    return page


def write_report(page: Page, text: str, photo: Path | None = None) -> None:
    page.get_by_test_id("report").click()
    if photo:
        page.get_by_test_id("report-photo").set_input_files(photo)
        page.locator(".thumbs img").wait_for()
    page.get_by_test_id("report-text").fill(text)
    page.get_by_text("● 我现在的位置").wait_for()


def items(page: Page) -> list[dict[str, Any]]:
    """The outbox as it stands on the phone's disk, oldest first."""
    return sorted(page.evaluate(ITEMS), key=lambda one: float(one["created"]))


def wait_sent(page: Page, count: int, seconds: float = 90) -> None:
    """Until `count` items of the outbox were sent and nothing waits; the phone tries again by itself."""
    until = time.monotonic() + seconds
    while True:
        states = [one["state"] for one in items(page)]
        assert "refused" not in states, [one["problem"] for one in items(page)]
        if states == ["sent"] * count:
            return
        assert time.monotonic() < until, items(page)
        page.wait_for_timeout(300)


def lose_the_answer(page: Page, pattern: str, times: int = 1) -> list[int]:
    """The request reaches the service, its answer never the phone. Returns the list of the statuses that were lost."""
    lost: list[int] = []

    def handle(route: Route) -> None:
        if route.request.method != "POST" or len(lost) >= times:
            return route.fallback()
        lost.append(route.fetch().status)
        return route.abort()

    page.route(pattern, handle)
    return lost


def cases_saying(origin: str, passwords: dict[str, str], text: str) -> list[dict[str, Any]]:
    """Cases with this text, each with its photos, as the desk sees them."""
    desk = Client(origin, verify=False).sign_in("dispatcher", passwords["dispatcher"])
    found = [one for one in desk.get("cases", limit=100)["items"] if one["text"] == text]
    return [{**one, "photos": desk.get(f"cases/{one['id']}/photos")["items"]} for one in found]


def task_for_crew(origin: str, passwords: dict[str, str], text: str) -> str:
    """A case at the desk, given to the crew's team; returns the task's id."""
    lead = Client(origin, verify=False).sign_in("dutylead", passwords["dutylead"])
    place = {"lon": PLACE["longitude"], "lat": PLACE["latitude"]}
    made = lead.post("cases", {"text": text, "class_code": "100101", "channel": "staff", **place})
    team = lead.get(f"cases/{made['id']}")["suggestions"][0]["team_id"]
    lead.post(f"cases/{made['id']}/actions/dispatch", {"team": team})
    return str(lead.get("tasks", case_id=made["id"])["items"][0]["id"])
