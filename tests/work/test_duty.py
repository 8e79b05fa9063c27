"""Duty and positions: only while on duty, only for those who may, gone after 30 days."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest
import time_machine
from django.test import Client
from tests.identity.accounts import client_for, client_of, make_account

from linli.kernel import clock, ids
from linli.kernel.models import OutboxEvent
from linli.work import duty_services, facade
from linli.work.models import Duty, Position

pytestmark = pytest.mark.django_db
JSON = {"content_type": "application/json"}
AREA = "D.001"


def sign_on(client: Client, duty: UUID | None = None, **body: object):  # type: ignore[no-untyped-def]
    return client.put(f"/api/v1/duty/{duty or ids.new_id()}", body, **JSON)


def send(client: Client, duty: UUID, *times: datetime, lon: float = 117.2, lat: float = 31.9):  # type: ignore[no-untyped-def]
    points = [{"at": t.isoformat(), "lon": lon, "lat": lat} for t in times]
    return client.post(f"/api/v1/duty/{duty}/positions", {"positions": points}, **JSON)


def test_on_and_off() -> None:
    client, duty = client_of("grid_member", AREA), ids.new_id()
    assert client.get("/api/v1/duty/me").json() is None
    assert sign_on(client, duty).status_code == 200
    assert sign_on(client, duty).json()["id"] == str(duty), "sent twice"
    assert Duty.objects.count() == 1
    desk = client_of("dispatcher", AREA)
    assert [d["id"] for d in desk.get("/api/v1/duty").json()["items"]] == [str(duty)]
    assert client_of("dispatcher", "D.002").get("/api/v1/duty").json()["items"] == []
    assert client.post(f"/api/v1/duty/{duty}/end", {}, **JSON).json()["ended_at"]
    assert client.post(f"/api/v1/duty/{duty}/end", {}, **JSON).status_code == 200
    assert desk.get("/api/v1/duty").json()["items"] == []
    assert sign_on(client, area_path="D.002").status_code == 403
    assert client_of("grid_member", AREA).post(f"/api/v1/duty/{duty}/end", {}, **JSON).status_code == 404


def test_a_second_sign_on_ends_the_first() -> None:
    client, first = client_of("grid_member", AREA), ids.new_id()
    sign_on(client, first)
    sign_on(client)
    assert Duty.objects.get(id=first).ended_by == "replaced"
    assert Duty.objects.filter(ended_at=None).count() == 1


def test_duty_staff_positions_exist_only_on_shift_and_for_those_concerned() -> None:
    me = make_account(("grid_member", AREA))
    client, duty = client_for(me), ids.new_id()
    with time_machine.travel(clock.now(), tick=False) as when:
        sign_on(client, duty)
        start = clock.now()
        when.shift(600)
        sent = send(
            client, duty, start - timedelta(minutes=5), start + timedelta(seconds=30), start + timedelta(seconds=35),
            start + timedelta(seconds=60), clock.now() + timedelta(hours=1),
        )  # fmt: skip
        assert sent.json() == {"kept": 2}, "before and after duty, and closer than 10 s, are dropped"
        again = send(client, duty, start + timedelta(seconds=30), start + timedelta(seconds=60))
        assert again.json()["kept"] == 0 and Position.objects.count() == 2, "sent twice, kept once"
        desk = client_of("dispatcher", AREA)
        assert len(desk.get("/api/v1/positions").json()["items"]) == 1
        assert client_of("dispatcher", "D.002").get("/api/v1/positions").json()["items"] == []
        assert client.get("/api/v1/positions").status_code == 403, "members do not see each other"
        assert len(client.get("/api/v1/positions/me").json()["items"]) == 2
        assert client_of("grid_member", AREA).get("/api/v1/positions/me").json()["items"] == []
        other = client_of("grid_member", AREA)
        assert send(other, duty, clock.now()).status_code == 404
        client.post(f"/api/v1/duty/{duty}/end", {}, **JSON)
        assert desk.get("/api/v1/positions").json()["items"] == []
        row = Duty.objects.get(id=duty)
        assert (row.lon, row.lat) == (None, None)
        when.shift(60)
        assert send(client, duty, clock.now()).json()["kept"] == 0
        assert send(client, duty, start + timedelta(seconds=300)).json()["kept"] == 1, "sent late, taken on duty"
    for event in OutboxEvent.objects.filter(type="duty.changed"):
        assert "117.2" not in str(event.envelope), "events hold no position"


def test_duty_positions_are_deleted_after_thirty_days() -> None:
    client, duty = client_of("grid_member", AREA), ids.new_id()
    with time_machine.travel(clock.now(), tick=False) as when:
        sign_on(client, duty)
        when.shift(60)
        send(client, duty, clock.now())
        when.shift(timedelta(days=30))
        assert duty_services.purge_positions() == 0
        when.shift(timedelta(minutes=1))
        assert duty_services.purge_positions() == 1
        assert Position.objects.count() == 0


def test_a_forgotten_sign_off() -> None:
    client, duty = client_of("grid_member", AREA), ids.new_id()
    with time_machine.travel(clock.now(), tick=False) as when:
        sign_on(client, duty)
        when.shift(timedelta(hours=15))
        assert duty_services.end_long_duties() == 0
        when.shift(timedelta(hours=2))
        assert duty_services.end_long_duties() == 1
    row = Duty.objects.get(id=duty)
    assert row.ended_by == "timeout" and row.ended_at - row.started_at == timedelta(hours=16)
    assert facade.on_duty("") == []


def test_bad_positions_are_refused_by_name() -> None:
    client, duty = client_of("grid_member", AREA), ids.new_id()
    sign_on(client, duty)
    assert send(client, duty, clock.now(), lon=181).json()["errors"][0]["field"] == "positions.0.lon"
    naive = {"positions": [{"at": "2030-01-01T00:00:00", "lon": 1, "lat": 1}]}
    answer = client.post(f"/api/v1/duty/{duty}/positions", naive, **JSON)
    assert answer.json()["errors"][0]["field"] == "positions.0.at"
    assert send(client, duty, *[clock.now()] * 501).status_code == 422
