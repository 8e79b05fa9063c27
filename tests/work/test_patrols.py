"""Patrols: what is due, who may say that they are there, and coverage by grid."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.cases.conftest import IN_NORTH, NORTH, D, Desk, make_district

from linli.cases import ports
from linli.kernel.models import AuditRow, OutboxEvent
from linli.places import index
from linli.work import patrol_rules
from linli.work.models import Duty, PatrolVisit

JSON = {"content_type": "application/json"}
ZONE = ZoneInfo("Asia/Shanghai")
START = datetime(2026, 3, 2, 8, tzinfo=ZONE)


def hours(*of: float) -> list[datetime]:
    return [START + timedelta(hours=one) for one in of]


def test_each_spell_needs_a_sign_on_and_the_present_one_may_still_get_it() -> None:
    end, every = START + timedelta(hours=4), timedelta(hours=1)
    kept = patrol_rules.kept
    assert kept(START, end, every, [], START - timedelta(minutes=1)) == patrol_rules.Kept(0, 0)
    assert kept(START, end, every, [], hours(0.5)[0]) == patrol_rules.Kept(0, 0, True)
    assert kept(START, end, every, hours(0.2, 0.4), hours(0.5)[0]) == patrol_rules.Kept(1, 1)
    assert kept(START, end, every, hours(0.2, 2.5), hours(3.5)[0]) == patrol_rules.Kept(3, 2, True)
    assert kept(START, end, every, hours(0.2, 2.5), hours(9)[0]) == patrol_rules.Kept(4, 2)
    assert kept(START, end, every, [], hours(9)[0], since=hours(2.5)[0]) == patrol_rules.Kept(2, 0)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(0, 299), max_size=12), st.integers(5, 120), st.integers(0, 400))
def test_against_a_count_minute_by_minute(minutes: list[int], every: int, now: int) -> None:
    visits = [START + timedelta(minutes=m) for m in minutes]
    end = START + timedelta(minutes=300)
    found = patrol_rules.kept(START, end, timedelta(minutes=every), visits, START + timedelta(minutes=now))
    spells: dict[int, bool] = {}
    for minute in range(300):
        spells[minute // every] = spells.get(minute // every, False) or minute in minutes
    begun = {i: had for i, had in spells.items() if i * every <= now}
    over = {i for i in begun if min((i + 1) * every, 300) <= now}
    assert found.done == sum(begun.values()) and found.due == len(over | {i for i, had in begun.items() if had})


def test_a_window_may_pass_midnight() -> None:
    start, end = patrol_rules.window(date(2026, 3, 2), time(22), time(6), ZONE)
    assert end - start == timedelta(hours=8)
    assert patrol_rules.runs_on([1], date(2026, 3, 2)) and not patrol_rules.runs_on([2, 3], date(2026, 3, 2))


@pytest.fixture
def desk(db: None) -> Iterator[Desk]:
    yield make_district()
    index.invalidate()
    ports.forget()


def plan(desk: Desk, **more: Any) -> Any:
    point = {"name": "闸口", "lon": IN_NORTH[0], "lat": IN_NORTH[1], "every_min": 1440}
    body = {"kind": "round", "name": "巡河", "team_ids": [str(desk.pump)], "begins": "00:00", "ends": "00:00",
            "points": [point], **more}  # fmt: skip
    return desk.client("duty_lead").post("/api/v1/patrol-plans", body, **JSON)


def visit(client: Any, point: str, **more: Any) -> Any:
    body = {"point_id": point, "lon": IN_NORTH[0], "lat": IN_NORTH[1], **more}
    return client.put(f"/api/v1/patrol-visits/{more.pop('id', uuid4())}", body, **JSON)


@pytest.mark.django_db
def test_only_the_team_on_duty_and_there_signs_on_and_once(desk: Desk) -> None:
    made = plan(desk).json()
    point, walker = made["points"][0]["id"], desk.client("team_member", team=desk.pump)
    assert made["area_path"] == NORTH
    assert visit(walker, point).json()["type"].endswith("off-duty")
    Duty.objects.create(account=desk.account("team_member", team=desk.pump), area_path=D, started_at=datetime.now(UTC))
    assert visit(walker, point, lat=IN_NORTH[1] + 0.01).json()["errors"][0]["field"] == "lon"
    assert visit(desk.client("grid_member"), point).status_code == 404
    assert [one["open"] for one in walker.get("/api/v1/patrols/mine").json()] == [True]
    same = uuid4()
    for _ in range(2):
        body = {"point_id": point, "lon": IN_NORTH[0], "lat": IN_NORTH[1] + 0.0005}
        assert walker.put(f"/api/v1/patrol-visits/{same}", body, **JSON).status_code == 200
    assert PatrolVisit.objects.count() == 1
    mine = walker.get("/api/v1/patrols/mine").json()[0]
    assert (mine["due"], mine["done"], mine["open"]) == (1, 1, False)
    rows = {one["area_path"]: one for one in desk.client("dispatcher").get("/api/v1/patrols/coverage").json()}
    assert (rows[NORTH]["points"], rows[NORTH]["due"], rows[NORTH]["done"]) == (1, 1, 1)
    assert (rows[f"{D}.002"]["points"], rows[f"{D}.002"]["due"]) == (0, 0), "a grid without a point is a blind spot"
    said = str(OutboxEvent.objects.filter(type="patrol.visited").get().envelope)
    assert str(desk.account("team_member", team=desk.pump).id) not in said and str(IN_NORTH[0]) not in said
    assert AuditRow.objects.filter(action="patrol.visit").count() == 1


@pytest.mark.django_db
def test_a_plan_is_checked_and_ends(desk: Desk) -> None:
    assert plan(desk, kind="joint").json()["errors"][0]["field"] == "team_ids"
    assert plan(desk, points=[]).json()["errors"][0]["field"] == "points"
    assert plan(desk, weekdays=[8]).json()["errors"][0]["field"] == "weekdays"
    joint = plan(desk, kind="joint", team_ids=[str(desk.pump), str(desk.patrol)])
    assert joint.status_code == 201
    ended = desk.client("duty_lead").post(f"/api/v1/patrol-plans/{joint.json()['id']}/end", **JSON).json()
    assert ended["ended_at"]
    assert desk.client("team_member", team=desk.pump).get("/api/v1/patrols/mine").json() == []
