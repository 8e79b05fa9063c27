"""Data quality over many devices, from a real history process: who is counted, and which devices stand behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.telemetry.historykit import HistoryProcess, filled, viewer

from linli.devices.models import Device, DeviceStatus, ThingModel
from linli.engines.nats import Nats
from linli.kernel import clock
from linli.telemetry import batch, selectors
from linli.telemetry.history.client import HistoryClient

pytestmark = [pytest.mark.engines, pytest.mark.django_db]
AREA = "340121403"
A, B, C, D, E, F = (UUID(int=(0x0191 << 112) + n) for n in range(6))
HOUR = 3_600_000


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory, broker: Nats) -> Iterator[HistoryProcess]:
    """A: ten readings of the last hours, some flagged, and one of five days ago; D, a household's, one; E two."""
    now = int(clock.now().timestamp() * 1000)
    rows = [(0, now - i * 600_000, flags) for i, flags in enumerate(
        [0, batch.OUT_OF_RANGE, batch.OUT_OF_RANGE, batch.LATE, batch.DOUBTFUL | batch.LATE, batch.CLAMPED, 0, 0, 0, 0]
    )]  # fmt: skip
    rows += [(0, now - 120 * HOUR, batch.OUT_OF_RANGE), (1, now - HOUR, batch.PRIVATE | batch.OUT_OF_RANGE),
             (2, now - HOUR, 0), (2, now - 2 * HOUR, batch.OUT_OF_RANGE)]  # fmt: skip
    dev, ts, flags = zip(*rows, strict=True)
    data = batch.make([A.bytes, D.bytes, E.bytes], ["level"], dev, [0] * len(dev), ts, [now] * len(dev),
                      [float(i) for i in range(len(dev))], flags)  # fmt: skip
    with filled(Path(tmp_path_factory.mktemp("history")), broker, batch.encode(data)) as process:
        yield process


def thing(pk: UUID, model: str, owner: str, path: str, hours: float | None, **more: Any) -> None:
    """A device that was heard so many hours ago, or never."""
    state, error = more.pop("state", "active"), more.pop("error", None)
    Device.objects.create(id=pk, code=str(pk), name_zh=f"设备{str(pk)[-1]}", model_id=model, area_path=path,
                          owner_department=owner, state=state)  # fmt: skip
    if hours is not None:
        seen = clock.now() - timedelta(hours=hours)
        failed = None if error is None else clock.now() - timedelta(hours=error)
        DeviceStatus.objects.create(
            device_id=pk, last_seen=seen, online_until=seen + timedelta(minutes=30), last_error_at=failed,
            last_error="topic" if failed else "", **more,
        )  # fmt: skip


@pytest.fixture
def call(history: HistoryProcess, db: None) -> Iterator[Callable[..., Any]]:
    for code, subject in (("gauge", "place"), ("lamp", "place"), ("meter", "household")):
        ThingModel.objects.create(code=code, name_zh=code, name_en=code.title(), subject=subject, category="x",
                                  interval_s=600, properties=[])  # fmt: skip
    thing(A, "gauge", "排水所", f"{AREA}.001.01", 0.1, bad=3, refused=2, error=1)
    thing(B, "lamp", "排水所", f"{AREA}.001.02", 50, bad=7, error=49)
    thing(C, "lamp", "", f"{AREA}.002.01", None)
    thing(D, "meter", "排水所", f"{AREA}.001.01", 0.1, bad=9, error=1)
    thing(E, "gauge", "水务局", f"{AREA}.002.01", 1)
    thing(F, "gauge", "水务局", f"{AREA}.002.01", 0.1, state="maintenance")
    with mock.patch.object(selectors, "history", return_value=history.client):
        yield viewer(AREA)


def figures(call: Callable[..., Any], **query: Any) -> dict[str, Any]:
    answer = call("/devices/quality", **query)
    assert answer.status_code == 200, answer.content
    return answer.json()


def behind(call: Callable[..., Any], what: str, **query: Any) -> list[tuple[str, Any]]:
    return [(i["id"], i["count"]) for i in call("/devices/quality/devices", what=what, **query).json()["items"]]


def test_figures_of_a_day_by_owner(call: Callable[..., Any]) -> None:
    found = figures(call)
    rows = {r["key"]: r for r in found["items"]}
    assert list(rows) == ["排水所", "-", "水务局"] and rows["-"]["name"] == {"zh": "未登记单位", "en": "No owner"}
    names = ("devices", "reported", "fresh", "never", "errors", "bad", "refused")
    assert [rows["排水所"][n] for n in names] == [2, 1, 1, 0, 1, 10, 2], "neither the household's thing"
    assert [rows["-"][n] for n in names] == [1, 0, 0, 1, 0, 0, 0]
    assert [rows["水务局"][n] for n in names] == [1, 1, 0, 0, 0, 0, 0], "nor the one in maintenance"
    counts = ("readings", "out_of_range", "late", "doubtful", "clamped")
    assert [rows["排水所"][n] for n in counts] == [10, 2, 2, 1, 1]
    assert [found["total"][n] for n in ("devices", *counts)] == [4, 12, 3, 2, 1, 1] and found["history"] is True


def test_the_span_counts(call: Callable[..., Any]) -> None:
    week = figures(call, days=7)["total"]
    assert (week["reported"], week["errors"], week["readings"], week["out_of_range"]) == (3, 2, 13, 4)


def test_by_kind_and_by_grid(call: Callable[..., Any]) -> None:
    assert {r["key"]: r["devices"] for r in figures(call, by="model")["items"]} == {"gauge": 2, "lamp": 2}
    assert {r["key"]: r["devices"] for r in figures(call, by="grid")["items"]} == {f"{AREA}.001": 2, f"{AREA}.002": 2}
    below = call(f"/devices/quality?by=grid&area={AREA}.001").json()["items"]
    assert {r["key"]: r["devices"] for r in below} == {f"{AREA}.001.01": 1, f"{AREA}.001.02": 1}


def test_each_figure_opens_its_devices_the_worst_first(call: Callable[..., Any]) -> None:
    assert behind(call, "unreported") == [(str(C), None), (str(B), None)], "never heard stands before long silent"
    assert behind(call, "silent", key="水务局") == [(str(E), None)]
    assert behind(call, "never") == [(str(C), None)] and behind(call, "unreported", key="-") == [(str(C), None)]
    assert behind(call, "errors", days=7) == [(str(B), None), (str(A), None)] and behind(call, "errors") == [
        (str(A), None)
    ]
    assert behind(call, "out_of_range") == [(str(A), 2), (str(E), 1)] and behind(call, "clamped") == [(str(A), 1)]
    assert behind(call, "out_of_range", by="grid", key=f"{AREA}.002") == [(str(E), 1)]
    for what in ("devices", "reported", "fresh", "never", "errors", "out_of_range", "doubtful", "late", "clamped"):
        for by in ("owner", "model", "grid"):
            found = figures(call, by=by)
            for row in (found["total"], *found["items"]):
                key = {"key": row["key"]} if row["key"] else {}
                rows = behind(call, what, by=by, **key)
                assert (sum(n for _, n in rows) if rows and rows[0][1] is not None else len(rows)) == row[what]


def test_the_devices_behind_come_by_pages(call: Callable[..., Any]) -> None:
    seen, cursor = [], {}
    for _ in range(4):
        page = call("/devices/quality/devices", what="devices", limit=1, **cursor).json()
        seen += [i["id"] for i in page["items"]]
        cursor = {"cursor": page["next"]}
    assert seen == [str(C), str(B), str(E), str(A)] and page["next"] is None


def test_other_areas_see_their_own(call: Callable[..., Any]) -> None:
    assert call("/devices/quality", area=f"{AREA}.002").json()["total"]["devices"] == 2
    ids = [i["id"] for i in call("/devices/quality/devices", area="340121404", what="devices").json()["items"]]
    assert ids == []


def test_without_history_the_rest_is_told(call: Callable[..., Any]) -> None:
    with mock.patch.object(selectors, "history", return_value=HistoryClient("http://x@127.0.0.1:1")):
        found = figures(call)
        assert found["history"] is False and found["total"]["late"] is None and found["total"]["reported"] == 2
        assert call("/devices/quality/devices", what="late").status_code == 503
        assert behind(call, "never") == [(str(C), None)]
        assert call("/devices/quality.csv").status_code == 200


def test_sheets(call: Callable[..., Any]) -> None:
    lines = call("/devices/quality.csv", lang="en").content.decode("utf-8-sig").splitlines()
    assert lines[0].startswith("Owner,Devices in use,Reported") and len(lines) == 5
    assert lines[1] == "排水所,2,1,1,0,1,10,2,10,2,1,2,1" and lines[-1].startswith("All,4,2,1,1,1,10,2,12,3,")
    assert call("/devices/quality.xlsx").content[:2] == b"PK"
    assert call("/devices/quality.pdf").status_code == 422


def test_refusals_name_the_field(call: Callable[..., Any]) -> None:
    for path, query, field in (
        ("", {"by": "person"}, "by"), ("", {"days": 0}, "days"), ("", {"days": 32}, "days"),
        ("/devices", {"what": "mood"}, "what"), ("/devices", {"what": "late", "by": "x"}, "by"),
        ("/devices", {"what": "late", "cursor": "junk"}, "cursor"), ("/devices", {"what": "late", "limit": 0}, "limit"),
    ):  # fmt: skip
        answer = call(f"/devices/quality{path}", **query)
        assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == field, answer.content


def test_many_devices_cost_no_more_queries(call: Callable[..., Any]) -> None:
    counts = []
    for more in (0, 40):
        for n in range(more):
            thing(UUID(int=(0x0192 << 112) + n), "lamp", f"单位{n % 7}", f"{AREA}.003", 0.1)
        with CaptureQueriesContext(connection) as queries:
            figures(call)
            behind(call, "devices")
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 10
