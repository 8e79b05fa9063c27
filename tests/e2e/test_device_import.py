"""Whoever configures takes a sheet of devices in, takes their tokens along once, undoes it, and exports the list."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.district import District
from tests.e2e import browser as chrome

from linli.kernel.ids import new_id
from linli.sim.web import Client

pytestmark = [pytest.mark.slow, pytest.mark.e2e]


@pytest.fixture
def page(district: District, chromium: Browser) -> Iterator[Page]:
    with chrome.context(chromium) as context:
        made = context.new_page()
        chrome.sign_in(made, district.origin, "integrator", district.passwords()["integrator"], "/healthz")
        yield made


def text(page: Page, test_id: str) -> str:
    with page.expect_download() as saved:
        page.get_by_test_id(test_id).click()
    return Path(saved.value.path()).read_text("utf-8-sig")


def test_a_sheet_of_devices_is_taken_in_with_tokens_and_undone(district: District, page: Page) -> None:
    desk = Client(district.origin).sign_in("integrator", district.passwords()["integrator"])
    near = next(one for one in desk.get("device-rows", limit=50)["items"] if one["lon"])
    mark = new_id().hex[-8:]
    place = f"{near['lon']},{near['lat']}"
    lines = ["编码,物模型,名称,经度,纬度", f"I-{mark}-1,{near['model']['code']},新一,{place}",
             f"I-{mark}-2,{near['model']['code']},新二,{place}", f"I-{mark}-3,none,,{place}"]  # fmt: skip
    page.goto(f"{district.origin}/console/devices")
    page.get_by_test_id("device-sheets").click()
    page.get_by_test_id("devices-import").click()
    sheet = {"name": "设备.csv", "mimeType": "text/csv", "buffer": "\n".join(lines).encode()}
    page.get_by_test_id("import-file").set_input_files(files=[sheet])  # type: ignore[list-item]
    expect(page.get_by_test_id("import-errors").locator("tbody tr")).to_have_count(2)
    expect(page.get_by_test_id("import-preview").locator("tbody tr")).to_have_count(2)
    page.get_by_test_id("import-go").click()
    page.get_by_test_id("tokens-ask").click(timeout=60_000)
    tokens = text(page, "tokens-take").splitlines()
    assert [line.split(",")[0] for line in tokens[1:]] == [f"I-{mark}-1", f"I-{mark}-2"]
    assert all(len(line.split(",")[2]) >= 22 for line in tokens[1:])
    expect(page.get_by_test_id("tokens-ask")).to_have_count(0)
    assert f"I-{mark}-3" in text(page, "rows-refused")
    found = desk.get("devices", q=f"I-{mark}")["items"]
    desk.patch(f"devices/{found[0]['id']}", {"name_en": "kept"})
    page.get_by_test_id("import-undo").click()
    expect(page.get_by_test_id("import-kept").locator("tbody tr")).to_have_count(1, timeout=60_000)
    assert [one["code"] for one in desk.get("devices", q=f"I-{mark}")["items"]] == [f"I-{mark}-1"]


def test_the_list_is_taken_along_as_it_is_filtered(district: District, page: Page) -> None:
    page.goto(f"{district.origin}/console/devices?q=lamp&view=list")
    page.get_by_test_id("device-sheets").click()
    rows = text(page, "devices-csv").splitlines()
    desk = Client(district.origin).sign_in("integrator", district.passwords()["integrator"])
    assert len(rows) - 1 == desk.get("device-facets", q="lamp")["total"] > 0
