"""Readings over the web, from a real history process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

import pytest
from django.http import HttpResponse
from tests.telemetry.historykit import HistoryProcess, filled, viewer

from linli.devices.models import Device, ThingModel
from linli.engines.nats import Nats
from linli.kernel import ids
from linli.telemetry import batch, selectors

pytestmark = [pytest.mark.engines, pytest.mark.django_db]
AREA = "340121403.001"
T0 = 1_790_000_000_000
MINE = UUID("01900000-0000-7000-8000-000000000001")
HIDDEN = UUID("01900000-0000-7000-8000-000000000002")


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory, broker: Nats) -> Iterator[HistoryProcess]:
    n = 600
    data = batch.make(
        [MINE.bytes, HIDDEN.bytes], ["level", "=battery"], [i % 2 for i in range(n)], [i // 2 % 2 for i in range(n)],
        [T0 + i // 4 * 60_000 for i in range(n)], [T0] * n, [float(i) for i in range(n)], [0] * n,
    )  # fmt: skip
    with filled(Path(tmp_path_factory.mktemp("history")), broker, batch.encode(data)) as process:
        yield process


@pytest.fixture
def call(history: HistoryProcess, db: None) -> Iterator[Callable[..., HttpResponse]]:
    for code, subject, pk in (("t_place", "place", MINE), ("t_person", "person", HIDDEN)):
        model = ThingModel.objects.create(code=code, name_zh=code, name_en=code, subject=subject, category="x",
                                          interval_s=60, properties=[])  # fmt: skip
        Device.objects.create(id=pk, code=code, name_zh=code, name_en=code, model=model, area_path=f"{AREA}.002")

    with mock.patch.object(selectors, "history", return_value=history.client):
        yield viewer(AREA)


SPAN = {"start": "2026-09-01T00:00:00+08:00", "end": "2026-12-01T00:00:00+08:00"}


def test_pages_newest_first_to_the_end(call: Callable[..., Any]) -> None:
    seen, cursor = [], None
    while True:
        page = call(f"/devices/{MINE}/readings", limit=70, **SPAN, **({"cursor": cursor} if cursor else {})).json()
        seen += [(r["at"], r["property"], r["value"]) for r in page["items"]]
        if not (cursor := page["next"]):
            break
    assert len(seen) == 300 and seen == sorted(seen, reverse=True) and len({s[2] for s in seen}) == 300
    only = call(f"/devices/{MINE}/readings", property="level", limit=200, **SPAN).json()["items"]
    assert len(only) == 150 and {r["property"] for r in only} == {"level"}


def test_series_latest_and_csv(call: Callable[..., Any]) -> None:
    found = call(f"/devices/{MINE}/series", property="level", points=10, **SPAN).json()
    assert sum(found["count"]) == 150 and max(found["max"]) == 596.0 and min(found["min"]) == 0.0
    items = call("/devices/latest", ids=f"{MINE},{HIDDEN}").json()["items"]
    assert {(r["device_id"], r["property"], r["value"]) for r in items} == {
        (str(MINE), "level", 596.0), (str(MINE), "=battery", 598.0)}  # fmt: skip
    lines = b"".join(call(f"/devices/{MINE}/readings.csv", **SPAN).streaming_content).decode("utf-8-sig").splitlines()
    assert lines[0] == "at,property,value,flags" and len(lines) == 301 and ",'=battery," in lines[1]


@pytest.mark.parametrize("what", ["readings", "series", "expected", "readings.csv"])
def test_hidden_things_and_other_areas_are_not_there(call: Callable[..., Any], what: str) -> None:
    query = {"property": "level", **SPAN}
    assert call(f"/devices/{MINE}/{what}", **query).status_code == 200
    assert call(f"/devices/{HIDDEN}/{what}", **query).status_code == 404
    assert call(f"/devices/{MINE}/{what}", area="340121403.002", **query).status_code == 404
    assert call(f"/devices/{ids.new_id()}/{what}", **query).status_code == 404
    assert call("/devices/latest", area="340121403.002", ids=str(MINE)).json() == {"items": []}


def test_refusals_name_the_field(call: Callable[..., Any]) -> None:
    for query, field in (
        ({"start": "2026-09-01T00:00:00"}, "start"), ({"start": SPAN["end"], "end": SPAN["start"]}, "end"),
        ({"limit": 0}, "limit"), ({"cursor": "junk"}, "cursor"), ({"start": "yesterday"}, "start"),
    ):  # fmt: skip
        answer = call(f"/devices/{MINE}/readings", **query)
        assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == field, answer.content
    assert call(f"/devices/{MINE}/series", property="level", points=0).json()["errors"][0]["field"] == "points"
    assert call("/devices/latest", ids="x").json()["errors"][0]["field"] == "ids"


def test_without_history_it_says_so(call: Callable[..., Any]) -> None:
    from linli.telemetry.history.client import HistoryClient

    with mock.patch.object(selectors, "history", return_value=HistoryClient("http://x@127.0.0.1:1")):
        answer = call(f"/devices/{MINE}/readings", **SPAN)
    assert answer.status_code == 503 and answer.headers["content-type"] == "application/problem+json"
