"""Rules as data, versions and sentences; what people do with alarms."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from linli.devices import rules
from linli.devices.models import Alarm, Device, Rule, ThingModel
from linli.kernel import clock
from linli.kernel.models import AuditRow, OutboxEvent
from linli.places.models import Grid

LEVEL = rules.Property("level", "水位", "water level", "number", "m", 0, 10)
OPEN = rules.Property("open", "开启", "open", "bool")


@pytest.mark.parametrize(
    ("when", "prop", "zh", "en"),
    [
        (rules.Condition("duration", "level", "gt", 3.0, duration_s=600), LEVEL,
         "当 水位 高于 3 m 持续 10 分钟", "when water level is above 3 m for 10 minutes"),
        (rules.Condition("threshold", "open", "eq", 1), OPEN, "当 开启 等于 是", "when open is equal to yes"),
        (rules.Condition("no_data", no_data_s=3600), None, "当 1 小时 没有数据",
         "when anything has not come for 1 hour"),
    ],
)  # fmt: skip
def test_a_rule_reads_as_a_sentence(when: rules.Condition, prop: rules.Property, zh: str, en: str) -> None:
    assert rules.sentence(when, prop) == {"zh": zh, "en": en}


@pytest.mark.parametrize(
    ("when", "field"),
    [
        (rules.Condition("sometimes"), "kind"),
        (rules.Condition("threshold", "level", "gt"), "value"),
        (rules.Condition("threshold", "level", "gt", float("nan")), "value"),
        (rules.Condition("threshold", "level", "gt", 99), "value"),
        (rules.Condition("threshold", "nothing", "gt", 1), "property"),
        (rules.Condition("threshold", "level", "about", 1), "op"),
        (rules.Condition("threshold", "level", "gt", 3, clear_value=4), "clear_value"),
        (rules.Condition("threshold", "level", "lt", 3, clear_value=2), "clear_value"),
        (rules.Condition("threshold", "level", "gt", 3, duration_s=5), "duration_s"),
        (rules.Condition("duration", "level", "gt", 3), "duration_s"),
        (rules.Condition("no_data"), "no_data_s"),
        (rules.Condition("threshold", "open", "gt", 1), "value"),
        (rules.Condition("threshold", "level", "gt", 3, reraise_s=-1), "reraise_s"),
    ],
)
def test_a_wrong_rule_is_refused_by_field(when: rules.Condition, field: str) -> None:
    found = rules.problems(when, severity="info", subject="place", properties=[LEVEL, OPEN])
    assert field in {e.field for e in found}


def test_every_change_keeps_the_old_version(grids: list[Grid], gauge: Device, call: Callable) -> None:
    me = call()
    body = {"model": "t_water", "title": {"zh": "高", "en": "high"}, "property": "level", "kind": "threshold",
            "op": "gt", "value": 3, "clear_value": 2.8, "severity": "severe", "area_path": "340121403",
            "case": {"class": "202152", "merge_radius_m": 300, "urgent": True}}  # fmt: skip
    made = me.post("/rules", body, 201)
    assert made["sentence"]["zh"] == "当 水位 高于 3 m" and made["case"]["class"] == "202152"
    changed = me.patch(f"/rules/{made['id']}", {"version": 1, "value": 4, "clear_value": None})
    assert (changed["version"], changed["value"], changed["clear_value"], changed["op"]) == (2, 4, None, "gt")
    assert me.patch(f"/rules/{made['id']}", {"version": 1, "value": 5}, 409)["type"].endswith("stale")
    versions = me.get(f"/rules/{made['id']}/versions")
    assert [(v["version"], v["body"]["value"]) for v in versions] == [(2, 4), (1, 3)]
    assert [r["id"] for r in me.get(f"/rules?device_id={gauge.pk}")] == [made["id"]]
    me.post("/rules", body | {"case": {"class": "x y"}}, 422)
    me.post("/rules", body | {"area_path": ""}, 403)
    assert call("340121403.001").patch(f"/rules/{made['id']}", {"version": 2, "value": 5}, 403)


def alarm(gauge: Device, rule: Rule, minutes: int = 5, **more: object) -> Alarm:
    at = clock.now() - timedelta(minutes=minutes)
    return Alarm.objects.create(device=gauge, rule=rule, rule_version=1, severity=rule.severity, title_zh="高",
                                title_en="high", property="level", value=3.4, started_at=at, raised_at=at,
                                area_path=gauge.area_path, **more)  # fmt: skip


def test_people_act_on_alarms(gauge: Device, high_water: Rule, call: Callable) -> None:
    row, me = alarm(gauge, high_water), call()
    path = f"/alarms/{row.pk}"
    assert me.get("/alarms/counts") == {"active": 1, "unacknowledged": 1, "shelved": 0, "held": 0,
                                        "mine": 0, "team": 0, "nobody": 1,
                                        "severities": {"info": 0, "warning": 0, "severe": 1, "urgent": 0}}  # fmt: skip
    assert me.post(f"{path}/acknowledge", {"text": "看到了"})["acknowledged_by"] == str(me.actor.account_id)
    me.post(f"{path}/acknowledge")
    assert len(me.get(path)["notes"]) == 1, "seeing it twice changes nothing"
    assert me.get("/alarms?acknowledged=false")["items"] == []
    me.post(f"{path}/shelve", {"until": (clock.now() + timedelta(hours=1)).isoformat()})
    assert me.get("/alarms")["items"] == [] and len(me.get("/alarms?shelved=true")["items"]) == 1
    assert me.get("/alarms/counts")["shelved"] == 1
    me.post(f"{path}/shelve", {"until": "2020-01-01T00:00:00+08:00"})
    assert len(me.get("/alarms?severity=severe,urgent")["items"]) == 1
    me.post(f"{path}/clear", {"text": " "}, 422)
    done = me.post(f"{path}/clear", {"text": "已现场查看"})
    assert (done["state"], done["clear_reason"]) == ("cleared", "manual")
    me.post(f"{path}/clear", {"text": "again"}, 409)
    me.post(f"{path}/comments", {"text": "复盘"}, 201)
    assert me.get("/alarms")["items"] == [] and me.get("/alarms?state=cleared")["items"][0]["id"] == str(row.pk)
    assert [n["kind"] for n in me.get(path)["notes"]] == ["acknowledge", "shelve", "shelve", "clear", "comment"]
    events = [e.envelope for e in OutboxEvent.objects.filter(type="alarm.changed").order_by("created_at")]
    assert [e["data"]["state"] for e in events] == ["active", "active", "active", "cleared", "cleared"]
    assert events[0]["data"]["acknowledged"] is True and events[0]["data"]["alarm_id"] == str(row.pk)
    assert AuditRow.objects.filter(kind="alarm").count() == 5


def test_alarms_of_another_area_are_not_there(gauge: Device, high_water: Rule, call: Callable) -> None:
    row, other = alarm(gauge, high_water), call("340121403.002")
    assert other.get("/alarms?state=all")["items"] == [] and other.get("/alarms/counts")["active"] == 0
    for method, path in (("GET", ""), ("POST", "/acknowledge"), ("POST", "/clear"), ("POST", "/comments")):
        assert other(method, f"/alarms/{row.pk}{path}", {"text": "x"}).status_code == 404
    viewer = call("340121403", "alarms.view")
    assert viewer("POST", f"/alarms/{row.pk}/acknowledge").status_code == 403


def test_pages_follow_their_key(gauge: Device, high_water: Rule, call: Callable) -> None:
    for minutes in range(1, 8):
        alarm(gauge, high_water, minutes, cleared_at=clock.now())
    me, seen, cursor = call(), [], ""
    while cursor is not None:
        page = me.get(f"/alarms?state=cleared&limit=3{'&cursor=' + cursor if cursor else ''}")
        seen += [a["raised_at"] for a in page["items"]]
        cursor = page["next"]
    assert len(seen) == 7 and seen == sorted(seen, reverse=True)


def test_alarms_end_with_their_rule_and_their_device(
    grids: list[Grid], gauge: Device, high_water: Rule, water: ThingModel, call: Callable
) -> None:
    row, me = alarm(gauge, high_water), call("")
    me.patch(f"/rules/{high_water.pk}", {"version": 1, "area_path": "340121403.001"})
    assert Alarm.objects.get(pk=row.pk).cleared_at is None, "still inside"
    me.patch(f"/rules/{high_water.pk}", {"version": 2, "area_path": "340121403.002"})
    assert Alarm.objects.get(pk=row.pk).clear_reason == "rule"
    row = alarm(gauge, high_water, 1)
    me.post(f"/devices/{gauge.pk}/retire")
    assert Alarm.objects.get(pk=row.pk).clear_reason == "device"
