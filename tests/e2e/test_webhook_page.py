"""The page of webhooks, from entering an address to deleting it, against a receiver that listens on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.adapters.receiver import Ear, signatures
from tests.district import District
from tests.e2e import browser as chrome
from tests.e2e.test_console import opened

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
LOOPBACK = {"LINLI_HOOKS_TO_LOOPBACK": "1"}


@pytest.fixture(scope="module")
def own_district() -> Iterator[District]:
    """One whose webhooks may go to this machine; while writing tests, the running one of E2E_HOME."""
    if os.environ.get("E2E_HOME"):
        from tests.district import demo_district

        with demo_district() as running:
            yield running
        return
    with District(demo=True, env=LOOPBACK) as running:
        yield running


@pytest.fixture
def ear() -> Iterator[Ear]:
    made = Ear()
    yield made
    made.server.shutdown()
    made.server.server_close()


def secret_of(page: Page) -> str:
    """The secret as it is shown, once."""
    shown = page.get_by_test_id("hook-secret")
    shown.wait_for()
    text = shown.inner_text()
    page.get_by_role("button", name="已保存好").click()
    expect(shown).to_have_count(0)
    return text


def test_an_address_is_entered_tested_paused_signed_anew_and_deleted(
    own_district: District, chromium: Browser, ear: Ear
) -> None:
    with chrome.context(chromium) as context:
        page = opened(context.new_page(), own_district, "integrator", "/console/webhooks")
        page.get_by_test_id("hook-new").click()
        page.get_by_test_id("hook-save").click()
        expect(page.get_by_role("dialog").get_by_role("alert")).to_have_count(3)  # name, address, events
        expect(page.get_by_test_id("hook-url")).to_have_attribute("aria-invalid", "true")
        page.get_by_test_id("hook-name").fill("测试接收端")
        page.get_by_test_id("hook-url").fill(ear.url)
        page.get_by_test_id("type-case.created").check()
        page.get_by_test_id("hook-save").click()
        first = {"secret": secret_of(page)}
        panel = page.get_by_test_id("hook-panel")
        expect(panel.get_by_role("heading", level=2)).to_have_text("测试接收端")

        page.get_by_test_id("hook-test").click()
        expect(page.get_by_test_id("hook-answer")).to_contain_text("对方回答 200")
        assert ear.bodies()[-1]["type"] == "webhook.test" and signatures(first, *ear.heard[-1])

        signed_anew_and_sent_again(page, ear, first)
        by_keyboard(page)


def signed_anew_and_sent_again(page: Page, ear: Ear, first: dict[str, str]) -> None:
    page.get_by_test_id("hook-rotate").click()
    page.get_by_test_id("hook-rotate-yes").click()
    second = {"secret": secret_of(page)}
    expect(page.get_by_test_id("hook-panel")).to_contain_text("旧密钥有效至")
    ear.answer = 503
    page.get_by_test_id("hook-test").click()
    expect(page.get_by_test_id("hook-answer")).to_contain_text("对方回答 503")
    assert signatures(first, *ear.heard[-1]) and signatures(second, *ear.heard[-1])

    page.get_by_test_id("hook-standing").select_option("retrying")
    rows = page.get_by_test_id("hook-log").locator("li")
    expect(rows).to_have_count(1)
    ear.answer, heard = 200, len(ear.heard)
    page.get_by_test_id("hook-again").click()
    expect(page.get_by_test_id("hook-log")).to_have_count(0)  # nothing is left that failed
    page.get_by_test_id("hook-standing").select_option("sent")
    expect(rows).to_have_count(2, timeout=20_000)
    assert len(ear.heard) == heard + 1 and ear.heard[-1][0]["webhook-id"] == ear.heard[-2][0]["webhook-id"]

    page.get_by_test_id("hook-turn").click()
    expect(page.get_by_test_id("hook-test")).to_be_disabled()
    page.get_by_test_id("hook-turn").click()
    expect(page.get_by_test_id("hook-test")).to_be_enabled()


def by_keyboard(page: Page) -> None:
    """The last act without a mouse: Escape leaves the question, Enter answers it."""
    page.get_by_test_id("hook-delete").press("Enter")
    page.get_by_test_id("hook-delete-yes").wait_for()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("hook-delete-yes")).to_have_count(0)
    page.get_by_test_id("hook-delete").press("Enter")
    page.get_by_test_id("hook-delete-yes").press("Enter")
    expect(page.get_by_test_id("hook-panel")).to_have_count(0)
    expect(page.get_by_test_id("hook-测试接收端")).to_have_count(0)
