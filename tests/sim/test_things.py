"""A quiet simulated day stays plausible: inside each property's range, and no rule-breaking by itself."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from linli.kernel import packs
from linli.sim.faults import URGENT, fate
from linli.sim.things import KNOWN, Thing
from linli.sim.weather import Weather, weather_at

MODELS = [
    m for file in packs.files("thing-models") for m in packs.read_yaml(file)["thing_models"] if m["subject"] == "place"
]


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m["code"])
def test_readings_stay_in_range_over_a_day(model: dict) -> None:
    thing = Thing("x", "t", model["code"], model["properties"], 300, random.Random(7))
    at = datetime(2026, 6, 1, tzinfo=UTC)
    for step in range(288):
        values = thing.read(at + timedelta(minutes=5 * step), Weather(22, 0, 60))
        for prop in model["properties"]:
            low, high = prop.get("range") or (float("-inf"), float("inf"))
            if prop["code"] in values:
                assert low <= values[prop["code"]] <= high, (prop["code"], values)


def test_every_numeric_property_has_a_maker_or_a_usual_span() -> None:
    numbers = [(m["code"], p) for m in MODELS for p in m["properties"] if p["type"] == "number"]
    missing = {(m, p["code"]) for m, p in numbers if p["code"] not in KNOWN and "usual" not in p}
    assert missing == {("nab_series", "value")}


HOLDS = {"gt": float.__gt__, "ge": float.__ge__, "lt": float.__lt__, "le": float.__le__}


def test_no_rule_holds_on_an_ordinary_day() -> None:
    usual = {(m["code"], p["code"]): p["usual"] for m in MODELS for p in m["properties"] if "usual" in p}
    rules = [r["when"] for path in packs.files("rules") for r in packs.read_yaml(path)["rules"]]
    judged = [w for w in rules if (w["model"], w.get("property")) in usual]
    assert len(judged) > 50
    for w in judged:
        for value in usual[w["model"], w["property"]]:
            assert not HOLDS[w["op"]](float(value), float(w["value"])), w


def test_rain_lifts_a_channel() -> None:
    gauge = Thing("w", "t", "water_level", [{"code": "level", "type": "number"}], 60, random.Random(1))
    at = datetime(2026, 6, 1, tzinfo=UTC)
    dry = gauge.read(at, Weather(20, 0, 50))["level"]
    for minute in range(1, 120):
        wet = gauge.read(at + timedelta(minutes=minute), Weather(20, 60, 90))["level"]
    assert wet > dry + 1


def test_the_same_seed_tells_the_same_day() -> None:
    at = datetime(2026, 7, 3, 15, tzinfo=UTC)
    assert weather_at(at, 5) == weather_at(at, 5)


def fleet_day(days: int) -> tuple[Counter[tuple[str, str]], Counter[int], list[Thing]]:
    """What trips in the demo's fleet, by (model, property) and by hour of the day; and the things as they then are."""
    models = {m["code"]: m for m in MODELS}
    pack = packs.read_yaml(packs.root() / "demo" / "devices.yaml")["devices"]
    things = [Thing(f"{d['model']}-{i}", "t", d["model"], [], float(models[d["model"]].get("interval_s") or 60),
                    random.Random(f"{d['model']}{i}")) for d in pack for i in range(d["count"])]  # fmt: skip
    kinds: Counter[tuple[str, str]] = Counter()
    hours: Counter[int] = Counter()
    at = datetime(2026, 6, 1, tzinfo=UTC)
    for _ in range(days * 24):
        for thing in things:
            before = dict(thing.faults)
            fate(thing, at, 1.0)
            for name in thing.faults.keys() - before.keys():
                kinds[thing.model, name] += 1
                hours[at.hour] += name not in ("silent", "stuck")
        at += timedelta(hours=1)
    return kinds, hours, things


def test_faults_of_the_demo_fleet_are_few_are_mended_and_follow_the_day() -> None:
    days = 14
    kinds, hours, things = fleet_day(days)
    urgent = sum(n for kind, n in kinds.items() if kind in URGENT) / days
    tripped = sum(hours.values()) / days
    assert len(things) == 2000 and 0.5 <= urgent <= 5 and 8 <= tripped <= 40, kinds
    assert sum(hours[h] for h in range(7, 21)) / 14 > 1.7 * sum(n for h, n in hours.items() if not 7 <= h < 21) / 10
    assert sum(1 for t in things if t.faults) < 40  # not broken for ever
