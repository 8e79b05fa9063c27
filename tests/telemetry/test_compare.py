"""Series side by side and the calendar over the web, from a real history process."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

import pyarrow.parquet as pq
import pytest
from django.http import HttpResponse
from tests.telemetry.historykit import HistoryProcess, filled, viewer

from linli.devices.models import Device, ThingModel
from linli.engines.nats import Nats
from linli.telemetry import batch, selectors
from linli.telemetry.history.client import HistoryClient

pytestmark = [pytest.mark.engines, pytest.mark.django_db]
AREA = "340121403.001"
A, B, HIDDEN, ELSEWHERE = (UUID(int=n) for n in (701, 702, 703, 704))
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
T0 = int(datetime(2026, 2, 28, 16, tzinfo=UTC).timestamp() * 1000)  # the first of March in the district
WEEK = 7 * DAY


def rows() -> list[tuple[int, int, int, float]]:
    """(device, property, time, value): A a reading each ten minutes over ten days with two hours missing and one high
    reading; B's battery the same for a day; the hidden and the other area's as A."""
    found = []
    for i in range(10 * 144):
        at = T0 + i * 10 * MINUTE
        value = 99.0 if i == 1_200 else i % 144 / 10
        if not T0 + WEEK + 5 * HOUR <= at < T0 + WEEK + 7 * HOUR:
            found.append((0, 0, at, value))
        if i < 144:
            found += [(1, 1, at, float(i)), (2, 0, at, 1.0), (3, 0, at, 1.0)]
    return found


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory, broker: Nats) -> Iterator[HistoryProcess]:
    told = rows()
    data = batch.make(
        [d.bytes for d in (A, B, HIDDEN, ELSEWHERE)], ["level", "battery"],
        *(list(c) for c in zip(*[r[:3] for r in told], strict=True)),
        [T0] * len(told), [r[3] for r in told], [0] * len(told),
    )  # fmt: skip
    with filled(Path(tmp_path_factory.mktemp("history")), broker, batch.encode(data)) as process:
        yield process


@pytest.fixture
def call(history: HistoryProcess, db: None) -> Iterator[Callable[..., HttpResponse]]:
    for code, subject in (("t_place", "place"), ("t_house", "household")):
        ThingModel.objects.create(code=code, name_zh=code, name_en=code, subject=subject, category="x", interval_s=600,
                                  properties=[{"code": "level", "type": "number"}])  # fmt: skip
    for pk, code, model, area in ((A, "=a", "t_place", f"{AREA}.002"), (B, "b", "t_place", f"{AREA}.002"),
                                  (HIDDEN, "h", "t_house", f"{AREA}.002"),
                                  (ELSEWHERE, "e", "t_place", "340121403.002")):  # fmt: skip
        Device.objects.create(id=pk, code=code, name_zh=f"设备 {code}", name_en=code, model_id=model, area_path=area)
    with mock.patch.object(selectors, "history", return_value=history.client):
        yield viewer(AREA)


def span(start: int, end: int, **more: Any) -> dict[str, Any]:
    return {"start": selectors.at(start).isoformat(), "end": selectors.at(end).isoformat(), **more}


def test_series_of_several_devices_in_one_answer(call: Callable[..., Any]) -> None:
    wanted = span(T0, T0 + 10 * DAY, series=f"{B}:battery,{A}:level", points=200)
    found = call("/series", **wanted).json()
    assert (found["start"], found["end"]) == (T0, T0 + 10 * DAY)
    second, first = found["items"]
    assert [one["device"]["id"] for one in found["items"]] == [str(B), str(A)], "in the order asked for"
    mine = [r for r in rows() if r[0] == 0]
    assert sum(first["count"]) == first["summary"]["count"] == len(mine)
    assert first["summary"]["max"] == max(first["max"]) == 99.0, "one reading among 1,428 is not lost"
    assert first["summary"]["mean"] == pytest.approx(sum(r[3] for r in mine) / len(mine))
    assert first["summary"]["last"] == mine[-1][3]
    assert datetime.fromisoformat(first["summary"]["last_at"]) == selectors.at(mine[-1][2])
    assert second["summary"]["last"] == 143.0 and second["summary"]["min"] == 0.0
    alone = call(f"/devices/{A}/series", property="level", **span(T0, T0 + 10 * DAY, points=200)).json()
    assert {n: first[n] for n in ("t", "min", "max", "count")} == {n: alone[n] for n in ("t", "min", "max", "count")}


def test_a_shift_lays_last_week_over_this_one(call: Callable[..., Any]) -> None:
    asked = f"{A}:level,{A}:level:{WEEK // 1000}"
    now, before = call("/series", **span(T0 + WEEK, T0 + WEEK + DAY, series=asked, points=144)).json()["items"]
    assert before["shift_s"] == WEEK // 1000 and before["t"][0] == T0 and len(before["t"]) == 144
    shifted = {t + WEEK: v for t, v in zip(before["t"], before["mean"], strict=True)}
    assert all(shifted[t] == v for t, v in zip(now["t"], now["mean"], strict=True)), "the two weeks are alike"
    missing = set(shifted) - set(now["t"])
    assert len(missing) == 12 and min(missing) == T0 + WEEK + 5 * HOUR, "where nothing came nothing is told"


def test_it_is_one_question_to_history(call: Callable[..., Any], history: HistoryProcess) -> None:
    asked: list[str] = []
    real = HistoryClient._call

    def counted(self: HistoryClient, method: str, path: str, *rest: Any, **more: Any) -> Any:
        asked.append(path)
        return real(self, method, path, *rest, **more)

    series = ",".join(f"{A}:level:{n * 86_400}" for n in range(8))
    with mock.patch.object(HistoryClient, "_call", counted):
        assert len(call("/series", **span(T0 + WEEK, T0 + WEEK + DAY, series=series)).json()["items"]) == 8
    assert asked == ["/compared"]


def test_files_hold_exactly_what_is_drawn(call: Callable[..., Any]) -> None:
    wanted = span(T0 + WEEK, T0 + WEEK + DAY, series=f"{A}:level:{WEEK // 1000},{B}:battery:{WEEK // 1000}", points=24)
    drawn = call("/series", **wanted).json()["items"]
    text = b"".join(call("/series.csv", **wanted).streaming_content).decode("utf-8-sig")
    sheet = list(csv.DictReader(io.StringIO(text)))
    assert len(sheet) == sum(len(one["t"]) for one in drawn) == 48
    assert sheet[0]["device"] == "'=a" and sheet[-1]["name"] == "设备 b" and sheet[-1]["property"] == "battery"
    assert [float(r["max"]) for r in sheet] == [v for one in drawn for v in one["max"]]
    assert datetime.fromisoformat(sheet[0]["at"]) == selectors.at(T0)
    assert datetime.fromisoformat(sheet[0]["drawn_at"]) == selectors.at(T0 + WEEK)
    table = pq.read_table(io.BytesIO(b"".join(call("/series.parquet", **wanted).streaming_content)))
    assert table.num_rows == 48 and table["mean"].to_pylist() == [v for one in drawn for v in one["mean"]]
    assert table["at"][0].as_py() == selectors.at(T0) and table["drawn_at"][0].as_py() == selectors.at(T0 + WEEK)
    assert call("/series.xlsx", **wanted).json()["errors"][0]["field"] == "form"


def test_only_what_one_may_see_and_refusals_name_the_field(call: Callable[..., Any]) -> None:
    asked = f"{HIDDEN}:level,{ELSEWHERE}:level,{A}:level"
    shown = call("/series", **span(T0, T0 + DAY, series=asked)).json()["items"]
    assert [one["device"]["id"] for one in shown] == [str(A)]
    none = call("/series", **span(T0, T0 + DAY, series=f"{HIDDEN}:level,{ELSEWHERE}:level")).json()
    assert none["items"] == []
    for query, field in (
        ({"series": "x:level"}, "series"), ({"series": f"{A}"}, "series"), ({"series": f"{A}:level:-5"}, "series"),
        ({"series": f"{A}:level:a"}, "series"), ({"series": ","}, "series"),
        ({"series": ",".join(f"{A}:p{i}" for i in range(9))}, "series"), ({"points": 0}, "points"),
        ({"points": 2001}, "points"), ({"end": selectors.at(T0).isoformat()}, "end"),
        ({"start": "2026-01-01"}, "start"),
    ):  # fmt: skip
        answer = call("/series", **span(T0, T0 + DAY, series=f"{A}:level") | query)
        assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == field, (query, answer.content)


def test_a_year_as_days_of_the_district(call: Callable[..., Any]) -> None:
    found = call(f"/devices/{A}/calendar", property="level", year=2026).json()
    assert found["by"] == "day" and found["hour"] is None and found["start"] == "2026-01-01T00:00:00+08:00"
    assert found["date"] == [f"2026-03-{d:02}" for d in range(1, 11)], "days without readings are not there"
    assert found["count"][0] == 144 and found["coverage"][0] == 1.0
    assert found["count"][7] == 132 and found["coverage"][7] == pytest.approx(132 / 144, abs=1e-4)
    assert found["max"][8] == 99.0 and found["min"][0] == 0.0 and found["mean"][0] == pytest.approx(71.5 / 10)
    assert found["t"][0] == T0 and found["until"][0] == T0 + DAY
    assert call(f"/devices/{A}/calendar", property="level", year=2025).json()["date"] == []


def test_a_month_as_hours_of_the_district(call: Callable[..., Any]) -> None:
    found = call(f"/devices/{A}/calendar", property="level", year=2026, month=3).json()
    assert found["by"] == "hour" and len(found["date"]) == 238 and found["end"] == "2026-04-01T00:00:00+08:00"
    eighth = [h for d, h in zip(found["date"], found["hour"], strict=True) if d == "2026-03-08"]
    assert eighth == [h for h in range(24) if h not in (5, 6)]
    assert set(found["count"]) == {6} and set(found["coverage"]) == {1.0}
    december = call(f"/devices/{A}/calendar", property="level", year=2026, month=12).json()
    assert december["end"] == "2027-01-01T00:00:00+08:00"
    for query, field in (({"month": 13}, "month"), ({"year": 1800}, "year")):
        answer = call(f"/devices/{A}/calendar", property="level", **{"year": 2026} | query)
        assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == field
    assert call(f"/devices/{HIDDEN}/calendar", property="level").status_code == 404
    assert call(f"/devices/{ELSEWHERE}/calendar", property="level").status_code == 404
