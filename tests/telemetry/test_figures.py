"""Indices and quality of readings: worked examples of the tables, and the API over a real history process."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

import numpy as np
import pytest
from django.http import HttpResponse
from tests.telemetry.historykit import HistoryProcess, filled, viewer

from linli.devices import facade
from linli.devices.models import Device
from linli.engines.nats import Nats
from linli.telemetry import batch, indices, quality, selectors

AREA = "340121403.001"
AIR, ROAD, LAMP, HIDDEN = (UUID(int=n) for n in range(901, 905))
T0 = 1_790_000_000_000 // 3_600_000 * 3_600_000  # a whole hour
(AQI,) = indices.of_model("air_station")
(JAM,) = indices.of_model("traffic_count")


def points(prop: str) -> list[list[float]]:
    return next(p["points"] for p in AQI["parts"] if p["property"] == prop)


@pytest.mark.parametrize(
    ("prop", "value", "wanted"),
    [
        ("pm25", 35, 50), ("pm25", 55, 75), ("pm25", 75, 100), ("pm25", 200, 250), ("pm25", 900, 500),
        ("pm10", 150, 100), ("pm10", 385, 250), ("so2", 325, 75), ("so2", 2000, 200), ("no2", 150, 75),
        ("co", 7.5, 75), ("o3", 180, 75), ("o3", 250, 125), ("o3", 0, 0),
    ],
)  # fmt: skip
def test_parts_of_the_air_index_by_its_table(prop: str, value: float, wanted: float) -> None:
    """Worked by hand from HJ 633-2012, table 1: lower index + (upper - lower) · (C - lower) / (upper - lower)."""
    (found,) = indices.part_index(np.array([float(value)]), points(prop))
    assert found == pytest.approx(wanted)


def test_columns_in_columns_out() -> None:
    values = np.array([0.0, 35.0, np.nan, 115.0])
    assert indices.part_index(values, points("pm25")).tolist()[:2] == [0, 50]
    assert np.isnan(indices.part_index(values, points("pm25"))[2])
    both = indices.combine([np.array([10.0, np.nan, np.nan]), np.array([20.0, 5.0, np.nan])])
    assert both[:2].tolist() == [20, 5] and np.isnan(both[2])
    assert indices.rounded(np.array([50.01, 50.0, 75.0000001]), precision=0, up=True).tolist() == [51, 50, 75]
    assert indices.rounded(np.array([3.25, 3.249]), precision=1, up=False).tolist() == [3.3, 3.2]


def test_the_air_index_is_the_highest_part_and_rounds_up() -> None:
    means = {"pm25": 62.0, "pm10": 90.0, "so2": 12.0, "no2": 60.0, "co": 1.0, "o3": math.nan}
    told = indices.told(AQI, [(means[p["property"]], 1.0) for p in AQI["parts"]], {})
    # 50 + 50 · (62 - 35) / 40 = 83.75 for PM2.5; 70 for PM10; 30 for NO2
    assert told["value"] == 84 and told["band"]["name"]["zh"] == "良" and not told["illustrative"]
    assert [p["value"] for p in told["parts"]] == [83.75, 70, 4, 30, 10, None]
    nothing = indices.told(AQI, [(math.nan, 0.0)] * 6, {})
    assert nothing["value"] is None and nothing["band"] is None


@pytest.mark.parametrize(
    ("speed", "free", "value", "band"),
    [(60, 60, 0, "free"), (50, 60, 2, "free"), (40, 60, 4, "mostly free"), (30, 60, 7.3, "moderately congested"),
     (0, 60, 10, "severely congested"), (50, None, 0, "free"), (25, True, 7.3, "moderately congested")],
)  # fmt: skip
def test_congestion_is_how_much_longer_a_way_takes(speed: float, free: Any, value: float, band: str) -> None:
    """30 of 60 km/h: twice as long, two thirds of the way from 1.8 (6) to 2.1 (8) = 7.33."""
    told = indices.told(JAM, [(float(speed), 1.0)], {"free_speed": free})
    assert told["value"] == value and told["band"]["name"]["en"] == band and told["illustrative"]


def test_a_mean_needs_enough_and_plausible_readings() -> None:
    low, high = np.array([1.0, 2.0, -9.0]), np.array([3.0, 4.0, 5.0])
    mean = np.array([2.0, 3.0, 4.0])
    assert indices.mean_of(low, high, mean, 4, (0, 10), 0.5) == (2.5, 0.5)
    assert math.isnan(indices.mean_of(low, high, mean, 4, (0, 10), 0.75)[0])
    assert indices.mean_of(low, high, mean, 3, (None, None), 1.0) == (3.0, 1.0)
    assert math.isnan(indices.mean_of(*(np.zeros(0),) * 3, 4, (None, None), 0.1)[0])
    assert [indices.buckets(*x) for x in ((86400, 300), (3600, 300), (900, 300), (900, 3600))] == [24, 12, 3, 1]


def test_quality_rules_mark_what_they_say() -> None:
    t = np.arange(10, dtype=np.int64) * 60_000
    calm = np.array([1.0, 1.1, 1.2, 9.0, 1.3, 1.3, 1.3, 1.3, 5.0, 5.1])
    found = quality.marks(t, calm, {"stuck": 4, "jump": 2.0, "spike": 3.0})
    assert found.tolist() == [0, 0, 0, quality.SPIKE, *[quality.STUCK] * 4, quality.JUMP, 0]
    assert quality.marks(t, calm, {"stuck": 5}).tolist() == [0] * 10
    assert quality.marks(t * 60, calm, {"jump": 2.0}).tolist() == [0] * 10, "an hour apart it may"
    assert quality.marks(t, calm, {}).tolist() == [0] * 10 and quality.marks(t[:1], calm[:1], {"stuck": 3}).size == 1


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory, broker: Nats) -> Iterator[HistoryProcess]:
    """A day of the air station, every five minutes; a quarter of an hour of the road and of a hidden thing."""
    rows = [(0, name, T0 - m * 60_000, value) for m in range(5, 1441, 5) for name, value in
            (("pm25", 62.0), ("pm10", 90.0), ("no2", 60.0))]  # fmt: skip
    rows += [(n, "speed", T0 - m * 60_000, 30.0) for n in (1, 2) for m in (5, 10, 15)]
    rows += [(0, "co", T0 - 120_000, 99.0)]  # out of range: no index is made of it
    names = sorted({r[1] for r in rows})
    flags = [batch.OUT_OF_RANGE if r[3] == 99 else 0 for r in rows]
    data = batch.make(
        [AIR.bytes, ROAD.bytes, HIDDEN.bytes], names, [r[0] for r in rows], [names.index(r[1]) for r in rows],
        [r[2] for r in rows], [T0] * len(rows), [r[3] for r in rows], flags,
    )  # fmt: skip
    with filled(Path(tmp_path_factory.mktemp("history")), broker, batch.encode(data)) as process:
        yield process


@pytest.fixture
def call(history: HistoryProcess, db: None) -> Iterator[Callable[..., HttpResponse]]:
    facade.load_packs()
    for pk, model in ((AIR, "air_station"), (ROAD, "traffic_count"), (LAMP, "street_lamp"), (HIDDEN, "bus")):
        Device.objects.create(id=pk, code=model, name_zh=model, model_id=model, area_path=f"{AREA}.002",
                              attributes_shared={"free_speed": 60})  # fmt: skip

    with mock.patch.object(selectors, "history", return_value=history.client):
        yield viewer(AREA)


@pytest.mark.engines
def test_the_api_tells_indices_and_quality_of_places_only(call: Callable[..., Any]) -> None:
    at = selectors.at(T0).isoformat()
    (air,) = call(f"/devices/{AIR}/index", at=at).json()["items"]
    parts = {p["property"]: (p["mean"], p["coverage"]) for p in air["parts"]}
    assert air["value"] == 84 and air["band"]["status"] == "fine", air
    assert parts["pm25"] == (62, 1) and parts["no2"] == (60, 1) and parts["co"] == (None, 0) == parts["so2"]
    half = call(f"/devices/{AIR}/index", at=selectors.at(T0 - 12 * 3_600_000).isoformat()).json()["items"][0]
    assert half["value"] == 30, "half a day of particles is too little; the gases count"
    (road,) = call(f"/devices/{ROAD}/index", at=at).json()["items"]
    assert (road["code"], road["value"], road["illustrative"]) == ("congestion", 7.3, True)
    assert call(f"/devices/{LAMP}/index", at=at).json()["items"] == []
    counts = {q["property"]: q for q in call(f"/devices/{AIR}/quality", end=at).json()["items"]}
    assert counts["pm25"] == {"property": "pm25", "readings": 288, "expected": 288, "out_of_range": 0, "doubtful": 0,
                              "late": 0, "stuck": 288, "jump": 0, "spike": 0}  # fmt: skip
    assert counts["co"]["out_of_range"] == 1 and counts["no2"]["stuck"] == 0, "no rule, no mark"
    assert call(f"/devices/{AIR}/quality", start=at, end=at).status_code == 422
    for what in ("index", "quality"):
        assert call(f"/devices/{HIDDEN}/{what}").status_code == 404
        assert call(f"/devices/{AIR}/{what}", area="340121403.002").status_code == 404
