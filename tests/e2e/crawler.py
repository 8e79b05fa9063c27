"""Walks all pages of one origin as one person, opens what can be opened on each, and calls `look` after each step."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable
from urllib.parse import urljoin, urlsplit

from playwright.sync_api import Locator, Page, TimeoutError

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|[A-Za-z0-9_-]{16,}|\d+")
NAMED = {"thing-models", "playbooks", "centres"}  # what follows is the code of one of many
NO_PAGE = re.compile(r"^/(api|language|static|feed)/|\.(pdf|csv|json|geojson|xlsx|docx|svg|png|jpg)$|/photo/")
# What opens something and changes nothing.
TABS = "[role=tab]"
FOLDS = "details > summary, button[aria-expanded]"
DIALOGS = "[aria-haspopup=dialog], [data-testid=contact-ask], [data-testid=grid-tools] button"
IS_OPEN = """(el) => el.getAttribute('aria-selected') === 'true' || el.getAttribute('aria-expanded') === 'true'
  || (el.tagName === 'SUMMARY' && el.parentElement.open)"""
# Requests of a page that have no answer yet, and how long nothing of it has changed: faster than a fixed wait where all
# is there, and longer than one where something is still to come.
FLIGHTS = """(() => {
  const sent = window.fetch;
  window.flying = 0;
  window.fetch = (...given) => {
    window.flying += 1;
    return sent(...given).finally(() => { window.flying -= 1; });
  };
})()"""
STILL = """([still, most]) => new Promise((done) => {
  const end = performance.now() + most;
  let last = performance.now();
  const seen = new MutationObserver(() => { last = performance.now(); });
  seen.observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
  const look = () => {
    const now = performance.now();
    if (now < end && (window.flying > 0 || now - last < still)) setTimeout(look, 20);
    else { seen.disconnect(); done(); }
  };
  look();
})"""
STILL_MS, MOST_MS = 120, 2_000
NAME = "(el) => (el.getAttribute('aria-label') || el.innerText).trim()"


def pattern(path: str) -> str:
    """`/console/cases/0198…` and its like are one page."""
    parts = path.rstrip("/").split("/")
    named = [before in NAMED for before in ("", *parts[:-1])]
    return "/".join(":id" if n or ID.fullmatch(p) else p for p, n in zip(parts, named, strict=True)) or "/"


def settle(page: Page) -> None:
    page.locator("h1, h2, form").first.wait_for(state="attached")
    page.locator("[data-testid=state-loading]").first.wait_for(state="detached")
    page.evaluate(STILL, [STILL_MS, MOST_MS])


class Crawler:
    """`opened` holds (page, name) of what needs no opening any more; it grows."""

    def __init__(
        self, page: Page, origin: str, look: Callable[[str], None], opened: set[tuple[str, str]] | None = None
    ) -> None:
        self.page, self.origin, self.look = page, origin, look
        page.add_init_script(FLIGHTS)
        self.seen: set[str] = set()
        self.opened = set() if opened is None else opened

    def walk(self, starts: Iterable[str]) -> set[str]:
        """Visits one page of each pattern that links lead to; returns the patterns."""
        queue = deque(starts)
        while queue:
            path = queue.popleft()
            key = pattern(urlsplit(path).path)
            if key in self.seen or NO_PAGE.search(urlsplit(path).path):
                continue
            self.seen.add(key)
            self.page.goto(self.origin + path)
            settle(self.page)
            self.look(key)
            queue.extend(self.links())
            self.open_all(key)
            queue.extend(self.links())
        return self.seen

    def links(self) -> list[str]:
        found = self.page.evaluate("[...document.querySelectorAll('a[href]:not([download])')].map((a) => a.href)")
        parts = [urlsplit(urljoin(self.page.url, href)) for href in found]
        return [p.path + (f"?{p.query}" if p.query else "") for p in parts if f"{p.scheme}://{p.netloc}" == self.origin]

    def open_all(self, key: str) -> None:
        """Each tab, and on each what it holds."""
        self._each(key, DIALOGS)
        self._each(key, FOLDS)
        for i in range(self.page.locator(TABS).count()):
            if self._open(key, self.page.locator(TABS).nth(i)):
                self._each(key, DIALOGS)
                self._each(key, FOLDS)

    def _each(self, key: str, selector: str) -> None:
        for i in range(self.page.locator(selector).count()):
            self._open(key, self.page.locator(selector).nth(i))

    def _open(self, key: str, one: Locator) -> bool:
        """Opens one thing, looks, and closes a dialog again; each name once a page."""
        if not one.count() or not one.is_visible():
            return False
        try:
            if not one.is_enabled(timeout=3_000) or one.evaluate(IS_OPEN, timeout=3_000):
                return False
            name = one.evaluate(NAME, timeout=3_000)
        except TimeoutError:  # it went while the page was still being drawn
            return False
        if (key, name) in self.opened:
            return False
        self.opened.add((key, name))
        one.click()
        settle(self.page)
        self.look(f"{key} · {name}")
        if self.page.locator("dialog[open]").count():
            self.page.keyboard.press("Escape")
            self.page.locator("dialog[open]").first.wait_for(state="detached")
        elif one.count() and one.get_attribute("aria-haspopup") == "true":
            self.page.keyboard.press("Escape")  # a menu would cover what comes next
        return True
