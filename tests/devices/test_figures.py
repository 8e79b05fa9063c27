"""Judgements and figures of alarms: counts, durations, false alarms as judged, what flaps; pages and sheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO

import pytest
from openpyxl import load_workbook

from linli.devices.models import Alarm, AlarmNote, Device, Maintenance, Rule, ThingModel
from linli.kernel import clock
from linli.kernel.models import OutboxEvent


@pytest.fixture
def past(water: ThingModel, gauge: Device, high_water: Rule) -> list[Alarm]:
    """Twelve alarms of a rule at a gauge that lasted 1 to 12 minutes, two of another rule at another one."""
    low = Rule.objects.create(code="t-low", title_zh="水位过低", title_en="Water low", model=water, property="level",
                              kind="threshold", op="lt", value=1, severity="info")  # fmt: skip
    other = Device.objects.create(code="WL-2", name_zh="二号", model=water, area_path="340121403.002",
                                  owner_department="水务局")  # fmt: skip
    now, rows = clock.now(), []
    for n in range(1, 13):
        at = now - timedelta(hours=n)
        rows.append(Alarm(
            device=gauge, rule=high_water, rule_version=1, severity="severe", title_zh="高", title_en="high",
            started_at=at, raised_at=at, cleared_at=at + timedelta(minutes=n), area_path=gauge.area_path,
            acknowledged_at=at + timedelta(seconds=30) if n <= 4 else None,
        ))  # fmt: skip
    for n in (1, 2):
        at = now - timedelta(days=n)
        rows.append(Alarm(device=other, rule=low, rule_version=1, severity="info", title_zh="低", title_en="low",
                          started_at=at, raised_at=at, area_path=other.area_path,
                          cleared_at=at + timedelta(minutes=1) if n == 2 else None))  # fmt: skip
    return Alarm.objects.bulk_create(rows)


def test_a_person_judges_with_a_reason(past: list[Alarm], call: Callable) -> None:
    me, one = call(), past[0]
    judged = me.post(f"/alarms/{one.pk}/verdict", {"verdict": "false", "text": "传感器结露"})
    assert (judged["verdict"], judged["notes"][-1]["kind"], judged["notes"][-1]["text"]) == (
        "false", "judge_false", "传感器结露",
    )  # fmt: skip
    assert judged["judged_at"] and judged["judged_by"]
    assert OutboxEvent.objects.filter(type="alarm.changed").count() == 1
    me.post(f"/alarms/{one.pk}/verdict", {"verdict": "false", "text": "再说一次"})
    assert AlarmNote.objects.count() == 1, "twice is once"
    assert me.post(f"/alarms/{past[12].pk}/verdict", {"verdict": "true", "text": "确实"})["state"] == "active"
    me.post(f"/alarms/{one.pk}/verdict", {"verdict": "false"} | {"text": ""}, 422)
    me.post(f"/alarms/{one.pk}/verdict", {"verdict": "maybe", "text": "x"}, 422)
    back = me.post(f"/alarms/{one.pk}/verdict", {"verdict": ""})
    assert (back["verdict"], back["judged_at"]) == ("", None)
    call("340121403", "alarms.view").post(f"/alarms/{one.pk}/verdict", {"verdict": "test", "text": "x"}, 403)


def test_figures_per_rule_kind_and_department(
    past: list[Alarm], call: Callable, high_water: Rule, django_assert_max_num_queries: Callable
) -> None:
    Alarm.objects.filter(pk__in=[a.pk for a in past[:3]]).update(verdict="false")
    Alarm.objects.filter(pk=past[3].pk).update(verdict="true")
    me = call()
    with django_assert_max_num_queries(2):
        rule, low = me.get("/alarm-figures")["items"]
    assert (rule["key"], rule["alarms"], rule["devices"], rule["active"]) == ("t-high-water", 12, 1, 0)
    assert (rule["median_s"], rule["p90_s"]) == (390, 654), "of 1 to 12 minutes"
    assert (rule["acknowledged"], rule["acknowledge_median_s"]) == (4, 30)
    assert (rule["judged"], rule["true"], rule["false"], rule["test"]) == (4, 1, 3, 0)
    assert (rule["false_share"], rule["few"]) == (0.75, True), "four judged tell little"
    assert (low["active"], low["median_s"], low["false_share"]) == (1, 60, None)
    assert [r["key"] for r in me.get("/alarm-figures?by=department")["items"]] == ["", "水务局"]
    assert [(r["key"], r["alarms"]) for r in me.get("/alarm-figures?by=model")["items"]] == [("t_water", 14)]
    page = me.get("/alarm-figures?limit=1")
    assert [r["key"] for r in me.get(f"/alarm-figures?limit=1&cursor={page['next']}")["items"]] == ["t-low"]
    assert me.get(f"/alarm-figures?rule_id={high_water.pk}")["items"][0]["rule_id"] == str(high_water.pk)
    since = (clock.now() - timedelta(hours=3, minutes=30)).isoformat().replace("+", "%2B")
    assert me.get(f"/alarm-figures?since={since}")["items"][0]["alarms"] == 3
    assert [r["alarms"] for r in call("340121403.002").get("/alarm-figures")["items"]] == [2]
    works = Maintenance.objects.create(title="x", area_path="340121403", starts_at=clock.now(), ends_at=clock.now())
    Alarm.objects.filter(pk=past[0].pk).update(maintenance=works)
    assert me.get("/alarm-figures")["items"][0]["alarms"] == 11, "what works held counts for nothing"
    for wrong in ("by=x", "limit=0", "cursor=WzFd", "since=2026-01-01T00:00:00", "until=2020-01-01T00:00:00Z&since="
                  "2021-01-01T00:00:00Z"):  # fmt: skip
        me.get("/alarm-figures?" + wrong, 422)


def test_what_flaps(past: list[Alarm], call: Callable, gauge: Device) -> None:
    (one,) = call().get("/alarm-figures/flapping")["items"]
    assert (one["device_id"], one["alarms"], one["rule_code"]) == (str(gauge.pk), 12, "t-high-water")
    Alarm.objects.filter(pk__in=[a.pk for a in past[6:9]]).update(rule=past[12].rule)
    first = call().get("/alarm-figures/flapping?limit=1")
    (second,) = call().get(f"/alarm-figures/flapping?limit=1&cursor={first['next']}")["items"]
    assert (first["items"][0]["alarms"], second["alarms"]) == (9, 3)
    call().get("/alarm-figures/flapping?cursor=WzEsIngiLCJ5Il0", 422)


def test_the_sheets_have_all_rows(past: list[Alarm], call: Callable) -> None:
    Alarm.objects.filter(pk=past[0].pk).update(verdict="false")
    answer = call()("GET", "/alarm-figures/sheet.csv?by=rule")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [r[0] for r in rows[1:]] == ["t-high-water", "t-low"] and rows[1][13].startswith("100.0%")
    assert "1" in rows[1][13].split("%")[1], "how many were judged stands beside the share"
    book = load_workbook(BytesIO(call()("GET", "/alarm-figures/sheet.xlsx?by=department").content))
    assert [c.value for c in next(iter(book.active.iter_rows(min_row=3, max_row=3)))][:1] == ["水务局"]
    assert call()("GET", "/alarm-figures/sheet.pdf").status_code == 422
