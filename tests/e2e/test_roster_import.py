"""A duty lead fills a template, sees what is wrong in a sheet, takes the rest in, exports it, and undoes the import."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from tests.district import District
from tests.e2e import browser as chrome

from linli.kernel import clock
from linli.sim.web import Client

pytestmark = [pytest.mark.slow, pytest.mark.e2e]


def table(page: Page, path: str) -> list[list[str]]:
    answer = page.request.get(path)
    assert answer.ok, answer.text()
    return list(csv.reader(io.StringIO(answer.body().decode("utf-8-sig"))))


def choose(page: Page, rows: list[list[str]], name: str) -> None:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    sheet: Any = {"name": name, "mimeType": "text/csv", "buffer": out.getvalue().encode()}
    page.get_by_test_id("import-file").set_input_files(files=[sheet])


def test_a_sheet_of_shifts_goes_in_comes_out_and_is_undone(district: District, chromium: Browser) -> None:
    passwords = district.passwords()
    lead = Client(district.origin).sign_in("dutylead", passwords["dutylead"])
    team = next(one for one in lead.get("teams", limit=100)["items"] if one["code"] == "pump")
    day = (clock.now() + timedelta(days=56)).date()
    with chrome.context(chromium) as context:
        page = context.new_page()
        chrome.sign_in(page, district.origin, "dutylead", passwords["dutylead"], "/healthz")
        page.goto(f"{district.origin}/console/rosters?team={team['id']}&day={day}")
        page.get_by_test_id("roster-to-import").click()
        template = page.get_by_test_id("roster-template").get_attribute("href")
        head = table(page, f"{district.origin}{template}".replace(".xlsx", ".csv"))[0]
        rows = [
            ["pump", "", "crew", f"{day} 22:00", "06:00", "泵工", "是"],
            ["pump", "", "nobody", f"{day} 22:00", "06:00"],
        ]
        choose(page, [head, *rows], "班表.csv")
        expect(page.locator("[data-testid=import-errors] tbody tr")).to_have_count(1)
        expect(page.get_by_test_id("import-errors")).to_contain_text("账号")
        expect(page.get_by_test_id("import-preview")).to_contain_text("22:00–06:00 到次日")
        page.get_by_test_id("import-go").click()
        page.get_by_test_id("import-undo").wait_for(timeout=30_000)
        export = table(page, f"{district.origin}/api/v1/rosters/week.csv?team_id={team['id']}&day={day}")
        assert len(export) == 2
        page.reload()
        choose(page, export, "导出.csv")
        expect(page.get_by_test_id("import-seen")).to_contain_text("1 行已在班表里")
        expect(page.get_by_test_id("import-go")).to_be_disabled()
        page.get_by_role("button", name="班表.csv").first.click()
        page.get_by_test_id("import-undo").click()
        expect(page.get_by_test_id("import-seen")).to_contain_text("已撤销")
        assert len(table(page, f"{district.origin}/api/v1/rosters/week.csv?team_id={team['id']}&day={day}")) == 1
