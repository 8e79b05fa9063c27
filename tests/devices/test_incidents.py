"""Storms: alarms with one root are one incident, whoever gathers them; one act for all of them, and its undo."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import psycopg
import pytest
from django.db import connection, connections
from tests.devices.conftest import PERMISSIONS, Caller
from tests.devices.test_sql import dsn

from linli.devices import facade, storms
from linli.devices.models import Alarm, Device, Incident, IncidentNote, Rule, ThingModel
from linli.devices.services import incidents
from linli.kernel import clock, ids, inbox
from linli.kernel.actor import Actor, Grant
from linli.kernel.models import AuditRow, OutboxEvent
from linli.places.models import Grid

AREA = "340121403"
Make = Callable[..., list[Device]]


@pytest.fixture
def silent(water: ThingModel) -> Rule:
    return Rule.objects.create(
        code="t-silent", title_zh="水位计无数据", title_en="Gauge silent", model=water, kind="no_data", no_data_s=600,
        severity="warning", case={"class": "202151", "merge_radius_m": 100, "urgent": False},
    )  # fmt: skip


@pytest.fixture
def make(water: ThingModel) -> Make:
    def some(count: int, **more: object) -> list[Device]:
        mark = ids.new_id().hex[-8:]
        given = {"area_path": f"{AREA}.001", "lon": 117.1, "lat": 31.9, "tags": []} | more
        rows = [Device(code=f"{mark}-{n}", name_zh=f"{mark}-{n}", model=water, **given) for n in range(count)]
        return Device.objects.bulk_create(rows)

    return some


@pytest.fixture
def gateway(make: Make) -> Callable[[int], tuple[Device, list[Device]]]:
    """A gateway and so many children."""

    def one(children: int) -> tuple[Device, list[Device]]:
        (top,) = make(1, gateway=True)
        made = make(children)
        for n, child in enumerate(made):
            child.parent, child.parent_name = top, f"c{n}"
        Device.objects.bulk_update(made, ["parent", "parent_name"])
        return top, made

    return one


def operation(device: Device, rule: Rule, at: datetime) -> dict[str, object]:
    ms = int(at.timestamp() * 1000)
    return {"alarm_id": str(ids.new_id()), "event_id": str(ids.new_id()), "device_id": str(device.pk),
            "rule_id": str(rule.pk), "rule_version": 1, "property": "", "value": None, "started_at": ms,
            "raised_at": ms}  # fmt: skip


def alarm(devices: list[Device], rule: Rule, at: datetime | None = None) -> None:
    """As sense raises them, in SQL."""
    with connection.cursor() as cursor:
        for device in devices:
            body = json.dumps(operation(device, rule, at or clock.now()))
            cursor.execute("SELECT devices_alarm_raise(%s::jsonb)", [body])


def clear(devices: list[Device]) -> None:
    for row in Alarm.objects.filter(device__in=devices, cleared_at=None):
        Alarm.objects.filter(pk=row.pk).update(cleared_at=max(clock.now(), row.raised_at), clear_reason="condition")


def roots() -> list[tuple[str, str, int, int]]:
    return sorted(Incident.objects.filter(ended_at=None).values_list("root", "key", "alarms", "devices"))


def told(type: str = "incident.raised") -> list[dict]:
    return [e["data"] for e in OutboxEvent.objects.filter(type=type).order_by("created_at", "id")
            .values_list("envelope", flat=True)]  # fmt: skip


def test_two_gateways_that_fail_in_one_second_are_two_incidents(
    gateway: Callable, make: Make, silent: Rule, high_water: Rule
) -> None:
    (a, under_a), (b, under_b), alone = gateway(5), gateway(4), make(2)
    now = clock.now()
    alarm([*under_a, a, *under_b, *alone], silent, now)
    alarm(under_a[:2], high_water, now)  # what a child measures is no part of its gateway's silence
    incidents.gather()
    assert roots() == sorted([("gateway", str(a.pk), 6, 6), ("gateway", str(b.pk), 4, 4)])
    assert Alarm.objects.filter(incident=None).count() == 4
    one = Incident.objects.get(key=str(a.pk))
    assert (one.name_zh, one.title_zh, one.severity, one.area_path) == (a.name_zh, "设备无数据", "warning", a.area_path)
    first, second = told()
    assert {first["state"], second["state"]} == {"active"} and first["case"]["class"] == "202151"
    assert f"{one.name_zh}：设备无数据 (6 台设备)" in {first["title"]["zh"], second["title"]["zh"]}
    incidents.gather()
    assert (len(told()), len(told("incident.changed"))) == (2, 0), "nothing new, nothing told"


def test_a_storm_begins_with_the_third_and_late_ones_join_until_it_is_over(gateway: Callable, silent: Rule) -> None:
    top, under = gateway(8)
    start = clock.now() - timedelta(minutes=30)
    alarm(under[:2], silent, start)
    incidents.gather()
    assert roots() == [], "two are no storm"
    alarm(under[2:3], silent, start + timedelta(minutes=11))
    incidents.gather()
    assert roots() == [], "the third came after the window"
    alarm(under[3:5], silent, start + timedelta(minutes=12))
    incidents.gather()
    assert roots() == [("gateway", str(top.pk), 3, 3)], "the two first ones were long before"
    alarm(under[5:6], silent, start + timedelta(minutes=25))
    incidents.gather()
    assert roots() == [("gateway", str(top.pk), 4, 4)] and told("incident.changed")[-1]["act"] == "grow"
    clear(under[2:5])
    incidents.gather()
    assert Incident.objects.get().ended_at is None
    clear(under[5:6])
    incidents.gather()
    old = Incident.objects.get()
    assert old.ended_at == Alarm.objects.filter(incident=old).latest("cleared_at").cleared_at
    assert (told("incident.changed")[-1]["act"], told("incident.changed")[-1]["state"]) == ("end", "ended")
    alarm(under[2:8], silent)
    incidents.gather()
    assert Incident.objects.exclude(pk=old.pk).get().alarms == 6, "a new storm is a new incident"


def test_a_supply_line_then_a_place(grids: list[Grid], gateway: Callable, make: Make, silent: Rule) -> None:
    _, under = gateway(3)
    line = make(4, tags=["supply:10kV-3", "cabinet:7", "road"])
    Device.objects.filter(pk__in=[d.pk for d in under]).update(tags=["supply:10kV-3"])
    near = make(10, area_path=f"{AREA}.002.001")
    far = make(9, area_path=f"{AREA}.001.002")
    alarm([*under, *line, *near, *far], silent)
    incidents.gather()
    assert [(r, n) for r, _, n, _ in roots()] == [("gateway", 3), ("place", 10), ("tag", 4)], "the gateway comes first"
    supply, place = Incident.objects.get(root="tag"), Incident.objects.get(root="place")
    assert (supply.key, supply.name_zh, supply.name_en) == ("supply:10kV-3", "供电线路 10kV-3", "Supply line 10kV-3")
    assert (place.key, place.area_path, place.name_zh) == (f"{AREA}.002", f"{AREA}.002.001", "d2")
    more = make(1, area_path=f"{AREA}.002.003")
    alarm(more, silent)
    incidents.gather()
    place.refresh_from_db()
    assert (place.alarms, place.area_path) == (11, f"{AREA}.002"), "its area is what its alarms have in common"


def test_readings_of_different_rules_are_different_storms(make: Make, high_water: Rule, water: ThingModel) -> None:
    low = Rule.objects.create(code="t-low", title_zh="低", title_en="low", model=water, property="level",
                              kind="threshold", op="lt", value=1, severity="info")  # fmt: skip
    line = make(6, tags=["supply:1"])
    alarm(line[:3], high_water)
    alarm(line[3:], low)
    incidents.gather()
    assert sorted(Incident.objects.values_list("key", "nature")) == sorted(
        [("supply:1", str(high_water.pk)), ("supply:1", str(low.pk))]
    )


def test_a_storm_left_alone_takes_the_next_burst(make: Make, silent: Rule) -> None:
    """The open incident of a root is the only one: what comes after its time is dense enough, or stands alone."""
    line = make(30, area_path=f"{AREA}.001")
    then = clock.now() - timedelta(hours=5)
    alarm(line[:10], silent, then)
    incidents.gather()
    alarm(line[10:15], silent)
    incidents.gather()
    assert [n for *_, n, _ in roots()] == [10], "hours later, a few"
    alarm(line[15:25], silent)
    incidents.gather()
    assert [n for *_, n, _ in roots()] == [25]


def test_the_list_shows_one_row_that_opens(gateway: Callable, make: Make, silent: Rule, call: Callable,
                                           django_assert_max_num_queries: Callable) -> None:  # fmt: skip
    _, under = gateway(5)
    (single,) = make(1)
    alarm([*under, single], silent)
    incidents.gather()
    me = call()
    (row,) = me.get("/incidents")["items"]
    assert (row["root"], row["active"], row["unacknowledged"], row["devices"]) == ("gateway", 5, 5, 5)
    assert [a["device"]["id"] for a in me.get("/alarms?grouped=true")["items"]] == [str(single.pk)]
    assert len(me.get("/alarms")["items"]) == 6
    inside = me.get(f"/alarms?incident_id={row['id']}&limit=3")
    more = me.get(f"/alarms?incident_id={row['id']}&limit=3&cursor={inside['next']}")
    assert len({a["id"] for a in inside["items"] + more["items"]}) == 5 and more["next"] is None
    detail = me.get(f"/incidents/{row['id']}")
    assert detail["areas"] == [{"area_path": f"{AREA}.001", "devices": 5, "active": 5}]
    assert detail["models"] == [{"model": "t_water", "devices": 5, "active": 5}] and len(detail["points"]) == 5
    assert [i["id"] for i in me.get("/incidents?root=gateway&severity=warning&area=" + AREA)["items"]] == [row["id"]]
    assert me.get("/incidents?root=place")["items"] == me.get("/incidents?state=ended")["items"] == []
    for wrong in ("root=x", "state=x", "severity=x"):
        me.get("/incidents?" + wrong, 422)
    with django_assert_max_num_queries(6):
        me.get("/incidents")
    lines = facade.desk_alarms(me.actor, AREA, 50)
    assert (lines[0]["incident"], str(lines[0]["id"]), len(lines)) == (True, row["id"], 2)
    other = call(f"{AREA}.002")
    assert other.get("/incidents")["items"] == [] and other.get(f"/incidents/{row['id']}", 404)


def test_who_does_not_see_the_row_sees_the_alarms(make: Make, silent: Rule, call: Callable) -> None:
    west, east = (
        make(2, tags=["supply:9"], area_path=f"{AREA}.001"),
        make(2, tags=["supply:9"], area_path=f"{AREA}.002"),
    )
    alarm([*west, *east], silent)
    incidents.gather()
    assert Incident.objects.get().area_path == AREA
    me = call(f"{AREA}.001")
    assert me.get("/incidents")["items"] == [] and len(me.get("/alarms?grouped=true")["items"]) == 2


def test_one_act_for_all_and_its_undo(gateway: Callable, silent: Rule, call: Callable) -> None:
    _, under = gateway(6)
    alarm(under[:5], silent)
    incidents.gather()
    me, key = call(), Incident.objects.get().pk
    before = Alarm.objects.filter(device=under[0])
    me.post(f"/alarms/{before.get().pk}/acknowledge", {})
    mine = before.get().acknowledged_at
    done = me.post(f"/incidents/{key}/acknowledge", {"text": "网关断电"})
    assert (done["unacknowledged"], done["notes"][0]["kind"], done["notes"][0]["alarms"]) == (0, "acknowledge", 4)
    assert AuditRow.objects.filter(action="incident.acknowledge", ref=str(key)).count() == 1
    assert told("incident.changed")[-1]["act"] == "acknowledge"
    changed = [e["data"]["incident_id"] for e in OutboxEvent.objects.filter(type="alarm.changed")
               .values_list("envelope", flat=True)]  # fmt: skip
    assert changed.count(str(key)) == 5, "each alarm is told"
    me.post(f"/incidents/{key}/acknowledge", {})
    assert IncidentNote.objects.count() == 1, "seeing it twice changes nothing"
    alarm(under[5:], silent)
    incidents.gather()
    assert me.get(f"/incidents/{key}")["unacknowledged"] == 1, "who came later was seen by nobody"
    undone = me.post(f"/incidents/{key}/notes/{done['notes'][0]['id']}/undo")
    assert undone["unacknowledged"] == 5 and before.get().acknowledged_at == mine, "only what the act changed"
    me.post(f"/incidents/{key}/notes/{done['notes'][0]['id']}/undo", status=409)
    me.post(f"/incidents/{key}/comments", {"text": "已派人"}, 201)
    me.post(f"/incidents/{key}/comments", {"text": " "}, 422)
    call(AREA, "alarms.view").post(f"/incidents/{key}/acknowledge", {}, 403)
    call(f"{AREA}.002").post(f"/incidents/{key}/acknowledge", {}, 404)


def test_a_shelved_storm_keeps_what_joins_off_the_list(gateway: Callable, silent: Rule, call: Callable) -> None:
    _, under = gateway(6)
    alarm(under[:4], silent)
    incidents.gather()
    me, key = call(), Incident.objects.get().pk
    until = clock.now() + timedelta(hours=2)
    one = Alarm.objects.get(device=under[0])
    longer = me.post(f"/alarms/{one.pk}/shelve", {"until": (until + timedelta(hours=9)).isoformat()})["shelved_until"]
    done = me.post(f"/incidents/{key}/shelve", {"until": until.isoformat()})
    assert me.get("/incidents")["items"] == [] and me.get("/alarms")["items"] == []
    assert len(me.get("/incidents?shelved=true")["items"]) == 1 and done["notes"][0]["alarms"] == 3
    alarm(under[4:], silent)
    incidents.gather()
    assert me.get("/alarms")["items"] == [] and me.get(f"/incidents/{key}")["active"] == 6
    assert len(me.get(f"/alarms?incident_id={key}")["items"]) == 6, "the row opens to all of them"
    me.post(f"/incidents/{key}/notes/{done['notes'][0]['id']}/undo")
    assert len(me.get("/alarms")["items"]) == 5 and len(me.get("/incidents")["items"]) == 1
    assert me.get(f"/alarms/{one.pk}")["shelved_until"] == longer
    me.post(f"/incidents/{key}/shelve", {"until": (clock.now() - timedelta(hours=1)).isoformat()}, 422)
    me.post(f"/incidents/{key}/shelve", {"until": "2126-11-27T00:00:00"}, 422)
    clear(under)
    incidents.gather()
    me.post(f"/incidents/{key}/shelve", {"until": until.isoformat()}, 409)


def test_an_alarm_taken_out_stays_out_until_it_is_put_back(
    gateway: Callable, make: Make, silent: Rule, call: Callable
) -> None:
    _, under = gateway(5)
    alarm(under[:4], silent)
    incidents.gather()
    me, key = call(), Incident.objects.get().pk
    one = Alarm.objects.get(device=under[0])
    out = me("DELETE", f"/incidents/{key}/alarms/{one.pk}").json()
    assert (out["alarms"], out["notes"][-1]["kind"]) == (3, "take_out")
    alarm(under[4:], silent)
    incidents.gather()
    assert [a["id"] for a in me.get("/alarms?grouped=true")["items"]] == [str(one.pk)]
    assert me("DELETE", f"/incidents/{key}/alarms/{one.pk}").status_code == 409
    assert me("PUT", f"/incidents/{key}/alarms/{one.pk}").json()["alarms"] == 5
    assert me("PUT", f"/incidents/{key}/alarms/{one.pk}").status_code == 200, "twice is once"
    assert me.get("/alarms?grouped=true")["items"] == []
    far = make(1, area_path=f"{AREA}.002")
    alarm(far, silent)
    other, here = Alarm.objects.get(device=far[0]), call(f"{AREA}.001")
    assert here("PUT", f"/incidents/{key}/alarms/{other.pk}").status_code == 404
    both = Caller(Actor("account", ids.new_id(), grants=tuple(
        Grant("test", f"{AREA}.00{n}", PERMISSIONS) for n in (1, 2))))  # fmt: skip
    assert both("PUT", f"/incidents/{key}/alarms/{other.pk}").status_code == 403, "it would reach beyond both areas"
    assert me("PUT", f"/incidents/{key}/alarms/{other.pk}").json()["area_path"] == AREA


def test_the_news_of_alarms_gathers_them_once(gateway: Callable, silent: Rule, monkeypatch: pytest.MonkeyPatch) -> None:
    top, under = gateway(60)
    alarm(under, silent)
    runs: list[int] = []
    real = incidents.gather
    monkeypatch.setattr(incidents, "gather", lambda: (runs.append(1), real())[1])
    inbox.load()
    news = list(OutboxEvent.objects.filter(type="alarm.raised").values_list("envelope", flat=True))
    for first in range(0, 60, 20):  # in batches, as the consumer fetches them
        batch = news[first : first + 20]
        for data, wish in zip(batch, inbox.wanted("devices.incidents", batch), strict=True):
            if wish:
                inbox.deliver("devices.incidents", inbox.envelope_of(data))
    assert roots() == [("gateway", str(top.pk), 60, 60)] and len(runs) == 20, "the later batches found nothing to do"


@pytest.fixture
def crowd(transactional_db: None, gateway: Callable, silent: Rule) -> Iterator[list[tuple[Device, list[Device]]]]:
    yield [gateway(50) for _ in range(4)]


class Crew:
    """Threads with connections of their own, and what went wrong in them."""

    def __init__(self) -> None:
        self.failures: list[BaseException] = []
        self.threads: list[threading.Thread] = []

    def start(self, work: Callable[[], None]) -> None:
        def run() -> None:
            try:
                work()
            except BaseException as error:
                self.failures.append(error)
            finally:
                connections.close_all()

        self.threads.append(threading.Thread(target=run))
        self.threads[-1].start()

    def join(self) -> None:
        for thread in self.threads:
            thread.join(60)
        assert not self.failures and not any(t.is_alive() for t in self.threads)


def write(address: str, mine: list[Device], rule: Rule, at: datetime) -> None:
    """As sense: ten alarms a transaction, and half of them end at once, in another order."""
    with psycopg.connect(address) as own:
        for n in range(0, len(mine), 10):
            for device in mine[n : n + 10]:
                own.execute("SELECT devices_alarm_raise(%s::jsonb)", [json.dumps(operation(device, rule, at))])
            own.commit()
            for device in reversed(mine[n : n + 5]):
                own.execute("UPDATE devices_alarm SET cleared_at = now(), clear_reason = 'condition' "
                            "WHERE device_id = %s AND cleared_at IS NULL", [device.pk])  # fmt: skip
            own.commit()


@pytest.mark.django_db(transaction=True)
def test_many_gatherers_and_writers_make_one_incident_a_root(
    crowd: list[tuple[Device, list[Device]]], silent: Rule
) -> None:
    """Sense raises and clears in several transactions while several workers gather; nobody waits for ever."""
    address, stop, start = dsn(), threading.Event(), clock.now()
    gatherers, writers = Crew(), Crew()

    def gather() -> None:
        while not stop.is_set():
            incidents.gather()
            time.sleep(0.005)

    under = [d for _, devices in crowd for d in devices]
    for n in range(4):
        gatherers.start(gather)
        writers.start(lambda mine=under[n::4]: write(address, mine, silent, start))
    writers.join()
    stop.set()
    gatherers.join()
    incidents.gather()
    assert Alarm.objects.count() == 200 and Alarm.objects.filter(cleared_at=None).count() == 100
    assert Incident.objects.filter(ended_at=None).count() == 4
    for row in Incident.objects.filter(ended_at=None):
        members = Alarm.objects.filter(incident=row, cleared_at=None)
        assert set(members.values_list("device__parent_id", flat=True)) == {row.device_id}
        assert row.alarms == Alarm.objects.filter(incident=row).count()
    assert not Alarm.objects.filter(cleared_at=None, incident=None).exists()


def test_the_ways_of_the_pack() -> None:
    assert [w.by for w in storms.ways()] == ["gateway", "tag", "tag", "place"]
    assert storms.way_of("tag", "cabinet:7").name["en"] == "Cabinet"
