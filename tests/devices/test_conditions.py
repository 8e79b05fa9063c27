"""Conditions of several terms: their sentences, what is refused, how they travel, how they follow their model."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from linli.devices import conditions, others, rules
from linli.devices.models import Alarm, Device, Rule, RuleVersion, ThingModel
from linli.devices.services import versions
from linli.kernel import ids
from linli.kernel.models import OutboxEvent
from linli.places.models import Grid

LEVEL = rules.Property("level", "水位", "water level", "number", "m", 0, 10)
PH = rules.Property("ph", "酸碱度", "pH", "number", "[pH]", 0, 14)
OPEN = rules.Property("open", "开启", "open", "bool")
RAIN = rules.Property("rain", "雨强", "rain rate", "number", "mm/h", 0, 300)
KNOWN = {p.code: p for p in (LEVEL, PH, OPEN, *others.known("t_rain", {"zh": "雨量计", "en": "Rain gauge"}, [RAIN]))}
HIGH = {"kind": "threshold", "property": "level", "op": "gt", "value": 3, "clear_value": 2.8}
SHUT = {"kind": "threshold", "property": "open", "op": "eq", "value": 0}
SOUR = {"kind": "range", "property": "ph", "op": "outside", "low": 6, "high": 9, "margin": 0.2}
RISE = {"kind": "rate", "property": "level", "op": "ge", "value": 0.5, "per": "hour", "window_s": 3600}
OFTEN = {"kind": "count", "property": "level", "op": "gt", "value": 3, "times": 3, "window_s": 600}

ODD = {"kind": "anomaly", "property": "level", "side": "above", "value": 1, "clear_value": 0.8}

WET = {"kind": "threshold", "of": {"model": "t_rain", "level": 0, "age_s": 1800}, "property": "rain", "op": "ge",
       "value": 20, "clear_value": 12}  # fmt: skip
HEAD = {"code": "head", "name": {"zh": "水头", "en": "head"}, "unit": "m", "formula": "abs(level - ph) * 2"}

WRONG_FIGURES: list[tuple[str, Any]] = [
    ("code", "Head"), ("code", "level"), ("code", "other"), ("code", []), ("name", {"zh": "水头"}), ("unit", ""),
    ("unit", 3), ("colour", 1), ("formula", "level - depth"), ("formula", "1 + 2"), ("formula", None),
    ("formula", "level; ph"),
]  # fmt: skip


def when(*terms: Any, match: str = "all", duration_s: int = 0, **more: Any) -> rules.Condition:
    return rules.Condition("terms", duration_s=duration_s, condition={"match": match, "terms": list(terms)} | more)


@pytest.mark.parametrize(
    ("one", "zh", "en"),
    [
        (when(SOUR, duration_s=600), "当 酸碱度 超出 6–9 持续 10 分钟", "when pH is outside 6 to 9 for 10 minutes"),
        (when(SOUR | {"op": "inside"}), "当 酸碱度 处于 6–9 之间", "when pH is within 6 to 9"),
        (when(RISE), "当 水位 每小时上升不少于 0.5 m（按 1 小时计）",
         "when water level rises by at least 0.5 m per hour (over 1 hour)"),
        (when(RISE | {"op": "lt", "value": -2, "per": "minute", "window_s": 300}),
         "当 水位 每分钟下降超过 2 m（按 5 分钟计）",
         "when water level falls by more than 2 m per minute (over 5 minutes)"),
        (when(RISE | {"op": "lt", "value": 2}), "当 水位 每小时的变化低于 2 m（按 1 小时计）",
         "when water level changes per hour by a figure below 2 m (over 1 hour)"),
        (when(OFTEN), "当 10 分钟内至少 3 次 水位 高于 3 m",
         "when water level is above 3 m in at least 3 readings within 10 minutes"),
        (when(ODD, duration_s=600), "当 水位 高于预期范围 持续 10 分钟",
         "when water level is above the expected range for 10 minutes"),
        (when(ODD | {"side": "any", "value": 2.5}), "当 水位 偏离预期（偏离达到预期边界的 2.5 倍）",
         "when water level is not as expected (by 2.5 times the expected margin)"),
        (when({"kind": "anomaly", "property": "level", "side": "flat", "value": 1}), "当 水位 卡住不变",
         "when water level is stuck at one value"),
        (when(HIGH | {"property": "head", "value": 30}, calculated=[HEAD], duration_s=60),
         "当 水头 高于 30 m 持续 1 分钟，其中 水头 = 绝对值(水位 − 酸碱度) × 2",
         "when head is above 30 m for 1 minute, where head = size of (water level − pH) × 2"),
        (when(HIGH, WET), "当 水位 高于 3 m 且 全区任一雨量计的雨强 不低于 20 mm/h（30 分钟内的读数）",
         "when water level is above 3 m and rain rate of any rain gauge in the district is at least 20 mm/h"
         " (a reading of the last 30 minutes)"),
        (when(HIGH, WET | {"of": WET["of"] | {"level": 2}}),
         "当 水位 高于 3 m 且 同一 2 级网格任一雨量计的雨强 不低于 20 mm/h（30 分钟内的读数）",
         "when water level is above 3 m and rain rate of any rain gauge in the same level 2 grid is at least 20 mm/h"
         " (a reading of the last 30 minutes)"),
        (when(HIGH, SHUT, duration_s=180), "当 水位 高于 3 m 且 开启 等于 否，持续 3 分钟",
         "when water level is above 3 m and open is equal to no, for 3 minutes"),
        (when(HIGH, SHUT, match="any"), "当 水位 高于 3 m 或 开启 等于 否",
         "when water level is above 3 m or open is equal to no"),
    ],
)  # fmt: skip
def test_every_kind_reads_as_a_sentence(one: rules.Condition, zh: str, en: str) -> None:
    assert rules.sentence(one, None, KNOWN) == {"zh": zh, "en": en}
    assert rules.problems(one, severity="info", subject="place", properties=list(KNOWN.values())) == []


def test_windows_and_ladder_are_part_of_the_sentence() -> None:
    windows = [{"days": "workday", "from": "08:00", "to": "12:00"}, {"from": "22:00", "to": "06:00"},
               {"days": [6, 7], "from": "00:00", "to": "24:00"}]  # fmt: skip
    ladder = [{"severity": "severe", "after_s": 1800}, {"severity": "urgent", "value": 4, "clear_value": 3.7}]
    found = rules.sentence(when(HIGH, duration_s=600, windows=windows, ladder=ladder), None, KNOWN)
    assert found["zh"] == (
        "当 水位 高于 3 m 持续 10 分钟，仅在 工作日 08:00–12:00、每天 22:00–次日 06:00、周六、周日 00:00–24:00"
        "；30 分钟后升为严重；高于 4 m 时升为紧急"
    )
    assert found["en"] == (
        "when water level is above 3 m for 10 minutes, only on working days 08:00 to 12:00 and every day 22:00 to 06:00"
        " the next day and on Sat, Sun 00:00 to 24:00; severe after 30 minutes; urgent when above 4 m"
    )


def test_where_terms_let_go_is_told() -> None:
    found = rules.clear_sentence(when(HIGH, SOUR, SHUT), None, KNOWN)
    assert found == {"zh": "水位 不高于 2.8 m，酸碱度 回到 6.2–8.8 时解除",
                     "en": "ends at water level 2.8 m or below, pH back within 6.2 to 8.8"}  # fmt: skip
    assert rules.clear_sentence(when(SHUT), None, KNOWN) is None
    found = rules.clear_sentence(when(ODD), None, KNOWN)
    assert found == {"zh": "水位 偏离回到预期边界的 80% 以内 时解除",
                     "en": "ends at water level within 80% of the expected margin"}  # fmt: skip


@pytest.mark.parametrize(
    ("one", "field"),
    [
        (rules.Condition("terms"), "condition"),
        (rules.Condition("threshold", "level", "gt", 3, condition={"terms": [HIGH]}), "condition"),
        (rules.Condition("terms", value=3, condition={"terms": [HIGH]}), "value"),
        (when(), "condition.terms"),
        (when(*[HIGH] * 9), "condition.terms"),
        (when("high"), "condition.terms.0.kind"),
        (when(HIGH, match="most"), "condition.match"),
        (when(HIGH, colour="red"), "condition.colour"),
        (when(HIGH, {"kind": "guess", "property": "level"}), "condition.terms.1.kind"),
        (when(HIGH | {"property": "depth"}), "condition.terms.0.property"),
        (when(HIGH | {"window_s": 60}), "condition.terms.0.window_s"),
        (when(HIGH | {"op": "about"}), "condition.terms.0.op"),
        (when(HIGH | {"value": True}), "condition.terms.0.value"),
        (when(HIGH | {"value": 30}), "condition.terms.0.value"),
        (when(HIGH | {"clear_value": 3.2}), "condition.terms.0.clear_value"),
        (when(SHUT | {"value": 2}), "condition.terms.0.value"),
        (when(SOUR | {"op": "gt"}), "condition.terms.0.op"),
        (when(SOUR | {"low": None}), "condition.terms.0.low"),
        (when(SOUR | {"high": 5}), "condition.terms.0.high"),
        (when(SOUR | {"high": 15}), "condition.terms.0.high"),
        (when(SOUR | {"margin": -1}), "condition.terms.0.margin"),
        (when(SOUR | {"margin": 2}), "condition.terms.0.margin"),
        (when(SOUR | {"property": "open"}), "condition.terms.0.property"),
        (when(RISE | {"per": "day"}), "condition.terms.0.per"),
        (when(RISE | {"op": "eq"}), "condition.terms.0.op"),
        (when(RISE | {"window_s": 5}), "condition.terms.0.window_s"),
        (when(OFTEN | {"times": 1}), "condition.terms.0.times"),
        (when(OFTEN | {"window_s": 90_000}), "condition.terms.0.window_s"),
        (when(ODD | {"property": "open"}), "condition.terms.0.property"),
        (when(ODD | {"op": "gt"}), "condition.terms.0.op"),
        (when(ODD | {"side": "left"}), "condition.terms.0.side"),
        (when(ODD | {"value": 0.5}), "condition.terms.0.value"),
        (when(ODD | {"value": None}), "condition.terms.0.value"),
        (when(ODD | {"side": "flat"}), "condition.terms.0.value"),
        (when(ODD | {"clear_value": 1.5}), "condition.terms.0.clear_value"),
        (when(ODD, ladder=[{"severity": "severe", "value": 2}]), "condition.ladder.0.value"),
        *((when(HIGH | {"property": "head"}, calculated=[HEAD | {name: value}]), f"condition.calculated.0.{name}")
          for name, value in WRONG_FIGURES),
        (when(HIGH, calculated=[]), "condition.calculated"),
        (when(ODD | {"property": "head"}, calculated=[HEAD]), "condition.terms.0.property"),
        (when(WET, HIGH), "condition.terms.0.of"),
        (when(HIGH, WET | {"of": "t_rain"}), "condition.terms.1.of"),
        (when(HIGH, WET | {"of": {"model": "t_rain"}}), "condition.terms.1.of"),
        (when(HIGH, WET | {"of": WET["of"] | {"model": "t_none"}}), "condition.terms.1.of.model"),
        (when(HIGH, WET | {"of": WET["of"] | {"level": 5}}), "condition.terms.1.of.level"),
        (when(HIGH, WET | {"of": WET["of"] | {"age_s": 5}}), "condition.terms.1.of.age_s"),
        (when(HIGH, WET | {"property": "level"}), "condition.terms.1.property"),
        (when(HIGH, WET | {"kind": "count", "times": 3, "window_s": 60}), "condition.terms.1.kind"),
        (when(HIGH | {"property": "t_rain/rain"}), "condition.terms.0.property"),
        (when(HIGH | {"property": []}), "condition.terms.0.property"),
        (when(HIGH | {"kind": []}), "condition.terms.0.kind"),
        (when(HIGH, duration_s=-1), "duration_s"),
        (when(HIGH, windows=[]), "condition.windows"),
        (when(HIGH, windows=["night"]), "condition.windows.0"),
        (when(HIGH, windows=[{"from": "25:00", "to": "06:00"}]), "condition.windows.0.from"),
        (when(HIGH, windows=[{"from": "22:00", "to": "22:00"}]), "condition.windows.0.to"),
        (when(HIGH, windows=[{"days": [0], "from": "22:00", "to": "06:00"}]), "condition.windows.0.days"),
        (when(HIGH, windows=[{"days": "never", "from": "22:00", "to": "06:00"}]), "condition.windows.0.days"),
        (when(HIGH, ladder=[]), "condition.ladder"),
        (when(HIGH, ladder=[{"severity": "info", "after_s": 60}]), "condition.ladder.0.severity"),
        (when(HIGH, ladder=[{"severity": "severe", "after_s": 60}, {"severity": "warning", "after_s": 90}]),
         "condition.ladder.1.severity"),
        (when(HIGH, ladder=[{"severity": "severe"}]), "condition.ladder.0.after_s"),
        (when(HIGH, ladder=[{"severity": "severe", "after_s": 0}]), "condition.ladder.0.after_s"),
        (when(HIGH, ladder=[{"severity": "severe", "value": 2}]), "condition.ladder.0.value"),
        (when(HIGH, ladder=[{"severity": "severe", "value": 4, "clear_value": 5}]), "condition.ladder.0.clear_value"),
        (when(SOUR, ladder=[{"severity": "severe", "value": 4}]), "condition.ladder.0.value"),
    ],
)  # fmt: skip
def test_a_wrong_condition_is_refused_by_field(one: rules.Condition, field: str) -> None:
    found = rules.problems(one, severity="info", subject="place", properties=list(KNOWN.values()))
    assert field in {e.field for e in found} and all(e.reason for e in found)


def test_a_condition_is_written_changed_and_kept(grids: list[Grid], gauge: Device, call: Callable) -> None:
    me = call()
    body = {"model": "t_water", "title": {"zh": "涨", "en": "rising"}, "kind": "terms", "severity": "warning",
            "area_path": "340121403", "duration_s": 60,
            "condition": {"match": "any", "terms": [HIGH, RISE]}}  # fmt: skip
    made = me.post("/rules", body, 201)
    assert (made["property"], made["op"], made["value"]) == ("level", "", None)
    assert made["condition"] == body["condition"] and " 或 " in made["sentence"]["zh"]
    refused = me.post("/rules", body | {"condition": {"terms": [HIGH | {"value": 99}]}}, 422)
    assert refused["errors"] == [
        {"field": "condition.terms.0.value", "reason": "must lie within 0 and 10, the range of level"}
    ]
    changed = me.patch(f"/rules/{made['id']}", {"version": 1, "condition": {"terms": [OFTEN]}})
    assert (changed["version"], changed["condition"], changed["duration_s"]) == (2, {"terms": [OFTEN]}, 60)
    plain = {"version": 2, "kind": "threshold", "op": "gt", "value": 3, "duration_s": 0}
    changed = me.patch(f"/rules/{made['id']}", plain)
    assert (changed["condition"], changed["kind"], changed["sentence"]["en"]) == (
        None, "threshold", "when water level is above 3 m")  # fmt: skip
    back = me.patch(f"/rules/{made['id']}", {"version": 3, "kind": "terms", "condition": {"terms": [HIGH]}})
    assert (back["op"], back["value"], back["clears"]["en"]) == ("", None, "ends at water level 2.8 m or below")
    found = [v["body"]["condition"] for v in me.get(f"/rules/{made['id']}/versions")]
    assert found == [{"terms": [HIGH]}, None, {"terms": [OFTEN]}, body["condition"]]


def test_a_rule_about_others_is_written_and_kept_from_too_many(
    grids: list[Grid], gauge: Device, call: Callable
) -> None:
    rain = ThingModel.objects.create(
        code="t_rain", name_zh="雨量计", name_en="Rain gauge", subject="place", category="water", interval_s=60,
        properties=[{"code": "rain", "name": {"zh": "雨强", "en": "rain rate"}, "type": "number", "unit": "mm/h"}],
    )  # fmt: skip

    def enter(model: ThingModel, code: str, numbers: range) -> None:
        Device.objects.bulk_create(
            Device(code=f"{code}-{n}", name_zh="x", model=model, area_path=f"{gauge.area_path}.{n}") for n in numbers
        )

    enter(rain, "R", range(3))
    me = call()
    body = {"model": "t_water", "title": {"zh": "涝", "en": "flood"}, "kind": "terms", "severity": "warning",
            "area_path": "340121403", "condition": {"terms": [HIGH, WET]}}  # fmt: skip
    made = me.post("/rules", body, 201)
    assert made["sentence"]["zh"].endswith("全区任一雨量计的雨强 不低于 20 mm/h（30 分钟内的读数）")
    assert made["clears"]["en"].endswith("rain rate of any rain gauge in the district 12 mm/h or below")
    enter(rain, "R", range(3, others.MAX_OTHERS + 1))
    (refused,) = me.post("/rules", body, 422)["errors"]
    assert refused["field"] == "condition.terms.1.of.level" and "101 such" in refused["reason"]
    Device.objects.filter(code="R-0").update(state="retired")
    enter(gauge.model, "W", range(others.MAX_PAIRS // others.MAX_OTHERS))
    (refused,) = me.post("/rules", body, 422)["errors"]
    assert refused["field"] == "condition.terms.1.of.level" and "200,100 pairs" in refused["reason"]
    Device.objects.filter(code="R-1").update(state="retired")
    assert me.post("/rules", body | {"title": {"zh": "涝二", "en": "flood two"}}, 201), "198,099 pairs are left"


def test_processes_of_before_get_no_rule_that_they_cannot_judge(water: ThingModel) -> None:
    for code, one in (("plain", {"terms": [HIGH]}), ("odd", {"terms": [HIGH, ODD]})):
        Rule.objects.create(code=code, title_zh="r", title_en="r", model=water, property="level", kind="terms",
                            severity="info", condition=one)  # fmt: skip
    for view, wanted in (("v1", set()), ("v2", {"plain"}), ("v3", {"plain", "odd"})):
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT code FROM devices_rules_{view}")
            assert {code for (code,) in cursor.fetchall()} == wanted


def test_a_condition_follows_its_models_units(water: ThingModel) -> None:
    one = {"terms": [HIGH, RISE | {"clear_value": 0.1}, SOUR],
           "ladder": [{"severity": "warning", "after_s": 60}, {"severity": "urgent", "value": 4.0}]}  # fmt: skip
    rule = Rule.objects.create(code="r", title_zh="r", title_en="r", model=water, property="level", kind="terms",
                               severity="info", condition=one)  # fmt: skip
    water.version, water.translations = 2, {"1": {"level": ["stage", 100, 5]}}
    versions.move(water, 1)
    rule.refresh_from_db()
    high, rise, sour = rule.condition["terms"]
    assert rule.property == high["property"] == rise["property"] == "stage" and sour == SOUR
    assert (high["value"], high["clear_value"]) == (305, 285)
    assert (rise["value"], rise["clear_value"], rise["window_s"]) == (50, 10, 3600), "a rate knows no offset"
    assert rule.condition["ladder"] == [{"severity": "warning", "after_s": 60}, {"severity": "urgent", "value": 405}]
    kept = RuleVersion.objects.get(rule=rule, version=2)
    assert kept.body["condition"] == rule.condition and kept.actor == "pack"


def test_a_figure_follows_its_models_units() -> None:
    one = {"terms": [HIGH | {"property": "head"}], "calculated": [HEAD]}
    assert conditions.properties_of(one) == ["level", "ph"] and conditions.main_property(one) == "level"
    made = conditions.converted(one, {"level": ("stage", 100.0, 5.0)})
    assert made["terms"] == one["terms"], "the figure is the same, so are its limits"
    assert made["calculated"][0]["formula"] == "abs((stage - 5.0) / 100.0 - ph) * 2.0"
    assert conditions.properties_of(made) == ["stage", "ph"]
    assert conditions.converted(one, {"open": ("shut", 1.0, 0.0)})["calculated"] == [HEAD]


def test_a_unit_upside_down_turns_the_comparison() -> None:
    one = {"terms": [HIGH, SOUR | {"property": "level"}]}
    high, sour = conditions.converted(one, {"level": ("level", -1.0, 0.0)})["terms"]
    assert (high["op"], high["value"], high["clear_value"]) == ("lt", -3, -2.8)
    assert (sour["low"], sour["high"], sour["margin"]) == (-9, -6, 0.2)
    (odd,) = conditions.converted({"terms": [ODD]}, {"level": ("stage", -100.0, 5.0)})["terms"]
    assert odd == ODD | {"property": "stage", "side": "below"}, "strengths have no unit"


def test_the_form_is_told_how_its_rule_reads_and_what_is_missing(water: ThingModel, call: Callable) -> None:
    me, body = call(), {"model": "t_water", "kind": "terms", "severity": "info", "condition": {"terms": [HIGH]}}
    told = me.post("/rules/sentence", body)
    assert told["sentence"]["en"] == "when water level is above 3 m" and told["clears"] and told["problems"] == []
    told = me.post("/rules/sentence", body | {"condition": {"terms": [HIGH | {"op": "eq", "value": None}]}})
    assert told["sentence"] is None and told["problems"][0] == {
        "field": "condition.terms.0.value", "reason": "must be a number"}  # fmt: skip
    call("340121403", "devices.view").post("/rules/sentence", body, 403)
    assert not Rule.objects.exists()


def test_an_alarms_severity_rises_and_comes_down_once_a_moment(gauge: Device, high_water: Rule, call: Callable) -> None:
    """As sense tells it, and tells it again after a crash: one row, a note and an event for each change."""

    def apply(op: str, **more: Any) -> bool:
        operation = {"device_id": str(gauge.pk), "rule_id": str(high_water.pk), "started_at": 1_760_000_000_000,
                     "event_id": str(ids.new_id()), "note_id": str(ids.new_id()), "op": op, **more}  # fmt: skip
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT (devices_alarm_{op}(%s::jsonb)).id", [json.dumps(operation)])
            return cursor.fetchone()[0] is not None

    begin = 1_760_000_000_000
    assert apply("raise", alarm_id=str(ids.new_id()), rule_version=1, raised_at=begin, property="level", value=3.2,
                 severity="warning")  # fmt: skip
    steps = [("urgent", 60_000), ("warning", 90_000), ("severe", 120_000)]
    assert [apply("level", at=begin + at, severity=name) for name, at in steps] == [True] * 3
    assert [apply("level", at=begin + at, severity=name) for name, at in steps] == [False] * 3, "told again"
    row, me = Alarm.objects.get(), call()
    assert row.severity == "severe" and row.severity_at.timestamp() * 1000 == begin + 120_000
    told = me.get(f"/alarms/{row.pk}")
    assert [(n["kind"], n["text"], n["account_id"]) for n in told["notes"]] == [
        ("severity", "warning → urgent", None), ("severity", "urgent → warning", None),
        ("severity", "warning → severe", None)]  # fmt: skip
    assert me.get("/alarms/counts")["severities"]["severe"] == 1
    events = OutboxEvent.objects.filter(envelope__ref=str(row.pk)).order_by("created_at")
    assert [(e.type, e.envelope["data"]["severity"]) for e in events] == [
        ("alarm.raised", "warning"), ("alarm.changed", "urgent"), ("alarm.changed", "warning"),
        ("alarm.changed", "severe")]  # fmt: skip
    assert apply("clear", cleared_at=begin + 200_000, value=2.0) and not apply(
        "level", at=begin + 300_000, severity="urgent"
    ), "over is over"
