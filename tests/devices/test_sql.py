"""The SQL that the hot path calls: one active alarm whatever races, fenced by the epoch, safe to replay."""

from __future__ import annotations

import json
import threading
import uuid

import psycopg
import pytest
from django.db import connection
from psycopg.conninfo import make_conninfo

from linli.devices import contracts
from linli.devices.models import Alarm, Credential, Device, DeviceStatus, Rule, SenseLease
from linli.kernel import ids
from linli.kernel.models import OutboxEvent

T0 = 1_760_000_000_000


def op(kind: str, device: Device, rule: Rule, started: int, at: int, value: float = 3.5) -> dict[str, object]:
    common = {"op": kind, "event_id": str(ids.new_id()), "device_id": str(device.pk), "rule_id": str(rule.pk),
              "started_at": started, "value": value}  # fmt: skip
    if kind == "raise":
        return common | {"alarm_id": str(ids.new_id()), "rule_version": 1, "raised_at": at, "property": "level"}
    return common | {"cleared_at": at, "reason": "condition"}


def dsn() -> str:
    s = connection.settings_dict
    return make_conninfo(
        host=s["HOST"], port=s["PORT"], user=s["USER"], password=s["PASSWORD"] or None, dbname=s["NAME"]
    )


def run(sql: str, *params: object) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def apply(epoch: int, *operations: dict[str, object]) -> list[bool]:
    return [r[4] for r in run(contracts.ALARMS_APPLY_SQL, epoch, 0, json.dumps(operations))]


def lease(owner: str, ttl: float = 5, count: int = 1, dead: list[str] | None = None) -> dict[int, int]:
    return {r[0]: r[1] for r in run(contracts.LEASES_SQL, owner, ttl, count, dead or [])}


def test_an_alarm_is_raised_once_and_cleared_once(gauge: Device, high_water: Rule) -> None:
    epoch = lease("a")[0]
    assert apply(epoch, op("raise", gauge, high_water, T0, T0)) == [True]
    assert apply(epoch, op("raise", gauge, high_water, T0, T0)) == [False]
    assert apply(epoch, op("raise", gauge, high_water, T0 + 5000, T0 + 5000)) == [False], "one active"
    alarm = Alarm.objects.get()
    assert int(alarm.raised_at.timestamp() * 1000) == T0, "the reading's own time"
    assert apply(epoch, op("clear", gauge, high_water, T0 - 1000, T0 + 1)) == [False], "an older occurrence's clear"
    assert apply(epoch, op("clear", gauge, high_water, T0, T0 + 9000, 2.0)) == [True]
    replay = [op("raise", gauge, high_water, T0, T0), op("clear", gauge, high_water, T0, T0 + 9000)]
    assert apply(epoch, *replay) == [False, False]
    assert apply(epoch, op("raise", gauge, high_water, T0 + 4000, T0 + 4000)) == [False], "inside one already told"
    assert apply(epoch, op("raise", gauge, high_water, T0 + 20000, T0 + 20000)) == [True], (
        "a new row, never a reused one"
    )
    events = list(OutboxEvent.objects.order_by("created_at").values_list("type", "envelope"))
    assert [e[0] for e in events] == ["alarm.raised", "alarm.changed", "alarm.raised"]
    data = events[0][1]["data"]
    assert (data["value"], data["case"]["class"], data["title"]["zh"]) == (3.5, "0406", "水位过高")
    assert (events[0][1]["area"], events[0][1]["permission"]) == ("340121403.001.002", "alarms.view")
    assert data["at"].endswith("+00:00")


def test_an_old_epoch_is_refused(gauge: Device, high_water: Rule) -> None:
    old = lease("a")[0]
    assert lease("b") == {}, "held by a"
    new = lease("b", dead=["a"])[0]
    assert new == old + 1
    assert run(contracts.SNAPSHOT_SAVE_SQL, 0, old, 7, b"x") == [(None,)]
    assert run(contracts.SNAPSHOT_SAVE_SQL, 0, new, 7, b"x") == [(True,)]
    with pytest.raises(Exception, match="not in force") as refused:
        apply(old, op("raise", gauge, high_water, T0, T0))
    assert refused.value.__cause__.sqlstate == contracts.FENCED


@pytest.mark.django_db
def test_leases_are_shared_out() -> None:
    assert len(lease("a", count=8)) == 8
    lease("b", count=8)
    rows = run(contracts.LEASES_SQL, "a", 5, 8, [])
    assert [r[0] for r in rows if r[2]] == [4, 5, 6, 7], "half is surplus"
    for part in (4, 5, 6, 7):
        assert run(contracts.RELEASE_SQL, "a", part) == [(True,)]
    assert sorted(lease("b", count=8)) == [4, 5, 6, 7]
    SenseLease.objects.update(expires_at="2020-01-01T00:00:00Z")
    assert sorted(lease("a", count=8)) == [0, 1, 2, 3], "its own come back first"


def test_rules_off_and_devices_in_maintenance_raise_nothing(gauge: Device, high_water: Rule) -> None:
    epoch = lease("a")[0]
    Device.objects.update(state="maintenance")
    assert apply(epoch, op("raise", gauge, high_water, T0, T0)) == [False]
    Device.objects.update(state="active")
    Rule.objects.update(enabled=False)
    assert apply(epoch, op("raise", gauge, high_water, T0, T0)) == [False]


def test_a_stamp_is_another_one_when_anything_of_the_row_is(gauge: Device) -> None:
    ids = [Device.objects.create(code=f"S-{n}", name_zh="x", model=gauge.model, area_path=gauge.area_path).pk
           for n in range(4)]  # fmt: skip

    def stamps() -> dict[uuid.UUID, int]:
        found: dict[uuid.UUID, int] = {}
        after = uuid.UUID(int=0)
        while page := run(contracts.REGISTRY_STAMPS_SQL, after, 2):
            assert len(page) <= 2
            found |= dict(page)
            after = page[-1][0]
        return found

    now = stamps()
    assert set(now) == {gauge.pk, *ids} == set(stamps())
    rows = [contracts.RegistryRow(*r) for r in run(contracts.REGISTRY_STAMPED_SQL, list(now), list(now))]
    assert {r.device_id: r.stamp for r in rows} == now == stamps()

    def differs(*expected: uuid.UUID) -> None:
        nonlocal now
        before, now = now, stamps()
        assert {i for i in before if now[i] != before[i]} == set(expected)

    Credential.objects.create(device_id=ids[0], token_hash=b"1")
    differs(ids[0])
    Credential.objects.update(revoked_at="2020-01-01T00:00:00Z")
    differs(ids[0])
    Device.objects.filter(pk=ids[1]).update(state="retired")
    differs(ids[1])
    Device.objects.filter(pk=ids[2]).update(parent_id=ids[3], parent_name="x")
    differs(ids[2])
    Device.objects.filter(pk=ids[3]).update(code="S-9", gateway=True)
    differs(ids[3])
    gauge.model.properties = gauge.model.properties[:-1]
    gauge.model.save()
    differs(*now)
    DeviceStatus.objects.update_or_create(device_id=ids[0], defaults={"messages": 5})
    differs()


def test_the_registry_and_the_gateway_notes(gauge: Device) -> None:
    hashed = contracts.token_hash(b"k", "secret")
    Credential.objects.create(device=gauge, token_hash=hashed)
    Credential.objects.create(device=gauge, token_hash=b"old", revoked_at="2020-01-01T00:00:00Z")
    row = contracts.RegistryRow(*run(contracts.REGISTRY_ONE_SQL, gauge.pk)[0])
    assert [bytes(h) for h in row.credential_hashes] == [hashed]
    level = (row.properties if isinstance(row.properties, dict) else json.loads(row.properties))["level"]
    assert (level["unit"], level["min"], level["max"]) == ("m", 0, 10)
    assert (row.device_id, row.code, row.model, row.enabled, row.interval_s) == (gauge.pk, "WL-1", "t_water", True, 60)
    note = {"device_id": str(gauge.pk), "last_seen": T0, "connected": True, "messages": 2, "points": 6}
    notes = [note, note, note | {"device_id": str(uuid.uuid4())}, note | {"bad": 1, "error": "bad-json"}]
    assert run(contracts.NOTE_GATEWAY_SQL, json.dumps(notes)) == [(1,)]
    run(contracts.NOTE_GATEWAY_SQL, json.dumps([note | {"last_seen": T0 - 5}]))
    status = DeviceStatus.objects.get()
    assert (status.messages, status.points, status.bad, status.last_error) == (8, 24, 1, "bad-json")
    told = note | {"attributes": {"fw": "1.2", "sim": None}, "clamped": 3}
    run(contracts.NOTE_GATEWAY_SQL, json.dumps([told, told | {"attributes": {"fw": "1.3"}, "clamped": None}]))
    assert Device.objects.get().attributes_client == {"fw": "1.3", "sim": None}
    run(contracts.NOTE_GATEWAY_SQL, json.dumps([note | {"attributes": {"big": "x" * 70000}}]))
    assert "big" not in Device.objects.get().attributes_client
    assert DeviceStatus.objects.get().clamped == 3
    assert (status.online_until - status.last_seen).total_seconds() == 180


@pytest.mark.django_db(transaction=True)
def test_twenty_writers_make_one_alarm(gauge: Device, high_water: Rule) -> None:
    epoch = lease("a")[0]
    made: list[bool] = []
    barrier, address = threading.Barrier(20), dsn()

    def writer(n: int) -> None:
        with psycopg.connect(address, autocommit=True) as own:
            barrier.wait()
            for k in range(10):
                body = json.dumps([op("raise", gauge, high_water, T0 + n * 7 + k, T0 + n * 7 + k)])
                made.extend(r[4] for r in own.execute(contracts.ALARMS_APPLY_SQL, (epoch, 0, body)))

    threads = [threading.Thread(target=writer, args=(n,)) for n in range(20)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert (len(made), sum(made), Alarm.objects.count()) == (200, 1, 1)
    assert OutboxEvent.objects.filter(type="alarm.raised").count() == 1
