"""The page of intake hooks: made from a form of the packs, called as another program calls, and the case behind it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from tests.district import District
from tests.e2e import browser as chrome
from tests.e2e.test_console import opened

pytestmark = [pytest.mark.slow, pytest.mark.e2e]
NAME = "文化馆报修"


@pytest.fixture
def outside() -> Iterator[httpx.Client]:
    """Another program: no session, no browser."""
    with httpx.Client(timeout=30, verify=False) as http:
        yield http


def post(http: httpx.Client, address: str, secret: str, name: str, data: Any) -> httpx.Response:
    """A message signed by Standard Webhooks, written anew from its text."""
    raw, stamp = json.dumps(data, ensure_ascii=False).encode(), str(int(time.time()))
    made = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), f"{name}.{stamp}.".encode() + raw, hashlib.sha256)
    headers = {"webhook-id": name, "webhook-timestamp": stamp, "content-type": "application/json",
               "webhook-signature": f"v1,{base64.b64encode(made.digest()).decode()}"}  # fmt: skip
    return http.post(address, content=raw, headers=headers)


def given(page: Page) -> tuple[str, str]:
    """Address and secret as they are shown, once."""
    address, secret = (page.get_by_test_id(f"intake-{name}") for name in ("address", "secret"))
    secret.wait_for()
    found = address.inner_text(), secret.inner_text()
    assert chrome.axe_violations(page) == []
    page.get_by_test_id("intake-kept").click()
    expect(secret).to_have_count(0)
    return found


def test_an_administrator_makes_an_entry_point_a_program_calls_it_and_the_case_opens(
    district: District, chromium: Browser, outside: httpx.Client
) -> None:
    with chrome.context(chromium) as context:
        page = opened(context.new_page(), district, "admin", "/console/intake")
        page.get_by_test_id("intake-new").click()
        page.get_by_test_id("intake-form-plain").check()
        expect(page.get_by_test_id("intake-mapping")).to_contain_text("$.contact.phone")
        page.get_by_test_id("intake-save").click()
        expect(page.get_by_role("dialog").get_by_role("alert")).to_have_count(1)  # the name
        assert chrome.axe_violations(page) == []
        page.get_by_test_id("intake-name").fill(NAME)
        page.get_by_test_id("intake-save").click()
        address, secret = given(page)
        assert address.startswith(f"{district.origin}/intake/") and secret.startswith("whsec_")
        panel = page.get_by_test_id("intake-panel")
        expect(panel.get_by_role("heading", level=2)).to_have_text(NAME)
        tried(page)
        number = called(page, outside, address, secret)
        secret = signed_anew(page, outside, address, secret)
        off_and_on(page, outside, address, secret)
        assert chrome.axe_violations(page) == []
    with chrome.context(chromium) as context:  # who administers sees no cases: the link is for those who do
        page = opened(context.new_page(), district, "integrator", "/console/intake")
        page.get_by_test_id(f"intake-{NAME}").click()
        page.get_by_test_id("intake-outcome").select_option("case")
        page.get_by_test_id("intake-case").filter(has_text=number).first.click()
        page.wait_for_url("**/console/cases/**")
        expect(page.locator("main")).to_contain_text(number)
        expect(page.locator("main")).to_contain_text("小区东门口路面积水")
    with chrome.context(chromium) as context:
        deleted_by_keyboard(opened(context.new_page(), district, "admin", "/console/intake"))


def tried(page: Page) -> None:
    """The form's own sample reads well; what is wrong with another is named; nothing was taken."""
    page.get_by_test_id("intake-try").click()
    expect(page.get_by_test_id("intake-tried")).to_contain_text("会成为案件")
    expect(page.get_by_test_id("intake-tried")).to_contain_text("200406")
    page.get_by_test_id("intake-sample").fill('{"text": "积水", "lon": "east", "lat": 31.99}')
    page.get_by_test_id("intake-try").click()
    expect(page.get_by_test_id("intake-tried")).to_contain_text("会被拒收")
    expect(page.get_by_test_id("intake-tried").locator("li").first).to_contain_text("lon")
    page.get_by_test_id("intake-sample").fill("no json")
    page.get_by_test_id("intake-try").click()
    expect(page.get_by_test_id("intake-sample")).to_have_attribute("aria-invalid", "true")
    page.get_by_test_id("intake-reload").click()
    expect(page.get_by_test_id("intake-log")).to_have_count(0)


def called(page: Page, outside: httpx.Client, address: str, secret: str) -> str:
    """One message is taken, one refused with the field that is wrong, one is of a stranger."""
    said = {"id": f"A-{time.time_ns()}", "text": "小区东门口路面积水", "class_code": "200406"}
    answer = post(outside, address, secret, "m-1", said)
    assert answer.status_code == 201, answer.text
    refused = post(outside, address, secret, "m-2", {"text": "x", "lon": "east", "lat": 31.9})
    assert refused.status_code == 422, refused.text
    assert post(outside, address, "whsec_" + base64.b64encode(b"x" * 32).decode(), "m-3", said).status_code == 401
    page.get_by_test_id("intake-reload").click()
    rows = page.get_by_test_id("intake-log").locator("li")
    expect(rows).to_have_count(3)
    expect(rows.nth(0)).to_contain_text("webhook-signature")
    expect(rows.nth(1)).to_contain_text("lon")
    number = str(answer.json()["number"])
    expect(rows.nth(2)).to_contain_text(number)
    expect(page.get_by_test_id("intake-panel")).to_contain_text("受理 1, 拒收 2")
    return number


def signed_anew(page: Page, outside: httpx.Client, address: str, secret: str) -> str:
    page.get_by_test_id("intake-rotate").click()
    page.get_by_test_id("intake-rotate-yes").click()
    same, fresh = given(page)
    assert same == address and fresh != secret
    expect(page.get_by_test_id("intake-panel")).to_contain_text("旧密钥有效至")
    for n, key in enumerate((secret, fresh)):
        assert post(outside, address, key, f"r-{n}", {"text": "路灯不亮"}).status_code == 201
    return fresh


def off_and_on(page: Page, outside: httpx.Client, address: str, secret: str) -> None:
    turn = page.get_by_test_id("intake-turn")
    turn.click()
    expect(turn).to_have_text("启用")
    assert post(outside, address, secret, "p-1", {"text": "路灯不亮"}).status_code == 404
    turn.click()
    expect(turn).to_have_text("停用")
    assert post(outside, address, secret, "p-1", {"text": "路灯不亮"}).status_code == 201


def deleted_by_keyboard(page: Page) -> None:
    """Without a mouse: Escape leaves the question, Enter answers it."""
    page.get_by_test_id(f"intake-{NAME}").press("Enter")
    page.get_by_test_id("intake-delete").press("Enter")
    page.get_by_test_id("intake-delete-yes").wait_for()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("intake-delete-yes")).to_have_count(0)
    page.get_by_test_id("intake-delete").press("Enter")
    page.get_by_test_id("intake-delete-yes").press("Enter")
    expect(page.get_by_test_id("intake-panel")).to_have_count(0)
    expect(page.get_by_test_id(f"intake-{NAME}")).to_have_count(0)
