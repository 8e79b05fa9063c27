"""Rosters: hours, patterns, overlaps, what is told after publishing, who sees what."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook
from tests.cases.conftest import NORTH, SOUTH, D, Desk, make_district

from linli.cases import ports
from linli.kernel import clock
from linli.kernel.models import AuditRow, OutboxEvent
from linli.orgs import facade as orgs
from linli.places import index
from linli.work import roster_rules, roster_services
from linli.work.models import Duty, Shift

JSON = {"content_type": "application/json"}
ZONE = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")


def test_days_of_a_weekly_pattern() -> None:
    tuesday = date(2026, 3, 3)
    assert roster_rules.days(tuesday, [], 3) == [tuesday + timedelta(weeks=i) for i in range(3)]
    assert roster_rules.days(tuesday, [1, 2], 1) == [tuesday, date(2026, 3, 9)]
    assert roster_rules.week(tuesday, ZONE)[0] == datetime(2026, 3, 2, tzinfo=ZONE)


def test_a_copied_shift_keeps_its_hours_on_the_clock_when_clocks_change() -> None:
    start, end = datetime(2026, 3, 24, 22, tzinfo=BERLIN), datetime(2026, 3, 25, 6, tzinfo=BERLIN)
    begins, ends = roster_rules.moved(start.astimezone(UTC), end.astimezone(UTC), 1, BERLIN)
    assert (begins.isoformat(), ends.isoformat()) == ("2026-03-31T22:00:00+02:00", "2026-04-01T06:00:00+02:00")


@given(st.integers(0, 40), st.integers(1, 20), st.integers(0, 40), st.integers(1, 20))
def test_overlap_against_the_minutes_themselves(a: int, n: int, b: int, m: int) -> None:
    at = [datetime(2026, 3, 2, tzinfo=UTC) + timedelta(minutes=i) for i in (a, a + n, b, b + m)]
    assert roster_rules.overlaps(*at) == bool(set(range(a, a + n)) & set(range(b, b + m)))


@pytest.fixture
def desk(db: None) -> Iterator[Desk]:
    yield make_district()
    index.invalidate()
    ports.forget()


def today() -> date:
    return clock.now().astimezone(ZONE).date()


def body(desk: Desk, day: date | None = None, **more: Any) -> dict[str, Any]:
    who = desk.account("team_member", team=desk.pump)
    return {"team_id": str(desk.pump), "account_id": str(who.id), "day": str(day or today() + timedelta(days=7)),
            "begins": "22:00", "ends": "06:00", **more}  # fmt: skip


def plan(desk: Desk, day: date | None = None, **more: Any) -> Any:
    return desk.client("duty_lead").post("/api/v1/rosters", body(desk, day, **more), **JSON)


def publish(desk: Desk, day: date | None = None) -> int:
    answer = desk.client("duty_lead").post(
        "/api/v1/rosters/publish", {"team_id": str(desk.pump), "day": str(day or today() + timedelta(days=7))}, **JSON
    )
    return int(answer.json()["published"])


def test_a_night_shift_passes_midnight_and_has_the_districts_zone(desk: Desk) -> None:
    made = plan(desk, trade="电工", lead=True).json()[0]
    day = today() + timedelta(days=7)
    assert made["starts_at"] == f"{day}T22:00:00+08:00"
    assert made["ends_at"] == f"{day + timedelta(days=1)}T06:00:00+08:00"
    assert (made["trade"], made["lead"], made["state"]) == ("电工", True, "draft")


def test_overlapping_shifts_of_one_person_are_refused_by_name_and_hours(desk: Desk) -> None:
    day = today() + timedelta(days=7)
    assert plan(desk).status_code == 201
    clash = plan(desk, day + timedelta(days=1), begins="05:00", ends="09:00")
    assert clash.status_code == 422
    told = clash.json()["errors"][0]
    assert told["field"] == "begins" and f"{day:%m-%d} 22:00–06:00" in told["reason"]
    assert plan(desk, day + timedelta(days=1), begins="06:00", ends="14:00").status_code == 201


def test_a_pattern_with_one_overlap_makes_nothing(desk: Desk) -> None:
    day = today() + timedelta(days=7)
    plan(desk, day + timedelta(weeks=2))
    assert plan(desk, day, weeks=3).status_code == 422
    assert Shift.objects.count() == 1
    assert len(plan(desk, day, weeks=2).json()) == 2


@pytest.mark.parametrize(
    ("more", "field"),
    [({"weekdays": [0]}, "weekdays"), ({"weeks": 13}, "weeks"), ({"trade": "x" * 41}, "trade"),
     ({"day": "1999-01-01"}, "day"), ({"team_id": None}, "team_id")],
)  # fmt: skip
def test_bad_input_names_its_field(desk: Desk, more: dict[str, Any], field: str) -> None:
    answer = plan(desk, **more)
    assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == field


def test_only_people_of_the_team_are_planned(desk: Desk) -> None:
    stranger = str(desk.account("team_member", team=desk.patrol).id)
    assert plan(desk, account_id=stranger).json()["errors"][0]["field"] == "account_id"


def test_drafts_are_seen_by_planners_and_published_ones_by_desk_and_person(desk: Desk) -> None:
    plan(desk)
    mine = desk.client("team_member", team=desk.pump)
    seen = lambda role: len(desk.client(role).get("/api/v1/rosters").json()["items"])  # noqa: E731
    assert (seen("duty_lead"), seen("dispatcher")) == (1, 0)
    assert mine.get("/api/v1/rosters/mine").json()["items"] == []
    assert mine.get("/api/v1/rosters").status_code == 403
    assert publish(desk) == 1 and publish(desk) == 0
    assert seen("dispatcher") == 1
    assert [one["news"] for one in mine.get("/api/v1/rosters/mine").json()["items"]] == [False]


def test_a_change_after_publishing_is_noted_and_told_until_read(desk: Desk) -> None:
    shift = plan(desk).json()[0]["id"]
    publish(desk)
    lead, mine = desk.client("duty_lead"), desk.client("team_member", team=desk.pump)
    assert lead.patch(f"/api/v1/rosters/{shift}", {"begins": "20:00"}, **JSON).json()["changed_at"]
    own = mine.get("/api/v1/rosters/mine").json()["items"][0]
    assert own["news"] and own["starts_at"].endswith("T20:00:00+08:00") and own["ends_at"].endswith("T06:00:00+08:00")
    assert not mine.post(f"/api/v1/rosters/{shift}/read", {}, **JSON).json()["news"]
    assert AuditRow.objects.filter(action="roster.change", ref=shift).count() == 1
    event = OutboxEvent.objects.filter(type="roster.changed").order_by("id").last()
    assert event is not None and str(desk.account("team_member", team=desk.pump).id) not in str(event.envelope["data"])


def test_a_withdrawn_shift_stays_with_its_person_until_read_and_frees_the_hours(desk: Desk) -> None:
    shift = plan(desk).json()[0]["id"]
    publish(desk)
    lead, mine = desk.client("duty_lead"), desk.client("team_member", team=desk.pump)
    assert lead.delete(f"/api/v1/rosters/{shift}").status_code == 204
    assert [one["state"] for one in mine.get("/api/v1/rosters/mine").json()["items"]] == ["withdrawn"]
    mine.post(f"/api/v1/rosters/{shift}/read", {}, **JSON)
    assert mine.get("/api/v1/rosters/mine").json()["items"] == []
    assert plan(desk).status_code == 201
    assert lead.patch(f"/api/v1/rosters/{shift}", {"trade": "x"}, **JSON).status_code == 409


def test_another_person_in_a_published_shift_tells_both(desk: Desk) -> None:
    shift = plan(desk).json()[0]["id"]
    publish(desk)
    other = desk.account("grid_member")
    orgs.ensure_member(team_id=desk.pump, account_id=other.id)
    changed = desk.client("duty_lead").patch(f"/api/v1/rosters/{shift}", {"account_id": str(other.id)}, **JSON)
    assert changed.status_code == 200
    for client, state in ((desk.client("grid_member"), "published"),
                          (desk.client("team_member", team=desk.pump), "withdrawn")):  # fmt: skip
        assert [(i["state"], i["news"]) for i in client.get("/api/v1/rosters/mine").json()["items"]] == [(state, True)]


def test_copying_a_week_leaves_out_who_is_not_free(desk: Desk) -> None:
    day = today() + timedelta(days=7)
    plan(desk)
    lead, weeks = desk.client("duty_lead"), {"team_id": str(desk.pump), "source": str(day)}
    first = lead.post("/api/v1/rosters/copy", {**weeks, "target": str(day + timedelta(weeks=1))}, **JSON).json()
    assert [one["starts_at"] for one in first["made"]] == [f"{day + timedelta(weeks=1)}T22:00:00+08:00"]
    again = lead.post("/api/v1/rosters/copy", {**weeks, "target": str(day + timedelta(weeks=1))}, **JSON).json()
    assert (again["made"], len(again["left_out"])) == ([], 1)
    assert lead.post("/api/v1/rosters/copy", {**weeks, "target": str(day)}, **JSON).status_code == 422


def test_rosters_stay_in_their_area(desk: Desk) -> None:
    member = desk.account("team_member", NORTH, team=desk.patrol)
    asked = body(desk, team_id=str(desk.patrol), account_id=str(member.id))
    south, north = desk.client("duty_lead", SOUTH), desk.client("duty_lead", NORTH)
    guessed = south.post("/api/v1/rosters", {**asked, "team_id": str(member.id)}, **JSON)
    refused = south.post("/api/v1/rosters", asked, **JSON)
    assert (refused.status_code, refused.json()["errors"]) == (422, guessed.json()["errors"])
    shift = north.post("/api/v1/rosters", asked, **JSON).json()[0]["id"]
    assert south.delete(f"/api/v1/rosters/{shift}").status_code == 404
    assert south.get("/api/v1/rosters").json()["items"] == []
    assert desk.client("dispatcher", NORTH).delete(f"/api/v1/rosters/{shift}").status_code == 403


def test_who_is_planned_now_and_who_is_really_there(desk: Desk) -> None:
    plan(desk, today(), begins="00:00", ends="00:00")
    publish(desk, today())
    unplanned = desk.account("team_member", NORTH, team=desk.pump)
    Duty.objects.create(account=unplanned, team_id=desk.pump, area_path=D, started_at=clock.now())
    url = f"/api/v1/rosters/present?team_id={desk.pump}"
    rows = desk.client("dispatcher").get(url).json()
    assert [(bool(r["planned_until"]), bool(r["on_duty_since"])) for r in rows] == [(True, False), (False, True)]
    assert desk.client("team_member", team=desk.pump).get(url).status_code == 403


def test_the_roster_of_a_centre_is_for_its_desk_and_its_teams(desk: Desk) -> None:
    centre = orgs.ensure_centre(code="north", name_zh="北分中心", area_path=NORTH, kind="sub_centre")
    orgs.ensure_team(code="patrol", name_zh="巡查一队", kind="patrol", area_path=NORTH, centre_id=centre)
    member = desk.account("team_member", NORTH, team=desk.patrol)
    lead = desk.client("duty_lead", NORTH)
    people = lead.get(f"/api/v1/rosters/people?centre_id={centre}").json()
    assert [one["account_id"] for one in people] == [str(member.id)]
    asked = body(desk, team_id=None, centre_id=str(centre), account_id=str(member.id))
    assert lead.post("/api/v1/rosters", asked, **JSON).json()[0]["area_path"] == NORTH


def test_the_week_as_a_sheet_with_formulas_disarmed(desk: Desk) -> None:
    plan(desk, trade="=1+1")
    url = f"/api/v1/rosters/week.{{}}?team_id={desk.pump}&day={today() + timedelta(days=7)}"
    lead = desk.client("duty_lead")
    rows = list(csv.reader(io.StringIO(lead.get(url.format("csv")).content.decode("utf-8-sig"))))
    assert rows[1][3] == "'=1+1" and rows[1][0].endswith(" 22:00")
    sheet = load_workbook(io.BytesIO(lead.get(url.format("xlsx")).content)).active
    assert sheet is not None and sheet.cell(2, 4).value == "'=1+1"
    assert lead.get(url.format("pdf")).status_code == 422


def test_a_list_costs_the_same_whatever_its_length_and_pages_by_key(desk: Desk) -> None:
    lead, counts = desk.client("duty_lead"), []
    for i in range(2):
        plan(desk, today() + timedelta(days=7 + 28 * i), weeks=4)
        lead.get("/api/v1/rosters")
        with CaptureQueriesContext(connection) as queries:
            lead.get("/api/v1/rosters")
        counts.append(len(queries))
    assert counts[0] == counts[1]
    found, cursor = [], ""
    while True:
        page = lead.get(f"/api/v1/rosters?limit=3&cursor={cursor}").json()
        found += [one["id"] for one in page["items"]]
        if not (cursor := page["next"] or ""):
            break
    assert len(found) == len(set(found)) == 8


def test_old_shifts_go_and_the_database_keeps_hours_in_order(desk: Desk) -> None:
    who, old = desk.account("team_member", team=desk.pump), clock.now() - timedelta(days=401)
    fields = {"account": who, "team_id": desk.pump, "area_path": D}
    Shift.objects.create(**fields, starts_at=old - timedelta(hours=8), ends_at=old)
    Shift.objects.create(**fields, starts_at=clock.now(), ends_at=clock.now() + timedelta(hours=8))
    assert roster_services.purge_shifts() == 1
    with pytest.raises(IntegrityError), transaction.atomic():
        Shift.objects.create(**fields, starts_at=old, ends_at=old)
