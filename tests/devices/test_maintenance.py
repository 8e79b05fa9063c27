"""Planned works: alarms raised meanwhile are held for nobody to hear, and those that still stand come to life after."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.devices.test_incidents import alarm, clear, gateway, make, silent  # noqa: F401
from tests.worker import forget_jobs, tick

from linli.devices.models import Alarm, Device, Incident, Maintenance, Rule, ThingModel
from linli.devices.services import incidents, maintenance
from linli.kernel import clock
from linli.kernel.models import AuditRow, OutboxEvent
from linli.places.models import Grid

AREA = "340121403"


def body(**more: Any) -> dict[str, Any]:
    now = clock.now()
    return {"title": "换线检修", "reason": "10kV-3 线路更换", "who": "供电公司抢修班", "area_path": AREA,
            "starts_at": (now - timedelta(minutes=1)).isoformat(), "ends_at": (now + timedelta(hours=2)).isoformat(),
            **more}  # fmt: skip


def types() -> list[str]:
    found = OutboxEvent.objects.filter(type__startswith="alarm.").order_by("created_at", "id")
    return list(found.values_list("type", flat=True))


def test_what_arises_meanwhile_is_held_and_comes_to_life(
    grids: list[Grid], make: Callable, high_water: Rule, call: Callable  # noqa: F811
) -> None:  # fmt: skip
    me = call()
    before, line = make(1, tags=["supply:3"]), make(4, tags=["supply:3"])
    alarm(before, high_water)
    made = me.post("/maintenance-windows", body(tags=["supply:3"]), 201)
    assert (made["state"], made["devices"], made["held"], made["models"]) == ("running", 5, 0, None)
    others = make(1)
    alarm([*line, *others], high_water)
    assert types() == ["alarm.raised"] + ["alarm.held"] * 4 + ["alarm.raised"]
    incidents.gather()
    assert not Incident.objects.exists() and not incidents.due(), "what is held is no storm, and nobody looks for one"
    shown = {a["device"]["id"] for a in me.get("/alarms")["items"]}
    assert shown == {str(before[0].pk), str(others[0].pk)}, "what stood before goes on"
    held = me.get("/alarms?held=true")["items"]
    assert len(held) == 4 and {a["maintenance_id"] for a in held} == {made["id"]}
    assert len(me.get(f"/alarms?device_id={line[0].pk}")["items"]) == 1, "its own device shows it"
    counts = me.get("/alarms/counts")
    assert (counts["active"], counts["held"], counts["unacknowledged"]) == (2, 4, 2)
    assert me.get(f"/maintenance-windows/{made['id']}")["held"] == 4
    pins = me.get("/device-pins")
    alarms = {row[0]: row[6] for row in pins["items"]}
    assert alarms[str(line[0].pk)] is None and alarms[str(before[0].pk)] == "severe"
    clear(line[:1])
    ended = me.post(f"/maintenance-windows/{made['id']}/end", {"text": "提前完工"})
    assert (ended["state"], ended["held"]) == ("over", 0)
    assert types()[-3:] == ["alarm.raised"] * 3, "the one that is over stays silent"
    incidents.gather()
    assert Incident.objects.get().alarms == 4, "a storm after all: with the one that stood before"
    data = OutboxEvent.objects.filter(type="alarm.raised").latest("created_at").envelope["data"]
    assert (data["in_maintenance"], data["case"]["class"]) == (False, "0406")
    assert AuditRow.objects.filter(action="maintenance.end", detail__text="提前完工").count() == 1
    me.post(f"/maintenance-windows/{made['id']}/end", {}, 409)


@pytest.mark.django_db(transaction=True)
def test_works_begin_and_end_by_the_clock(
    transactional_db: None, grids: list[Grid], make: Callable, high_water: Rule, call: Callable  # noqa: F811
) -> None:  # fmt: skip
    forget_jobs()
    me, (gauge,) = call(), make(1)
    start, end = clock.now() + timedelta(hours=1), clock.now() + timedelta(hours=2)
    made = me.post("/maintenance-windows", body(device_ids=[str(gauge.pk)], starts_at=start.isoformat(),
                                                ends_at=end.isoformat()), 201)  # fmt: skip
    assert made["state"] == "upcoming"
    tick("devices.maintenance")
    assert Maintenance.objects.get().state == "upcoming"
    Maintenance.objects.update(starts_at=clock.now() - timedelta(minutes=1))
    tick("devices.maintenance")
    alarm([gauge], high_water)
    assert Alarm.objects.get().maintenance_id is not None
    Maintenance.objects.update(ends_at=clock.now())
    tick("devices.maintenance")
    assert Alarm.objects.get().maintenance_id is None and types() == ["alarm.held", "alarm.raised"]
    tick("devices.maintenance")
    told = OutboxEvent.objects.filter(type="maintenance.changed").order_by("created_at", "id")
    acts = [e["data"]["act"] for e in told.values_list("envelope", flat=True)]
    assert acts == ["create", "begin", "over"] and types() == ["alarm.held", "alarm.raised"], "each once"


def test_two_works_at_one_device_hold_until_the_last(
    grids: list[Grid], make: Callable, high_water: Rule, call: Callable  # noqa: F811
) -> None:  # fmt: skip
    me, (gauge,) = call(), make(1)
    longer = (clock.now() + timedelta(hours=3)).isoformat()
    one = me.post("/maintenance-windows", body(models=["t_water"], ends_at=longer), 201)
    two = me.post("/maintenance-windows", body(area_path=f"{AREA}.001"), 201)
    alarm([gauge], high_water)
    assert str(Alarm.objects.get().maintenance_id) == one["id"], "the longer one"
    me.post(f"/maintenance-windows/{one['id']}/end", {})
    assert str(Alarm.objects.get().maintenance_id) == two["id"]
    outside = body(area_path=f"{AREA}.002")["area_path"]
    moved = me.patch(f"/maintenance-windows/{two['id']}", {"version": 1, "area_path": outside})
    assert moved["version"] == 2 and Alarm.objects.get().maintenance_id is None, "it no longer lies in it"
    assert types() == ["alarm.held", "alarm.raised"]


def test_lists_changes_and_refusals(
    grids: list[Grid], make: Callable, water: ThingModel, call: Callable,  # noqa: F811
    django_assert_max_num_queries: Callable,
) -> None:  # fmt: skip
    me, (gauge,) = call(), make(1)
    later = {"starts_at": (clock.now() + timedelta(hours=1)).isoformat()}
    running = me.post("/maintenance-windows", body(title="现在"), 201)
    coming = me.post("/maintenance-windows", body(title="将来", **later), 201)
    assert [w["title"] for w in me.get("/maintenance-windows")["items"]] == ["将来", "现在"]
    page = me.get("/maintenance-windows?limit=1")
    assert [w["title"] for w in me.get(f"/maintenance-windows?limit=1&cursor={page['next']}")["items"]] == ["现在"]
    assert [w["id"] for w in me.get("/maintenance-windows?state=upcoming")["items"]] == [coming["id"]]
    assert [w["id"] for w in me.get("/maintenance-windows?state=running")["items"]] == [running["id"]]
    key = f"/maintenance-windows/{coming['id']}"
    assert me.patch(key, {"version": 1, "title": "改期"})["title"] == "改期"
    me.patch(key, {"version": 1, "title": "x"}, 409)
    me.patch(f"/maintenance-windows/{running['id']}", {"version": 1, **later}, 422)
    assert me.post(key + "/end", {})["state"] == "cancelled"
    me.patch(key, {"version": 3, "title": "x"}, 409)
    assert [w["id"] for w in me.get("/maintenance-windows?state=over")["items"]] == [coming["id"]]
    with django_assert_max_num_queries(4):
        me.get("/maintenance-windows?state=all")
    past = (clock.now() - timedelta(hours=1)).isoformat()
    for wrong, field in (
        ({"title": " "}, "title"), ({"reason": ""}, "reason"), ({"ends_at": past}, "ends_at"),
        ({"ends_at": "2026-11-28T00:00:00"}, "ends_at"), ({"models": ["nothing"]}, "models"),
        ({"area_path": "9"}, "area_path"), ({"tags": [""]}, "tags"),
        ({"device_ids": [str(gauge.pk)], "area_path": f"{AREA}.002"}, "device_ids"),
    ):  # fmt: skip
        refused = me.post("/maintenance-windows", body(**wrong), 422)
        assert field in str(refused), (wrong, refused)
    me.get("/maintenance-windows?state=x", 422)
    elsewhere = call(f"{AREA}.002")
    elsewhere.post("/maintenance-windows", body(), 403)
    elsewhere.get(f"/maintenance-windows/{running['id']}", 404)
    call(AREA, "alarms.view").post(f"/maintenance-windows/{running['id']}/end", {}, 403)


def test_nothing_is_asked_of_the_hot_path_without_works(make: Callable, high_water: Rule) -> None:  # noqa: F811
    (gauge,) = make(1)
    alarm([gauge], high_water)
    assert Alarm.objects.get().maintenance_id is None and Alarm.objects.get().looked_at is None
    assert maintenance.release() == 0 and Device.objects.get().state == "active"
