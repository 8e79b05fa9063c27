"""A duty lead takes a sheet in and undoes it; a resident says “I have it too” and follows the case by a link."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.district import District
from tests.e2e import browser as chrome

from linli.sim.web import Client

pytestmark = [pytest.mark.slow, pytest.mark.e2e]


@pytest.fixture
def page(district: District, chromium: Browser) -> Iterator[Page]:
    with chrome.context(chromium) as context:
        made = context.new_page()
        chrome.sign_in(made, district.origin, "dutylead", district.passwords()["dutylead"], "/healthz")
        yield made


def test_a_sheet_is_checked_taken_in_and_undone(district: District, page: Page) -> None:
    desk = Client(district.origin).sign_in("intake", district.passwords()["intake"])
    unit = desk.get("units", limit=1)["items"][0]
    lines = ["内容,经度,纬度", f"批量导入的积水,{unit['lon']},{unit['lat']}", f",{unit['lon']},{unit['lat']}"]
    page.goto(f"{district.origin}/console/case-imports")
    sheet = {"name": "表.csv", "mimeType": "text/csv", "buffer": "\n".join(lines).encode()}
    page.get_by_test_id("import-file").set_input_files(files=[sheet])  # type: ignore[list-item]
    expect(page.locator("[data-testid=import-seen] tbody tr")).to_have_count(1)
    page.get_by_test_id("import-go").click()
    page.get_by_test_id("import-undo").click(timeout=30_000)
    expect(page.get_by_test_id("import-seen")).to_contain_text("已撤销")
    found = desk.get("cases", q="批量导入的积水")["items"]
    assert [c["state"] for c in found][:1] == ["cancelled"]


def test_a_neighbour_follows_what_is_open(district: District, chromium: Browser) -> None:
    desk = Client(district.origin).sign_in("intake", district.passwords()["intake"])
    unit = desk.get("units", limit=1)["items"][0]
    made = desk.post("cases", {"text": "楼道灯不亮, 王先生反映", "class_code": "100118", "unit_id": unit["id"]})
    with chrome.context(chromium) as context:
        page = context.new_page()
        page.goto(f"{district.origin}/u/{unit['short_code']}")
        page.locator(f"form:has(input[value='{made['id']}']) button").click()
        page.locator("[role=status] a").click()
        expect(page.locator("body")).to_contain_text(made["number"])
        expect(page.locator("body")).not_to_contain_text("王先生")
