"""Shifts from a sheet: judged row by row, taken in once, undone as a whole, and exports that come back unchanged."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook
from tests.cases.conftest import NORTH, SOUTH, Desk, make_district

from linli.cases import ports
from linli.identity.models import RoleGrant
from linli.kernel import clock, sheets
from linli.kernel.models import AuditRow, OutboxEvent
from linli.orgs import facade as orgs
from linli.places import index
from linli.work import roster_file, roster_import_services, roster_services
from linli.work.models import RosterImport, Shift

JSON = {"content_type": "application/json"}
ZONE, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
URL = "/api/v1/roster-imports"
HEAD = ["队伍", "账号", "人员", "开始", "结束", "工种", "带班"]


@pytest.fixture
def desk(db: None) -> Iterator[Desk]:
    yield make_district()
    index.invalidate()
    ports.forget()


def day(plus: int = 7) -> date:
    return clock.now().astimezone(ZONE).date() + timedelta(days=plus)


def member(desk: Desk) -> Any:
    return desk.account("team_member", team=desk.pump)


def lines(desk: Desk) -> list[list[str]]:
    """Two good rows, and one of each mistake."""
    name, on = member(desk).username, day()
    stranger = desk.account("team_member", NORTH, team=desk.patrol).username
    return [
        ["pump", name, "张三", f"{on} 08:00", f"{on} 16:00", "电工", "是"],
        ["泵站二组", name.upper(), "", f"{day(8):%Y/%m/%d} 22:00", "06:00", "", ""],
        ["pump", stranger, "", f"{on} 08:00", f"{on} 16:00", "", ""],
        ["没有", name, "", f"{day(9)} 08:00", f"{day(9)} 16:00", "", ""],
        ["pump", name, "", "明早", "16:00", "", ""],
        ["pump", name, "", f"{day(9)} 16:00", f"{day(9)} 08:00", "", "也许"],
        ["pump", name, "", f"{on} 15:00", f"{on} 17:00", "", ""],
        ["pump", name, "", f"{on} 08:00", f"{on} 16:00", "电工", "是"],
        ["", name, "", f"{day(9)} 08:00", f"{day(11)} 16:00", "x" * 41, ""],
        ["pump", "", "", f"{day(500)} 08:00", "", "", ""],
    ]  # fmt: skip


WRONG = {
    (4, "account", "person"), (5, "team", "owner"), (6, "from", "time"), (7, "to", "order"), (7, "lead", "yes_no"),
    (8, "from", "overlap_file"), (9, "from", "twice"), (10, "team", "needed"), (10, "to", "hours"),
    (10, "trade", "long"), (11, "account", "needed"), (11, "to", "needed"), (11, "from", "far"),
}  # fmt: skip


def sheet(rows: list[list[str]], head: list[str] = HEAD) -> bytes:
    return sheets.as_csv([head, *rows])


def send(client: Any, data: bytes, name: str = "班表.csv", query: str = "") -> Any:
    return client.post(URL + query, {"file": SimpleUploadedFile(name, data)})


def told(body: dict[str, Any]) -> set[tuple[Any, ...]]:
    return {(e["row"], e["field"], e["reason"]) for e in body["errors"]}


def taken(desk: Desk, data: bytes, client: Any = None) -> RosterImport:
    answer = send(client or desk.client("duty_lead"), data)
    assert answer.status_code == 202, answer.content
    roster_import_services.run(batch_id=answer.json()["id"])
    return RosterImport.objects.get(pk=answer.json()["id"])


def standing() -> list[Any]:
    rows = Shift.objects.order_by("starts_at")
    return list(rows.values_list("account", "team", "starts_at", "ends_at", "trade", "lead"))


def as_xlsx(rows: list[list[str]]) -> bytes:
    """As an office writes it: days and hours as the spreadsheet's own."""
    book, out = Workbook(), io.BytesIO()
    book.active.append(HEAD)  # type: ignore[union-attr]
    for row in rows:
        try:
            times = [datetime.fromisoformat(cell) for cell in row[3:5]]
        except ValueError:
            times = row[3:5]  # type: ignore[assignment]
        book.active.append([*row[:3], *times, *row[5:]])  # type: ignore[union-attr]
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_check_names_row_field_and_reason_and_keeps_nothing(desk: Desk, form: str) -> None:
    rows = lines(desk)
    data = sheet(rows) if form == "csv" else as_xlsx(rows)
    answer = send(desk.client("duty_lead"), data, query="?check=true")
    body = answer.json()
    assert answer.status_code == 200 and told(body) == WRONG
    assert (body["state"], body["rows"], body["left"], body["refused"]) == ("checked", 10, 2, 8)
    first, night = body["preview"]
    assert first["of"]["zh"] == "泵站二组" and first["starts_at"] == f"{day()}T08:00:00+08:00" and first["lead"]
    assert night["ends_at"] == f"{day(9)}T06:00:00+08:00"
    assert Shift.objects.count() == 0 == RosterImport.objects.count()


def test_it_is_taken_in_once_as_drafts_with_progress(desk: Desk) -> None:
    client, data = desk.client("duty_lead"), sheet(lines(desk))
    first = send(client, data)
    assert first.status_code == 202 and (first.json()["left"], first.json()["made"]) == (2, 0)
    assert send(client, data).json()["id"] == first.json()["id"], "it goes on"
    assert send(desk.client("centre_lead"), data).status_code == 409, "somebody else's goes on"
    for _ in range(2):  # a job may run again
        roster_import_services.run(batch_id=first.json()["id"])
    body = client.get(f"{URL}/{first.json()['id']}").json()
    assert (body["state"], body["made"], body["refused"], body["left"], body["can_undo"]) == ("done", 2, 8, 0, True)
    assert told(body) == WRONG
    assert [(s.state, s.trade, s.lead) for s in Shift.objects.order_by("starts_at")] == [
        ("draft", "电工", True), ("draft", "", False)]  # fmt: skip
    again = send(client, data)
    assert again.status_code == 200 and again.json()["id"] == first.json()["id"] and Shift.objects.count() == 2
    assert [i["id"] for i in client.get(URL).json()["items"]] == [first.json()["id"]]
    assert desk.client("centre_lead").get(f"{URL}/{first.json()['id']}").status_code == 404
    assert AuditRow.objects.filter(action="roster.import").count() == 1
    event = OutboxEvent.objects.filter(type="roster.changed").order_by("id").last()
    assert event is not None and event.envelope["data"]["act"] == "import"
    assert str(member(desk).id) not in str(event.envelope["data"])


def test_a_long_file_goes_in_some_at_a_time(desk: Desk) -> None:
    name = member(desk).username
    rows = [["pump", name, "", f"{day(i)} 08:00", "16:00", "", ""] for i in range(7, 127)]
    batch_id = send(desk.client("duty_lead"), sheet(rows)).json()["id"]
    seen = []
    while roster_import_services._some(batch_id):
        seen.append(RosterImport.objects.get(pk=batch_id).made)
    assert seen == [50, 100] and Shift.objects.count() == 120


def test_what_was_planned_meanwhile_and_rights_that_went_are_told(desk: Desk) -> None:
    name, client = member(desk).username, desk.client("duty_lead")
    rows = [["pump", name, "", f"{day(i)} 08:00", "16:00", "", ""] for i in (7, 8)]
    batch_id = send(client, sheet(rows)).json()["id"]
    client.post("/api/v1/rosters", {"team_id": str(desk.pump), "account_id": str(member(desk).id), "day": str(day()),
                                    "begins": "09:00", "ends": "10:00"}, **JSON)  # fmt: skip
    roster_import_services.run(batch_id=batch_id)
    body = client.get(f"{URL}/{batch_id}").json()
    assert (body["made"], told(body)) == (1, {(2, "from", "overlap")})
    other = send(client, sheet([["pump", name, "", f"{day(9)} 08:00", "16:00", "", ""]])).json()["id"]
    RoleGrant.objects.filter(account=desk.account("duty_lead")).delete()
    from linli.identity import facade as identity

    identity.forget_actors()
    roster_import_services.run(batch_id=other)
    assert RosterImport.objects.get(pk=other).state == "stopped" and Shift.objects.count() == 2


def test_undo_takes_all_back_until_one_has_begun(desk: Desk) -> None:
    client, name = desk.client("duty_lead"), member(desk).username
    data = sheet([["pump", name, "", f"{day(i)} 08:00", "16:00", "", ""] for i in (7, 30)])
    batch = taken(desk, data)
    client.post("/api/v1/rosters/publish", {"team_id": str(desk.pump), "day": str(day())}, **JSON)
    body = client.post(f"{URL}/{batch.id}/undo").json()
    assert (body["state"], body["withdrawn"], body["can_undo"]) == ("undone", 2, False)
    assert [(s.state, s.changed_at is not None) for s in Shift.objects.all()] == [("withdrawn", True)]
    mine = desk.client("team_member", team=desk.pump).get("/api/v1/rosters/mine").json()["items"]
    assert [(i["state"], i["news"]) for i in mine] == [("withdrawn", True)]
    assert client.post(f"{URL}/{batch.id}/undo").status_code == 409
    again = taken(desk, data)
    assert again.id != batch.id and again.made == 2, "after an undo the same file may come again"
    past = clock.now() - timedelta(minutes=1)
    first = Shift.objects.filter(state="draft").order_by("starts_at").first()
    assert first is not None
    Shift.objects.filter(pk=first.pk).update(starts_at=past)
    assert client.get(f"{URL}/{again.id}").json()["can_undo"], "a draft is no work"
    Shift.objects.filter(pk=first.pk).update(state="published")
    assert not client.get(f"{URL}/{again.id}").json()["can_undo"]
    assert client.post(f"{URL}/{again.id}/undo").status_code == 409
    assert Shift.objects.filter(state__in=("draft", "published")).count() == 2, "all of it or nothing"


@pytest.mark.parametrize("form", ["csv", "xlsx"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_an_export_comes_back_unchanged(desk: Desk, form: str, language: str) -> None:
    client, name = desk.client("duty_lead"), member(desk).username
    rows = [
        ["pump", name, "", f"{day()} 08:00", "16:00", "=SUM(1,2)", "是"],
        ["pump", name, "", f"{day(8)} 22:00", "06:00", "'+电工, \"夜\"", ""],
        ["pump", name, "", f"{day(9)} 08:00", f"{day(10)} 08:00", "", ""],
    ]  # fmt: skip
    taken(desk, sheet(rows))
    url = f"/api/v1/rosters/week.{form}?team_id={desk.pump}&day={day()}&weeks=3&lang={language}"
    export = client.get(url).content
    before = standing()
    assert len(before) == 3 and before[0][4] == "=SUM(1,2)"
    answer = send(client, export, f"a.{form}")
    assert answer.status_code == 200, answer.content
    assert (answer.json()["unchanged"], answer.json()["left"], told(answer.json())) == (3, 0, set())
    assert Shift.objects.count() == 3, "what stands already changes nothing"
    Shift.objects.all().delete()
    taken(desk, export)
    after = standing()
    assert after == before
    assert client.get(url).content == export or form == "xlsx"


def test_an_export_has_accounts_only_for_those_who_plan(desk: Desk) -> None:
    name = member(desk).username
    taken(desk, sheet([["pump", name, "", f"{day()} 08:00", "16:00", "", ""]]))
    desk.client("duty_lead").post("/api/v1/rosters/publish", {"team_id": str(desk.pump), "day": str(day())}, **JSON)
    url = f"/api/v1/rosters/week.csv?team_id={desk.pump}&day={day()}"
    planner, reader = (desk.client(role).get(url).content.decode("utf-8-sig") for role in ("duty_lead", "dispatcher"))
    assert name in planner and name not in reader and reader.count("\n") == 2
    assert desk.client("duty_lead").get(f"{url}&weeks=13").status_code == 422


def test_a_template_can_be_filled_in(desk: Desk) -> None:
    name = member(desk).username
    url = f"/api/v1/rosters/template.{{}}?team_id={desk.pump}"
    client = desk.client("duty_lead")
    book = load_workbook(io.BytesIO(client.get(url.format("xlsx")).content))
    assert len(book.worksheets) == 3
    assert [str(c.value) for c in book.worksheets[2][2]][:3] == ["pump", "None", name]
    page = book.worksheets[0]
    page.append(["pump", None, name, datetime.combine(day(), datetime.min.time()).replace(hour=8), "16:00", None, "是"])
    out = io.BytesIO()
    book.save(out)
    assert taken(desk, out.getvalue()).made == 1
    rows = list(csv.reader(io.StringIO(client.get(url.format("csv")).content.decode("utf-8-sig"))))
    assert len(rows) == 1 and rows[0][2] == "账号"
    assert desk.client("dispatcher").get(url.format("csv")).status_code == 403
    assert desk.client("duty_lead", SOUTH).get(url.format("csv")).status_code == 422


def test_a_centres_roster_and_other_areas(desk: Desk) -> None:
    orgs.ensure_centre(code="north", name_zh="北分中心", area_path=NORTH, kind="sub_centre")
    centre = orgs.ensure_centre(code="north", name_zh="北分中心", area_path=NORTH, kind="sub_centre")
    orgs.ensure_team(code="patrol", name_zh="巡查一队", kind="patrol", area_path=NORTH, centre_id=centre)
    name = desk.account("team_member", NORTH, team=desk.patrol).username
    data = sheet([["北分中心", name, f"{day()} 08:00", "16:00"]], ["中心", "账号", "开始", "结束"])
    taken(desk, data, desk.client("duty_lead", NORTH))
    assert Shift.objects.get().centre_id == centre
    other = send(desk.client("duty_lead", SOUTH), data)
    assert other.status_code == 422
    told_south = send(desk.client("duty_lead", SOUTH), data, query="?check=true").json()
    assert told(told_south) == {(2, "centre", "owner")}
    two = sheet([["pump", "north", name, f"{day()} 08:00", "16:00"]], ["队伍", "中心", "账号", "开始", "结束"])
    both = send(desk.client("duty_lead"), two, query="?check=true")
    assert (2, "team", "both") in told(both.json())


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04broken", b"a,b\n1,2\n", b"\xff\xfe\x00\x81", b"account\n" + b"x\n" * 5001]
)
def test_what_is_no_sheet_is_refused_in_words(desk: Desk, data: bytes) -> None:
    answer = send(desk.client("duty_lead"), data)
    assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == "file", answer.content


def test_old_imports_go_with_their_shifts(desk: Desk) -> None:
    batch = taken(desk, sheet([["pump", member(desk).username, "", f"{day()} 08:00", "16:00", "", ""]]))
    assert roster_import_services.purge() == 0
    old = clock.now() - timedelta(days=roster_services.KEEP_DAYS + 1)
    RosterImport.objects.filter(pk=batch.pk).update(created_at=old)
    assert roster_import_services.purge() == 1


@pytest.mark.parametrize(
    ("text", "utc"),
    [("2026-03-29 02:30", "gap"), ("2026-10-25 02:30", "overlap_clock"), ("2026-10-25 02:30 +02:00", "00:30"),
     ("2026-10-25 02:30+01:00", "01:30"), ("2026-10-25 02:30 +03:00", "offset"), ("2026-03-29 02:30 +01:00", "gap"),
     ("2026-10-25 03:00", "02:00"), ("2026-03-29 03:00", "01:00"), ("2026/7/1 8:05", "06:05"),
     ("2026-07-01T08:05:00", "06:05"), ("2026-07-01 07:59:59.999997", "06:00"), ("2026-06-30 24:00", "22:00"),
     ("2026-07-01 25:00", "time"), ("2026-02-30 08:00", "time"), ("2026-07-01", "time"), ("08:00", "time"),
     ("2026-07-01 08:60", "time"), ("0000-07-01 08:00", "time")],
)  # fmt: skip
def test_hours_that_the_clocks_leave_out_or_show_twice(text: str, utc: str) -> None:
    try:
        said = f"{roster_file.moment(text, BERLIN)[1]:%H:%M}"
    except roster_file.Wrong as why:
        said = str(why)
    assert said == utc


@given(st.integers(0, 3 * 365 * 24 * 60))
def test_every_moment_that_is_written_is_read_again(minute: int) -> None:
    at = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    for zone in (BERLIN, ZONE, ZoneInfo("America/St_Johns")):
        assert roster_file.moment(roster_file.written(at, zone), zone)[1] == at


def test_every_hour_of_the_days_on_which_clocks_change_is_read_again() -> None:
    for day in (datetime(2026, 3, 28, 22, tzinfo=UTC), datetime(2026, 10, 24, 22, tzinfo=UTC)):
        for minutes in range(0, 480, 15):
            at = day + timedelta(minutes=minutes)
            assert roster_file.moment(roster_file.written(at, BERLIN), BERLIN)[1] == at


@given(st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), max_size=40).map(str.strip))
def test_what_begins_like_a_formula_is_disarmed_and_armed_again(text: str) -> None:
    safe = sheets.disarmed(text)
    assert not safe.startswith(sheets.FORMULA) and sheets.armed(safe) == text
