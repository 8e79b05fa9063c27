"""The editor of thing models in a browser: a copy of a pack's model is written by keyboard, refused by field, tried,
compared, published; its next version moves devices and goes back."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.district import District
from tests.e2e import browser as chrome
from tests.e2e.test_console import opened

from linli.sim.web import Client

pytestmark = [pytest.mark.slow, pytest.mark.e2e]


def unit(page: Page, at: int, typed: str) -> None:
    """A unit by keyboard: typed, then the first that fits."""
    box = page.locator(f"[data-testid='properties.{at}.unit'] input")
    box.click()
    box.fill(typed)
    box.press("Enter")


def test_a_model_is_written_tried_published_and_changed(
    district: District, chromium: Browser, shots: Path | None
) -> None:
    code = f"walk_{uuid.uuid4().hex[:8]}"
    with chrome.context(chromium) as context:
        page = opened(context.new_page(), district, "admin", "/console/thing-models")
        page.get_by_test_id("model-search").fill("water_level")
        expect(page.get_by_test_id("model-list").locator("tbody tr")).to_have_count(1)
        page.get_by_test_id("model-water_level").click()
        expect(page.get_by_test_id("model-edit")).to_have_count(0)  # a pack's is read-only
        page.get_by_test_id("model-copy").click()
        page.get_by_test_id("new-code").fill(code)
        page.get_by_test_id("new-go").click()
        write(page)
        tried(page)
        page.get_by_test_id("draft-publish").click()
        page.get_by_test_id("publish-note").fill("第一版")
        page.get_by_test_id("publish-go").click()
        expect(page.get_by_test_id("model-page")).to_contain_text(code)
        expect(page.get_by_test_id("model-properties")).to_contain_text("浊度")
        changed(page, district, code)


def write(page: Page) -> None:
    """A property more: what is wrong with it stands at its fields, in the language of the page."""
    page.get_by_test_id("draft-form").wait_for()
    count = page.locator("[data-testid^=property-head-]").count()
    page.get_by_test_id("property-add").click()
    page.get_by_test_id(f"properties.{count}.code").fill("Turbidity")
    page.get_by_test_id(f"properties.{count}.range.0").fill("100")
    page.get_by_test_id(f"properties.{count}.range.1").fill("10")
    expect(page.locator(".wrong", has_text="以小写字母开头")).to_be_visible()
    expect(page.locator(".wrong", has_text="下限应小于上限")).to_be_visible()
    page.get_by_test_id(f"properties.{count}.code").fill("turbidity")
    page.get_by_test_id(f"properties.{count}.name.zh").fill("浊度")
    page.get_by_test_id(f"properties.{count}.name.en").fill("turbidity")
    page.get_by_test_id(f"properties.{count}.range.0").fill("0")
    page.get_by_test_id(f"properties.{count}.range.1").fill("4000")
    unit(page, count, "ntu")
    page.get_by_test_id("property-head-0").focus()
    page.get_by_role("link", name="设备", exact=True).first.click()  # not saved yet: it asks
    expect(page.get_by_test_id("leave")).to_be_visible()
    page.get_by_role("button", name="留下").click()
    page.keyboard.press("Control+s")
    expect(page.get_by_test_id("draft-save")).to_be_disabled()
    expect(page.get_by_test_id("draft-problems")).to_have_count(0)


def tried(page: Page) -> None:
    page.get_by_test_id("side-try").click()
    page.get_by_test_id("try-message").fill('{"turbidity": 5000, "note": "x"}')
    page.get_by_test_id("try-go").click()
    expect(page.get_by_test_id("try-told")).to_contain_text("超出合理范围")
    expect(page.get_by_test_id("try-told")).to_contain_text("NTU")


def changed(page: Page, district: District, code: str) -> None:
    """The next version by the API of the page; two devices move to it, and back."""
    admin = Client(district.origin).sign_in("admin", district.passwords()["admin"])
    place = next(one for one in admin.get("devices", model="water_level", limit=50)["items"] if one["lon"])
    for n in range(2):
        admin.post("devices", {"code": f"{code}-{n}", "name_zh": "井", "model": code, "lon": place["lon"],
                               "lat": place["lat"]})  # fmt: skip
    page.get_by_test_id("model-edit").click()
    page.get_by_test_id("part-properties").wait_for()
    expect(page.get_by_test_id("properties.0.code")).to_have_value("level")
    page.get_by_test_id("properties.0.code").fill("depth")  # a new name takes along what it was
    expect(page.get_by_test_id("properties.0.was")).to_have_value("level")
    page.get_by_test_id("draft-save").click()
    expect(page.get_by_test_id("compare")).to_contain_text("level → depth")
    page.get_by_test_id("draft-publish").click()
    page.get_by_test_id("publish-go").click()
    expect(page.get_by_test_id("model-page")).to_contain_text("第 2 版")
    page.get_by_test_id("model-tab-history").click()
    page.get_by_test_id("migrate").click()
    page.get_by_test_id("migrate-go").click()
    first = page.get_by_test_id("migration").first
    expect(first).to_contain_text("完成", timeout=30_000)
    assert {d["model_version"] for d in admin.get("devices", model=code)["items"]} == {2}
    page.get_by_test_id("migration-undo").click()
    expect(first).to_contain_text("已撤回", timeout=30_000)
    page.get_by_test_id("back-1").click()
    expect(page).to_have_url(re.compile("thing-model-drafts"))
    expect(page.get_by_test_id("compare")).to_contain_text("depth → level")
    page.get_by_test_id("draft-publish").click()
    page.get_by_test_id("publish-go").click()
    expect(page.get_by_test_id("model-page")).to_contain_text("第 3 版")
