"""The expected range over the web, from a real history process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

import numpy as np
import pytest
from django.http import HttpResponse
from tests.telemetry.historykit import HistoryProcess, filled, viewer

from linli.devices.models import Device, ThingModel
from linli.engines.nats import Nats
from linli.telemetry import band, batch, selectors

pytestmark = [pytest.mark.engines, pytest.mark.django_db]
AREA = "340121403.001"
GAUGE, HIDDEN = UUID(int=931), UUID(int=932)
STEP, N = 900_000, 96 * 20  # a quarter of an hour, 20 days
T0 = 1_789_862_400_000
END = T0 + N * STEP
SPIKE = T0 + 96 * 18 * STEP


def values() -> Any:
    x = 2 + np.sin(2 * np.pi * np.arange(N) / 96) + np.random.default_rng(2).normal(0, 0.05, N)
    x[96 * 18] += 2
    return x


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory, broker: Nats) -> Iterator[HistoryProcess]:
    t, x = T0 + np.arange(N) * STEP, values()
    rows = [(0, 0, int(at), float(v), 0) for at, v in zip(t, x, strict=True)]
    rows += [(1, 0, int(at), float(v), 0) for at, v in zip(t[:50], x, strict=False)]
    rows += [(0, 1, int(at), float(i % 2), 0) for i, at in enumerate(t[-200:])]
    rows.append((0, 0, END - 1, 500.0, batch.OUT_OF_RANGE))
    data = batch.make(
        [GAUGE.bytes, HIDDEN.bytes], ["level", "open"], *(list(c) for c in zip(*[r[:3] for r in rows], strict=True)),
        [END] * len(rows), [r[3] for r in rows], [r[4] for r in rows],
    )  # fmt: skip
    with filled(Path(tmp_path_factory.mktemp("history")), broker, batch.encode(data)) as process:
        yield process


@pytest.fixture
def call(history: HistoryProcess, db: None) -> Iterator[Callable[..., HttpResponse]]:
    properties = [{"code": "level", "type": "number"}, {"code": "open", "type": "bool"}]
    for code, subject, pk in (("t_place", "place", GAUGE), ("t_house", "household", HIDDEN)):
        model = ThingModel.objects.create(code=code, name_zh=code, name_en=code, subject=subject, category="x",
                                          interval_s=900, properties=properties)  # fmt: skip
        Device.objects.create(id=pk, code=code, name_zh=code, name_en=code, model=model, area_path=f"{AREA}.002")
    band.kept.clear()
    with mock.patch.object(selectors, "history", return_value=history.client):
        yield viewer(AREA)


def span(start: int, end: int = END) -> dict[str, str]:
    return {"start": selectors.at(start).isoformat(), "end": selectors.at(end).isoformat(), "property": "level"}


def test_the_range_is_learnt_from_before_the_span_and_the_odd_reading_is_named(call: Callable[..., Any]) -> None:
    found = call(f"/devices/{GAUGE}/expected", points=192, **span(END - 3 * 86_400_000)).json()
    assert datetime.fromisoformat(found["learnt_from"]) == selectors.at(T0) and found["step_s"] is None
    assert len(found["t"]) == len(found["low"]) == len(found["high"]) and 140 <= len(found["t"]) <= 193
    assert found["t"] == sorted(found["t"]) and None not in found["low"]
    width = np.array(found["high"]) - np.array(found["low"])
    assert width.min() > 0.2 and width.max() < 1.5, "a good deal narrower than the day's swing of 2"
    odd = {datetime.fromisoformat(o["at"]): o for o in found["odd"]}
    spike = odd[selectors.at(SPIKE)]
    assert spike["kind"] in ("above", "jump") and spike["score"] > 1.5 and spike["value"] > spike["high"]
    assert spike["words"]["zh"] and spike["words"]["en"] and found["odd_total"] == len(odd) <= 5
    assert all(o["value"] < 100 for o in found["odd"]), "out of range: kept, not judged"


def test_young_series_have_no_range_yet(call: Callable[..., Any]) -> None:
    found = call(f"/devices/{GAUGE}/expected", **span(T0, T0 + 3 * 86_400_000)).json()
    assert found["low"][0] is None and found["high"][0] is None and found["low"][-1] is not None
    empty = call(f"/devices/{GAUGE}/expected", **span(T0, END) | {"property": "open"}).json()
    assert empty["t"] == [] and empty["learnt_from"] is None, "a yes or no has no range"
    assert call(f"/devices/{GAUGE}/expected", **span(T0) | {"property": "none"}).json()["t"] == []


def test_too_many_readings_are_taken_as_means_and_it_is_said(call: Callable[..., Any]) -> None:
    with mock.patch.object(band, "MAX_READINGS", 500):
        found = call(f"/devices/{GAUGE}/expected", **span(END - 5 * 86_400_000)).json()
    assert found["step_s"] > 900 and found["low"][-1] is not None and len(found["t"]) <= 301


def test_only_places_and_only_who_sees_the_device(call: Callable[..., Any]) -> None:
    assert call(f"/devices/{HIDDEN}/expected", **span(T0)).status_code == 404
    assert call(f"/devices/{GAUGE}/expected", area="340121403.002", **span(T0)).status_code == 404
    for query, field in (({"points": 0}, "points"), ({"points": 9999}, "points"), ({"end": span(T0)["start"]}, "end")):
        answer = call(f"/devices/{GAUGE}/expected", **span(T0) | query)
        assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == field, answer.content


def test_what_was_learnt_is_kept_and_tells_the_same(call: Callable[..., Any]) -> None:
    """The second look reads only the days of the chart; a later day begins where an earlier one ended."""
    read: list[tuple[int, int]] = []
    real = band._readings

    def counted(device_id: Any, prop: str, begin: int, until: int, step: int | None) -> Any:
        read.append((begin, until))
        return real(device_id, prop, begin, until, step)

    with mock.patch.object(band, "_readings", counted):
        ask = lambda start: call(f"/devices/{GAUGE}/expected", points=96, **span(start)).json()  # noqa: E731
        earlier, later = END - 4 * 86_400_000, END - 2 * 86_400_000 + STEP
        cold = ask(earlier)
        assert read == [(earlier - band.LEAD_MS, earlier), (earlier, END)]
        read.clear()
        assert ask(earlier) == cold and read == [(earlier, END)]
        read.clear()
        chained = ask(later)
        day = later // 86_400_000 * 86_400_000
        assert read == [(earlier, day), (day, END)] and chained["learnt_from"] == cold["learnt_from"]
        band.kept.clear()
        alone = ask(later)
    assert chained["t"] == alone["t"] and chained["odd"] == alone["odd"]
    assert chained["low"] == alone["low"] and chained["high"] == alone["high"], "taught in one go or in parts"


def test_a_day_that_is_not_over_is_not_kept(call: Callable[..., Any]) -> None:
    with mock.patch.object(band.clock, "now", return_value=selectors.at(END - 5 * STEP)):
        call(f"/devices/{GAUGE}/expected", **span(END, END + STEP))
    assert [day for _, day in band.kept._held] == [(END - 5 * STEP) // 86_400_000 * 86_400_000]


def test_what_was_learnt_is_learnt_anew_when_readings_came_late(call: Callable[..., Any]) -> None:
    """A chart that was drawn before its history had come would else have no range for hours."""
    asked = span(END - 4 * 86_400_000)
    read, fewer = [], [300]
    real, counted = band._readings, band._count

    def reading(device_id: UUID, prop: str, begin: int, until: int, step: int | None) -> Any:
        read.append((begin, until))
        return real(device_id, prop, begin, until, step)

    def count(*about: Any) -> int:
        return counted(*about) - fewer[0]

    with mock.patch.object(band, "_readings", reading), mock.patch.object(band, "_count", count):
        for expected in (2, 1):
            call(f"/devices/{GAUGE}/expected", **asked)
            assert len(read) == expected
            read.clear()
        fewer[0] = 0
        call(f"/devices/{GAUGE}/expected", **asked)
        assert len(read) == 2, "all is learnt anew"
