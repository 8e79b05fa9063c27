"""Every page that links lead to, with what can be opened on it, speaks the language it was asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from tests.district import District
from tests.e2e import browser as chrome
from tests.e2e.crawler import Crawler
from tests.e2e.facts import Facts, gather, new_case
from tests.e2e.words import WEB, wrong_words

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
# Those who between them see every page, in each language; where several see the same, they take turns.
WALKS = [(a, "en") for a in ("admin", "auditadmin", "dispatcher", "intake", "integrator", "auditor")] + [
    (a, "zh") for a in ("admin", "auditadmin", "dutylead", "integrator")
]
FIELD = ("member", "crew")
WINDOWS = ("/console/window/map", "/console/window/queue", "/console/window/case/{case}")
LANGUAGES = tuple(chrome.LANGUAGES)


@pytest.fixture(scope="module")
def facts(district: District) -> Iterator[Facts]:
    yield gather(district)


@pytest.fixture(scope="module")
def opened() -> dict[str, set[tuple[str, str]]]:
    """By language what was opened on which page: a role that comes later opens what the earlier ones did not have."""
    return {language: set() for language in LANGUAGES}


class Found(dict[str, list[str]]):
    """Texts in the wrong language by where they stand; each text is kept where it was met first."""

    def __init__(self, page: Page, language: str) -> None:
        super().__init__()
        self.page, self.language = page, language
        self.known: set[str] = set()

    def look(self, where: str) -> None:
        fresh = [text for text in wrong_words(self.page, self.language) if text not in self.known]
        self.known.update(fresh)
        if fresh:
            self[where] = fresh


@contextmanager
def person(
    chromium: Browser, district: District, account: str, language: str, size: str = "laptop"
) -> Iterator[tuple[BrowserContext, Page]]:
    """A page in a browser of that language, signed in unless `account` is empty."""
    with chrome.context(chromium, size=size, language=language) as context:
        page = context.new_page()
        if account:
            chrome.sign_in(page, district.origin, account, district.passwords()[account], "/console/account")
        yield context, page


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("account", "language"), WALKS)
def test_the_console_of_a_role(
    account: str, language: str, district: District, chromium: Browser, facts: Facts,
    opened: dict[str, set[tuple[str, str]]],
) -> None:  # fmt: skip
    windows = [path.format(**facts.names()) for path in WINDOWS] if account == "dispatcher" else []
    with person(chromium, district, account, language) as (_, page):
        found = Found(page, language)
        seen = Crawler(page, district.origin, found.look, opened[language]).walk(["/console/", *windows])
    assert found == {}
    if account == "dispatcher":
        assert seen >= {"/console/cases/:id", "/console/devices/:id", "/console/rules/:id", "/console/wall"}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("account", FIELD)
def test_the_field_app(account: str, language: str, district: District, chromium: Browser, facts: Facts) -> None:
    with person(chromium, district, account, language, "phone") as (_, page):
        found = Found(page, language)
        seen = Crawler(page, district.origin, found.look).walk(["/field/"])
    assert found == {}
    assert seen >= {"/field", "/field/map", "/field/report", "/field/outbox", "/field/me"}
    if account == "crew":
        assert "/field/task/:id" in seen


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_portal_and_the_sign_in_pages(language: str, district: District, chromium: Browser, facts: Facts) -> None:
    starts = ["/", f"/q/{facts.unit}", f"/t/{facts.ticket}?new=1", "/console/", "/field/"]
    with person(chromium, district, "", language) as (_, page):
        found = Found(page, language)
        seen = Crawler(page, district.origin, found.look).walk(starts)
    assert found == {}
    assert seen >= {"/", "/q/:id", "/t/:id", "/report", "/map", "/privacy"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_refusals_of_the_portal(language: str, district: District, chromium: Browser, facts: Facts) -> None:
    wrong = {"/nothing-here": 404, "/q/00000000000000000000": 404, "/short?code=12": 404, "/follow?ticket=x": 404,
             f"/q/{facts.old_code}": 410}  # fmt: skip
    with person(chromium, district, "", language) as (_, page):
        found = Found(page, language)
        for path, status in wrong.items():
            answer = page.goto(district.origin + path)
            assert answer and answer.status == status, path
            found.look(path)
        for path in ("/report", f"/q/{facts.unit}"):
            page.goto(district.origin + path)
            page.locator("input[name=phone]").fill("12")
            with page.expect_navigation() as sent:
                page.locator("#report button.main").click()
            assert sent.value.status == 422
            found.look(f"{path} refused")
        page.goto(f"{district.origin}/t/{facts.ticket}")
        page.locator("details summary").click()
        page.locator("input[name=phone]").fill("12")
        page.locator("details button").click()
        page.locator("#e-phone").wait_for()
        found.look("ticket refused")
    assert found == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_refusals_of_the_console(language: str, district: District, chromium: Browser, facts: Facts) -> None:
    with person(chromium, district, "", language) as (_, page):
        found = Found(page, language)
        page.goto(f"{district.origin}/console/")
        page.locator("input[name=username]").fill("dispatcher")
        page.locator("input[name=password]").fill("not the password")
        page.get_by_test_id("sign-in-go").click()
        page.get_by_test_id("sign-in-error").wait_for()
        found.look("sign-in refused")
        chrome.sign_in(page, district.origin, "dispatcher", district.passwords()["dispatcher"], "/console/nothing")
        page.get_by_test_id("missing").wait_for()
        found.look("no such page")
        page.goto(f"{district.origin}/console/audit")
        page.get_by_test_id("missing").wait_for()
        found.look("not permitted")
        page.goto(f"{district.origin}/console/cases/{facts.unknown}")
        page.get_by_test_id("state-error").first.wait_for()
        found.look("no such case")
        page.route("**/api/v1/cases?*", lambda route: route.abort())
        page.goto(f"{district.origin}/console/cases")
        page.get_by_test_id("state-error").first.wait_for()
        found.look("the network fails")
    assert found == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_answers_in_passing(language: str, district: District, chromium: Browser) -> None:
    """Toasts, the palette with finds, visitor mode, a form that the service refuses."""
    with person(chromium, district, "dispatcher", language) as (context, page):
        found = Found(page, language)
        page.goto(f"{district.origin}/console/cases/{new_case(district, '路灯不亮,提示条')['id']}")
        page.get_by_test_id("dispatch-now").click()
        page.get_by_test_id("toast-undo").wait_for()
        found.look("toast with undo")
        page.get_by_test_id("toast-undo").click()
        page.get_by_test_id("dispatch-now").wait_for()
        found.look("undone")
        page.keyboard.press("F8")
        page.get_by_test_id("mask-banner").wait_for()
        found.look("visitor mode")
        page.keyboard.press("F8")
        page.keyboard.press("Control+k")
        for words in ("路灯", "水位", "zzzzzz"):
            page.get_by_test_id("palette-input").fill(words)
            page.wait_for_timeout(900)
            found.look(f"palette {words}")
        page.get_by_test_id("palette-input").fill("")
        page.keyboard.press("Escape")
        page.locator("dialog[open]").wait_for(state="detached")
        context.set_offline(True)
        page.get_by_test_id("claim").click()
        page.locator("[data-testid=toast].wrong").wait_for()
        found.look("act without a network")
    assert found == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_outbox_of_the_field_app(language: str, district: District, chromium: Browser) -> None:
    """A report that the service refuses, and one that waits for the network."""
    with person(chromium, district, "member", language, "phone") as (context, page):
        found = Found(page, language)
        page.goto(f"{district.origin}/field/report")
        page.get_by_test_id("report-text").fill("1234567")
        page.get_by_test_id("unit-code").fill("999999")
        found.look("a draft")
        page.get_by_test_id("report-send").click()
        page.get_by_test_id("toast").first.wait_for()
        found.look("sent")
        page.get_by_test_id("outbox").click()
        page.locator("[data-testid=outbox-item][data-state=refused]").first.wait_for()
        found.look("refused")
        context.set_offline(True)
        page.get_by_test_id("report").click()
        page.get_by_test_id("report-text").fill("7654321")
        page.get_by_test_id("unit-code").fill("999999")
        page.get_by_test_id("report-send").click()
        page.get_by_test_id("outbox").click()
        page.locator("[data-testid=outbox-item][data-state=waiting]").first.wait_for()
        found.look("waiting")
    assert found == {}


PLANTED = {
    "zh": ('<p>Save</p><input placeholder="Search here">', {"Save", "placeholder Search here"}),
    "en": ("<p>保存</p><b data-content>撤销</b>", {"保存", "data-content 撤销"}),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_planted_word_is_found(language: str, chromium: Browser) -> None:
    """Behind a fold, a tab and a dialog, where the page as it loads does not show it."""
    faults, expected = PLANTED[language]
    with chrome.context(chromium, language=language) as context:
        page = context.new_page()
        page.set_content(
            f"<h1>12</h1><p data-content>Fine 好</p><details><summary>1</summary>{faults}</details>"
            "<button aria-haspopup=dialog onclick='d.showModal()'>2</button>"
            f"<dialog id=d onclose='this.remove()'>{faults.replace('p>', 'i>')}</dialog>"
        )
        found = Found(page, language)
        found.look("as it loads")
        assert found == {}
        Crawler(page, "http://none", found.look).open_all("page")
        assert {text for texts in found.values() for text in texts} == expected
        assert set(found) == {"page · 1"} or set(found) == {"page · 2"}


def test_no_interface_word_is_marked_as_data() -> None:
    """`data-content` stands around data alone: a message inside would escape the check."""
    element = re.compile(r"<(\w+)[^<>]*\sdata-content(?=[\s>])[^<>]*>([^<]*)<")
    marked = re.compile(r"\{\{[^}]*\bt\(|\{% (?:blocktranslate|translate)")
    pages = [*WEB.glob("*/**/*.vue"), *(WEB.parent / "src/linli/portal/templates").rglob("*.html")]
    files = [page for page in pages if "node_modules" not in page.parts]
    assert len(files) > 60
    wrong = [
        f"{file.name}: {match[0][:120]}" for file in files for match in element.finditer(file.read_text())
        if marked.search(match[2])
    ]  # fmt: skip
    assert wrong == []
