"""A quiet simulated day stays plausible: inside each property's range, and no rule-breaking by itself."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from linli.kernel import packs
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


def test_every_numeric_property_has_a_maker_of_its_own() -> None:
    missing = {p["code"] for m in MODELS for p in m["properties"] if p["code"] not in KNOWN} - {"value"}
    assert not missing


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
