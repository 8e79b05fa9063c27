"""What the addresses answer: figures and their rows, leagues, files, and whose own figures are whose."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from docx import Document
from openpyxl import load_workbook
from tests.cases.conftest import IN_NORTH, IN_SOUTH, NORTH, D, Desk
from tests.insight.small import T0
from tests.insight.test_roll import roll_all

from linli.cases import facade as cases
from linli.insight import tables
from linli.insight.models import Cell
from linli.insight.rules.facts import MEASURES, POSITION
from linli.insight.services import roll
from linli.kernel.actor import SYSTEM
from linli.orgs import facade as orgs
from linli.orgs.models import Team

WEEK = "period=week&day=2026-11-04"


def worked(desk: Desk, alone: bool = False) -> list[UUID]:
    """Three cases in the north handled by the pump crew, one of the south waiting, one private of the south."""
    lead, crew = desk.actor("duty_lead"), desk.actor("team_member", team=desk.pump)
    if not alone:
        desk.account("team_member", NORTH, team=desk.pump)
    made = []
    with time_machine.travel(T0, tick=False) as frozen:
        for spot, private in (
            (IN_NORTH, False),
            (IN_NORTH, False),
            (IN_NORTH, False),
            (IN_SOUTH, False),
            (IN_SOUTH, True),
        ):
            receipt = cases.report_signal(
                actor=SYSTEM, channel="hotline", class_code="100101", text="井盖", lon=spot[0], lat=spot[1],
                private=private,
            )  # fmt: skip
            made.append(receipt.case_id)
        for case_id in made[:3]:
            frozen.shift(timedelta(minutes=5))
            cases.act(actor=lead, case_id=case_id, action="dispatch", team=desk.pump)
            frozen.shift(timedelta(minutes=5))
            cases.act(actor=crew, case_id=case_id, action="take")
            cases.act(actor=crew, case_id=case_id, action="finish", note="done")
        roll.mark(made)
        roll_all()
    return made


def get(client: Any, path: str, status: int = 200) -> Any:
    answer = client.get(f"/api/v1/insight/{path}")
    assert answer.status_code == status, answer.content
    return answer.json() if answer["Content-Type"].endswith("json") else answer


def figure(page: dict[str, Any], code: str) -> dict[str, Any]:
    return next(i for i in page["items"] if i["code"] == code)


def test_every_indicator_has_its_names_and_opens_its_rows(desk: Desk) -> None:
    made = worked(desk)
    client = desk.client("centre_lead")
    page = get(client, f"indicators?{WEEK}")
    assert {i["code"] for i in page["items"]} == set(tables.table().indicators)
    assert (page["start"], page["end"]) == ("2026-11-02", "2026-11-08")
    assert all(i["zh"] and i["en"] for i in page["items"])
    rate = figure(page, "disposeRate")
    assert (rate["value"], rate["of"], rate["base"]) == (1.0, 3, 3)
    assert figure(page, "verySatisfied")["value"] == 0 and figure(page, "archiveRate")["value"] is None
    numbers = {i["measure"]: i["of"] if i["kind"] == "rate" else i["value"] for i in page["items"]}
    numbers |= {i["base_measure"]: i["base"] for i in page["items"]}
    for measure in [m for m, n in numbers.items() if m and n]:
        rows = get(client, f"rows?{WEEK}&measure={measure}")
        assert len(rows["items"]) + rows["hidden"] == numbers[measure], measure
    assert {r["id"] for r in get(client, f"rows?{WEEK}&measure=dispose")["items"]} == {str(c) for c in made[:3]}


def test_area_team_class(desk: Desk) -> None:
    worked(desk)
    client = desk.client("centre_lead")
    for query, expected in (("", 5), (f"&area={NORTH}", 3), (f"&team={desk.pump}", 3), ("&class_code=100101", 5),
                            ("&class_code=1001", 5), ("&class_code=2001", 0),
                            (f"&team={desk.pump}&class_code=1001", 3)):  # fmt: skip
        assert figure(get(client, f"indicators?{WEEK}{query}"), "report")["value"] == expected, query
        assert len(get(client, f"rows?{WEEK}&measure=report{query}")["items"]) == expected
    north = desk.client("supervisor", NORTH)
    assert figure(get(north, f"indicators?{WEEK}"), "report")["value"] == 3
    get(north, f"indicators?{WEEK}&area={D}", 403)
    get(desk.client("grid_member"), f"indicators?{WEEK}", 403)


def test_rows_come_page_by_page(desk: Desk) -> None:
    worked(desk)
    client, found, cursor = desk.client("centre_lead"), [], ""
    for _ in range(5):
        page = get(client, f"rows?{WEEK}&measure=report&limit=2{cursor}")
        found += [r["id"] for r in page["items"]]
        if not page["next"]:
            break
        cursor = f"&cursor={page['next']}"
    assert len(found) == len(set(found)) == 5
    get(client, f"rows?{WEEK}&measure=report&cursor=x", 422)
    get(client, f"rows?{WEEK}&measure=nothing", 422)


def test_denominators_and_periods_are_checked(desk: Desk) -> None:
    worked(desk)
    client = desk.client("centre_lead")
    other = figure(get(client, f"indicators?{WEEK}&bases=disposeRate:register"), "disposeRate")
    assert (other["base_measure"], other["base"], other["band"]) == ("register", 3, None)  # of another day: no band
    for wrong in ("bases=disposeRate:report", "bases=x:y", "period=age", "start=2026-11-01", "class_code=%00",
                  "start=2026-11-03&end=2026-11-01"):  # fmt: skip
        get(client, f"indicators?{wrong}", 422)
    before = get(client, "indicators?period=week&day=2026-11-11")
    assert figure(before, "report")["value"] == 0 and figure(before, "report")["before"] == 5


def test_the_page_reads_no_cases(desk: Desk) -> None:
    worked(desk)
    client = desk.client("centre_lead")
    get(client, f"indicators?{WEEK}")
    with CaptureQueriesContext(
        connection,
    ) as queries:
        get(client, f"indicators?{WEEK}")
    assert not [q for q in queries if "cases_" in q["sql"]]
    assert len(queries) <= 12


def test_ones_own_figures(desk: Desk) -> None:
    """For oneself and one's lead, whose look is in the audit; for nobody else, whatever their role."""
    from linli.kernel.models import AuditRow

    worked(desk)
    crew = desk.account("team_member", team=desk.pump)
    mine = get(desk.client("team_member", team=desk.pump), f"me?{WEEK}")
    assert figure(mine, "dispose")["value"] == 3 and figure(mine, "inTimeDisposeRate")["value"] == 1
    rows = get(desk.client("team_member", team=desk.pump), f"me/rows?{WEEK}&measure=dispose&limit=2")
    assert len(rows["items"]) == 2 and rows["next"]
    last = get(desk.client("team_member", team=desk.pump), f"me/rows?{WEEK}&measure=dispose&cursor={rows['next']}")
    assert len(last["items"]) == 1 and not last["next"]
    assert not any("needDispose" in (i["measure"], i["base_measure"]) for i in mine["items"])
    for role in ("centre_lead", "duty_lead", "supervisor", "team_member"):
        get(desk.client(role), f"people/{crew.id}?{WEEK}", 403)
    lead = desk.account("grid_member")
    orgs.ensure_member(team_id=desk.pump, account_id=lead.id, lead=True)
    assert figure(get(desk.client("grid_member"), f"people/{crew.id}?{WEEK}"), "dispose")["value"] == 3
    assert AuditRow.objects.filter(action="insight.own.read", ref=str(crew.id)).count() == 1
    get(desk.client("team_member", team=desk.pump), f"people/{lead.id}?{WEEK}", 403)  # nor the other way round


def test_a_team_of_one_is_a_person(desk: Desk) -> None:
    worked(desk, alone=True)
    client = desk.client("centre_lead")
    get(client, f"indicators?{WEEK}&team={desk.pump}", 403)
    get(client, f"rows?{WEEK}&team={desk.pump}&measure=dispose", 403)
    found = get(client, f"league?{WEEK}&by=team")
    assert (found["items"], found["left_out"]) == ([], 1)


def league_of(desk: Desk, numbers: dict[str, tuple[int, int]]) -> Any:
    """Teams with (in time, to be handled) in a week."""
    total = [0] * len(MEASURES)
    for code, (k, n) in numbers.items():
        team = orgs.ensure_team(code=code, name_zh=code, kind="other", area_path=D)
        cell = [0] * len(MEASURES)
        cell[POSITION["inTimeDispose"]], cell[POSITION["needDispose"]] = k, n
        total = [a + b for a, b in zip(total, cell, strict=True)]
        Cell.objects.create(area_path=D, team_id=team, class_code="", day="2026-11-04", n=cell)
    Cell.objects.create(area_path=D, team_id=UUID(int=0), class_code="", day="2026-11-04", n=total)
    return get(desk.client("centre_lead"), f"league?{WEEK}&by=team&indicator=inTimeDisposeRate")


def test_league_says_who_cannot_be_told_apart(desk: Desk) -> None:
    found = league_of(desk, {"a": (9, 10), "b": (8, 10), "c": (900, 1000), "d": (500, 1000)})
    rows = {r["zh"]: r for r in found["items"]}
    assert [r["zh"] for r in found["items"]] == ["a", "c", "b", "d"]
    assert rows["a"]["tier"] == rows["b"]["tier"] == rows["c"]["tier"] == 1  # 9 of 10 and 8 of 10 say little
    assert rows["d"]["tier"] == 2
    assert (rows["b"]["verdict"], rows["c"]["verdict"], rows["d"]["verdict"]) == ("same", "better", "worse")
    low, high = rows["b"]["band"]
    assert (round(low, 3), round(high, 3)) == (0.490, 0.943)


def test_league_is_of_teams_and_grids_only(desk: Desk) -> None:
    worked(desk)
    client = desk.client("centre_lead")
    grids = get(client, f"league?{WEEK}&by=grid&indicator=validReportRate")
    assert [(r["key"], r["of"], r["base"]) for r in grids["items"]] == [(NORTH, 3, 3), (f"{D}.002", 0, 2)]
    get(client, f"league?{WEEK}&by=person", 422)
    get(client, f"league?{WEEK}&indicator=report", 422)


def test_spreadsheet_reads_back_and_holds_no_formula(desk: Desk) -> None:
    worked(desk)
    Team.objects.filter(id=desk.pump).update(name_zh="=1+1")
    for name in ("one", "two"):
        orgs.ensure_member(team_id=desk.pump, account_id=desk.account("team_member", f"{NORTH}.{name}").id)
    client = desk.client("centre_lead")
    book = load_workbook(io.BytesIO(get(client, f"indicators.xlsx?{WEEK}&lang=zh").content))
    assert book.sheetnames == ["指标", "班组", "网格"]
    rows = {r[0]: r for r in book["指标"].iter_rows(values_only=True) if r[0]}
    page = get(client, f"indicators?{WEEK}")
    for item in page["items"]:
        shown = rows[item["code"]][2]
        if item["value"] is None:
            assert shown == "—"
        elif item["kind"] != "score":
            assert shown == pytest.approx(item["value"]), item["code"]
    cells = [c for sheet in book for row in sheet.iter_rows() for c in row]
    assert not [c for c in cells if c.data_type == "f"]
    assert "'=1+1" in {c.value for c in cells}


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_reports_say_what_the_page_says(desk: Desk, lang: str) -> None:
    worked(desk)
    client = desk.client("centre_lead")
    page = get(client, f"indicators?{WEEK}")
    document = Document(io.BytesIO(get(client, f"reports/weekly.docx?day=2026-11-04&lang={lang}").content))
    cells = {row.cells[0].text: row.cells[1].text for row in document.tables[0].rows}
    assert cells[figure(page, "disposeRate")[lang]] == "100.0%"
    assert cells[figure(page, "report")[lang]] == "5"
    assert cells[figure(page, "archiveRate")[lang]] == "—"
    said = "\n".join(p.text for p in document.paragraphs)
    assert "2026-11-02" in said and "{" not in said
    pdf = get(client, f"reports/weekly.pdf?day=2026-11-04&lang={lang}").content
    assert pdf.startswith(b"%PDF") and len(pdf) > 5_000


def test_monthly_report_and_unknown_ones(desk: Desk) -> None:
    client = desk.client("centre_lead")
    assert get(client, "reports/monthly.docx?day=2026-11-04").content[:2] == b"PK"
    get(client, "reports/yearly.docx", 404)
    get(client, "reports/weekly.exe", 422)
    get(client, "reports/weekly.pdf?lang=fr", 422)
