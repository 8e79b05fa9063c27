"""The page of reading hooks: made from a form of the packs, pushed to as a platform pushes, tried, retired."""

from __future__ import annotations

import json
import time

import httpx
import pytest
from playwright.sync_api import Browser, expect
from tests.district import District
from tests.e2e import browser as chrome
from tests.e2e.test_console import opened
from tests.e2e.test_console_more import signed_in

pytestmark = [pytest.mark.slow, pytest.mark.e2e]


def test_a_hook_is_made_a_platform_pushes_and_the_device_has_its_reading(district: District, chromium: Browser) -> None:
    name = f"水务平台{time.time_ns() % 100_000}"
    device = signed_in(district, "admin").get("devices", limit=1, state="active")["items"][0]
    with chrome.context(chromium) as context:
        page = opened(context.new_page(), district, "admin", "/console/reading-hooks")
        page.get_by_test_id("readings-new").click()
        page.get_by_test_id("readings-form-thingsboard").check()
        expect(page.get_by_test_id("readings-mapping")).to_contain_text("$.deviceName")
        page.get_by_test_id("readings-save").click()
        expect(page.get_by_role("dialog").get_by_role("alert")).to_have_count(1)  # the name
        page.get_by_test_id("readings-name").fill(name)
        page.get_by_test_id("readings-save").click()
        address, secret = (page.get_by_test_id(f"readings-{one}") for one in ("address", "secret"))
        secret.wait_for()
        where, token = address.inner_text(), secret.inner_text()
        assert chrome.axe_violations(page) == []
        page.get_by_test_id("readings-kept").click()
        doc = {"deviceName": device["code"], "ts": int(time.time() * 1000) - 1000, "values": {"battery": 77}}
        with httpx.Client(timeout=30, verify=False, headers={"X-Linli-Token": token}) as http:
            assert http.post(where, json=doc).json() == {"items": 1, "readings": 1, "unknown": 0, "passed": False}
            assert http.post(where, json={**doc, "ts": "soon"}).status_code == 422
            assert http.post(where, json={**doc, "deviceName": "nobody"}).json()["unknown"] == 1
            assert http.post(where, json=doc, headers={"X-Linli-Token": "no"}).status_code == 401
        page.get_by_test_id("readings-reload").click()
        log = page.get_by_test_id("readings-log").locator("li")
        expect(log).to_have_count(4)
        expect(page.get_by_test_id("readings-unknown")).to_contain_text("nobody")
        page.get_by_test_id("readings-sample").fill(json.dumps({**doc, "values": {"battery": 66}}))
        page.get_by_test_id("readings-try").click()
        expect(page.get_by_test_id("readings-tried")).to_contain_text("66")
        assert chrome.axe_violations(page) == []
        page.get_by_test_id("readings-retire").click()
        page.get_by_test_id("readings-retire-yes").click()
        expect(page.get_by_test_id(f"readings-{name}")).to_have_count(0)
