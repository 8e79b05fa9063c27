"""Thing models of the packs: what is refused, what the API tells, and what a new version does to devices and rules."""

from __future__ import annotations

import copy
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.db import connection

from linli.devices import contracts, facade, things, units
from linli.devices.models import Device, Rule, RuleVersion, ThingModel
from linli.kernel import packs
from linli.kernel.errors import Invalid
from linli.kernel.models import OutboxEvent
from linli.places.models import Grid
from linli.telemetry.gateway import payload
from linli.telemetry.gateway.registry import Device as Speaker
from linli.telemetry.gateway.registry import kind_of

GAUGE: dict[str, Any] = {
    "code": "t_gauge", "version": 1, "name": {"zh": "水位计", "en": "Gauge"}, "subject": "place", "category": "water",
    "icon": "water", "interval_s": 60,
    "properties": [
        {"code": "lvl", "name": {"zh": "水位", "en": "level"}, "type": "number", "unit": "cm", "range": [0, 1000]},
        {"code": "temp", "name": {"zh": "水温", "en": "temperature"}, "type": "number", "unit": "Cel"},
        {"code": "battery", "name": {"zh": "电量", "en": "battery"}, "type": "number", "unit": "%"},
    ],
}  # fmt: skip


def version(number: int, properties: dict[str, str], *steps: dict[str, Any]) -> dict[str, Any]:
    """The gauge in another version: code → unit, and its steps."""
    model = copy.deepcopy(GAUGE) | {"version": number, "migrate": list(steps)}
    model["properties"] = [{"code": c, "name": {"zh": c, "en": c}, "type": "number", "unit": u}
                           for c, u in properties.items()]  # fmt: skip
    return model


TO_2 = {"to": 2, "rename": {"lvl": "level"}, "convert": {"level": {"factor": 0.01, "offset": 0.0}}}
TO_3 = {"to": 3, "rename": {"temp": "water_temperature"}, "convert": {"level": {"factor": 1, "offset": 5.0}}}
SECOND = version(2, {"level": "m", "temp": "Cel", "battery": "%"}, TO_2)
THIRD = version(3, {"level": "m", "water_temperature": "Cel", "battery": "%"}, TO_2, TO_3)


def test_steps_add_up_to_today() -> None:
    assert things.translations(GAUGE) == {}
    assert things.translations(THIRD) == {
        "1": {"lvl": ("level", 0.01, 5.0), "temp": ("water_temperature", 1.0, 0.0)},
        "2": {"level": ("level", 1.0, 5.0), "temp": ("water_temperature", 1.0, 0.0)},
    }
    assert things.problems(THIRD, {"m", "Cel", "%"}) == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"subject": "crowd"}, "subject"),
        ({"properties": []}, "properties"),
        ({"properties": [*GAUGE["properties"], GAUGE["properties"][0]]}, "properties"),
        ({"properties": [GAUGE["properties"][0] | {"unit": "dB[A]"}]}, "properties.lvl.unit"),
        ({"properties": [GAUGE["properties"][0] | {"type": "bool"}]}, "properties.lvl.unit"),
        ({"properties": [GAUGE["properties"][0] | {"range": [5, 5]}]}, "properties.lvl.range"),
        ({"properties": [GAUGE["properties"][0] | {"usual": [5, 1001]}]}, "properties.lvl.usual"),
        ({"properties": [GAUGE["properties"][0] | {"quality": {"stuck": 2}}]}, "properties.lvl.quality.stuck"),
        ({"properties": [GAUGE["properties"][0] | {"quality": {"mood": 2}}]}, "properties.lvl.quality.mood"),
        ({"commands": [{"code": "dim", "name": {"zh": "调光"}}]}, "commands.dim"),
        ({"commands": [{"code": "c", "name": {"zh": "令", "en": "c"}, "parameters": [
            {"code": "p", "name": {"zh": "甲", "en": "p"}, "type": "number", "choices": [{"code": "a"}]}]}]},
         "commands.c.p.choices"),
        ({"events": [{"code": "e", "name": {"zh": "事", "en": "e"}, "parameters": [
            {"code": "p", "name": {"zh": "甲", "en": "p"}, "unit": "furlong"}]}]}, "events.e.p.unit"),
        ({"version": 2, "migrate": [TO_2]}, "migrate"),  # becomes `level`, which is no property
        ({"version": 1, "migrate": [TO_2]}, "migrate"),
        ({"version": 2, "migrate": [{"to": 2, "convert": {"lvl": {"factor": 0, "offset": 1}}}]}, "migrate"),
    ],
)  # fmt: skip
def test_a_wrong_model_is_refused_by_field(change: dict[str, Any], field: str) -> None:
    found = things.problems(GAUGE | change, units.table())
    assert f"thing_models.t_gauge.{field}" in {e.field for e in found}


def put(model: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A district's own pack that has only this model is in force from now on, beside the standard one."""
    pack = tmp_path / uuid.uuid4().hex
    (pack / "thing-models").mkdir(parents=True)
    (pack / "thing-models" / "own.yaml").write_text(yaml.safe_dump({"thing_models": [model]}), encoding="utf-8")
    monkeypatch.setenv("LINLI_PACKS", str(pack))
    facade.load_packs()


def registered(device: Device) -> contracts.RegistryRow:
    """The device's row of the registry. Django's cursor leaves JSON as text; the gateway's own connection reads it."""
    with connection.cursor() as cursor:
        cursor.execute(contracts.REGISTRY_ONE_SQL, [device.pk])
        return contracts.RegistryRow(*(json.loads(v) if isinstance(v, str) and v[:1] == "{" else v
                                       for v in cursor.fetchone()))  # fmt: skip


def speaker(device: Device) -> Speaker:
    """As the gateway keeps it."""
    known = registered(device)
    return Speaker(known, kind_of(known.properties), 1)


def said(device: Speaker, values: dict[str, Any]) -> dict[str, Any]:
    message: payload.Message = [(1, dict(values), "values")]
    payload.translate(device, message)
    payload.split(device, message)
    return message[0][1]


def test_a_new_version_moves_rules_and_translates_what_old_devices_send(
    db: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, grids: list[Grid], call: Callable
) -> None:
    put(GAUGE, monkeypatch, tmp_path)
    me, model = call(), ThingModel.objects.get(code="t_gauge")
    old = Device.objects.create(code="OLD", name_zh="旧", model=model, area_path="340121403.001")
    rule = Rule.objects.create(code="mine", title_zh="高", title_en="high", model=model, property="lvl",
                               kind="threshold", op="gt", value=300, clear_value=280, severity="severe",
                               origin="local")  # fmt: skip
    battery = Rule.objects.create(code="flat", title_zh="低", title_en="low", model=model, property="battery",
                                  kind="threshold", op="lt", value=15, severity="info", origin="local")  # fmt: skip
    assert said(speaker(old), {"lvl": 312, "temp": 8.5}) == {"lvl": 312, "temp": 8.5}

    put(SECOND, monkeypatch, tmp_path)
    for one in (rule, battery, old):
        one.refresh_from_db()
    assert (rule.property, rule.value, rule.clear_value, rule.version, rule.origin) == ("level", 3.0, 2.8, 2, "local")
    assert (battery.property, battery.value, battery.version) == ("battery", 15, 1), "left alone"
    assert RuleVersion.objects.get(rule=rule, version=2).body["property"] == "level"
    assert OutboxEvent.objects.filter(envelope__type="rule.changed", envelope__ref=str(rule.pk)).exists()
    assert old.model_version == 1 and me.get(f"/devices/{old.pk}")["model_version"] == 1
    assert said(speaker(old), {"lvl": 312, "temp": 8.5, "battery": 80}) == {"level": 3.12, "temp": 8.5, "battery": 80}
    made = me.post("/devices", {"code": "NEW", "name_zh": "新", "model": "t_gauge", "area_path": "340121403.001"}, 201)
    assert made["model_version"] == 2
    new = Device.objects.get(code="NEW")
    assert said(speaker(new), {"level": 3.12}) == {"level": 3.12}


def test_a_pack_keeps_what_a_code_means_as_drafts_do(
    db: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, grids: list[Grid], call: Callable
) -> None:
    """Readings are kept without their unit. Neither another unit nor another type comes under a code that was in force,
    be it the same version, a next one that says by which factor, or one after the code was away."""
    put(GAUGE, monkeypatch, tmp_path)
    metres = version(1, {"lvl": "m", "temp": "Cel", "battery": "%"})
    factor = version(2, {"lvl": "m", "temp": "Cel", "battery": "%"},
                     {"to": 2, "convert": {"lvl": {"factor": 0.01, "offset": 0}}})  # fmt: skip
    for wrong in (metres, factor):
        with pytest.raises(Invalid) as refused:
            put(wrong, monkeypatch, tmp_path)
        (error,) = refused.value.errors
        assert error.field == "thing_models.t_gauge.properties.lvl.unit"
        assert error.reason.startswith("readings of lvl are kept in cm since version 1; give the property a new code")
    kept = ThingModel.objects.get(code="t_gauge")
    assert (kept.version, kept.properties) == (1, GAUGE["properties"]), "nothing of it was taken"
    put(SECOND, monkeypatch, tmp_path)
    put(THIRD, monkeypatch, tmp_path)
    again = version(4, {"level": "m", "water_temperature": "Cel", "battery": "%", "temp": "K"}, TO_2)
    with pytest.raises(Invalid, match=r"properties\.temp\.unit"):
        put(again, monkeypatch, tmp_path)
    again["properties"][3] |= {"type": "bool", "unit": ""}
    with pytest.raises(Invalid, match=r"properties\.temp\.type"):
        put(again, monkeypatch, tmp_path)
    assert ThingModel.objects.get(code="t_gauge").kept["lvl"] == [1, "number", "cm"]


def test_versions_add_up_until_the_device_itself_is_replaced(
    db: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, grids: list[Grid], call: Callable
) -> None:
    me = call()
    for model in (GAUGE, SECOND):
        put(model, monkeypatch, tmp_path)
        where = {"model_id": "t_gauge", "model_version": model["version"], "area_path": "340121403.001"}
        Device.objects.create(code=f"V{model['version']}", name_zh="计", **where)
    rule = Rule.objects.create(code="mine", title_zh="高", title_en="high", model_id="t_gauge", property="level",
                               kind="threshold", op="gt", value=3, severity="severe", version=2)  # fmt: skip
    put(THIRD, monkeypatch, tmp_path)
    rule.refresh_from_db()
    old, new = Device.objects.get(code="V1"), Device.objects.get(code="V2")
    assert (rule.value, rule.version) == (8.0, 3)
    assert said(speaker(old), {"lvl": 312, "temp": 8.5}) == {"level": 8.12, "water_temperature": 8.5}
    assert said(speaker(new), {"level": 3.12, "temp": 8.5}) == {"level": 8.12, "water_temperature": 8.5}
    assert said(speaker(new), {"temp": 1, "water_temperature": 2}) == {"water_temperature": 2}
    assert said(speaker(new), {"temp": "broken"}) == {}, "a text stays one, and becomes an attribute"

    me.patch(f"/devices/{old.pk}", {"model_version": 3})  # it was replaced, or its firmware was
    assert said(speaker(old), {"level": 8.12}) == {"level": 8.12}
    me.patch(f"/devices/{old.pk}", {"model_version": 4}, 422)
    body = me.get("/thing-models/t_gauge")
    assert body["version"] == 3 and len(body["translations"]) == 4
    assert {"version": 1, "code": "lvl", "property": "level", "factor": 0.01, "offset": 5.0} in body["translations"]


def test_a_version_that_only_adds_needs_no_translation(
    db: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put(GAUGE, monkeypatch, tmp_path)
    one = Device.objects.create(code="A", name_zh="甲", model_id="t_gauge", area_path="d")
    put(GAUGE | {"version": 2}, monkeypatch, tmp_path)
    one.refresh_from_db()
    assert one.model_version == 2 and speaker(one).translate == {}


def test_the_api_tells_quality_events_and_commands(db: None, call: Callable) -> None:
    facade.load_packs()
    me = call()
    models = {m["code"]: m for m in me.get("/thing-models")}
    assert len(models) >= 80 and len({m["category"] for m in models.values()}) >= 10
    level = models["water_level"]["properties"][0]
    assert (level["unit"], level["shown_unit"], level["quality"]) == (
        "m",
        "m",
        {"stuck": 240, "jump": 0.5, "spike": 0.5},
    )
    pm25 = next(p for p in models["air_station"]["properties"] if p["code"] == "pm25")
    assert (pm25["unit"], pm25["shown_unit"]) == ("ug/m3", "μg/m³")
    (command,) = models["valve"]["commands"]
    assert command["code"] == "set_opening" and command["parameters"][0]["range"] == [0, 100]
    assert [e["code"] for e in models["crane"]["events"]] == ["lift_done"]
    assert me.get("/thing-models/valve") == models["valve"]
    loud = next(r for r in call("").get("/rules") if r["code"] == "site-noise-high")
    assert loud["sentence"]["en"] == "when equivalent sound level is above 70 dB(A) for 10 minutes"


def test_the_registry_carries_what_the_gateway_needs_and_no_more(db: None) -> None:
    facade.load_packs()
    one = Device.objects.create(code="A", name_zh="甲", model_id="water_level", area_path="d")
    row = registered(one)
    assert set(row.properties["level"]) == {"type", "unit", "range", "min", "max", "precision"}


def test_subjects_of_the_packs() -> None:
    """What is about people is declared so; a slip would put it on the map."""
    found = {m["code"]: m["subject"] for path in packs.files("thing-models")
             for m in packs.read_yaml(path)["thing_models"]}  # fmt: skip
    assert found["care_pendant"] == "person" and found["home_button"] == "household"
    assert {c for c, s in found.items() if s == "vehicle"} == {
        "bus",
        "muck_truck",
        "sanitation_vehicle",
        "duty_vehicle",
    }
    assert {s for c, s in found.items() if c.endswith("_household")} == {"household"}
