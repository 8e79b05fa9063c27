"""Readings over the web: pages, charts, latest values, CSV. Things of households, persons and vehicles are not here."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Query, Schema

from linli.kernel.errors import Invalid
from linli.kernel.http import actor_of, sent
from linli.kernel.paging import DEFAULT_LIMIT, Page
from linli.telemetry import (
    analyst_selectors,
    band,
    bench_api,
    correction_api,
    figures,
    health_api,
    history_api,
    quality_api,
    selectors,
    trial_api,
)
from linli.telemetry.router import Label, router

__all__ = ["bench_api", "correction_api", "health_api", "history_api", "quality_api", "router", "trial_api"]


class ReadingOut(Schema):
    """`flags`: 1 no time of its own, 2 clock corrected, 4 out of range, 8 late, 16 a bool, 32 no measurement by the
    device's own word."""

    property: str
    at: datetime
    received_at: datetime
    value: float
    flags: int


class LatestOut(Schema):
    device_id: UUID
    property: str
    at: datetime
    value: float
    flags: int


class LatestList(Schema):
    items: list[LatestOut]


class SeriesOut(Schema):
    """Columns of equal length; `t` is the start of each bucket in ms since 1970, `min` and `max` are exact."""

    property: str
    t: list[int]
    min: list[float]
    max: list[float]
    mean: list[float]
    count: list[int]


class BandOut(Schema):
    """`status`: fine, info, soon or urgent."""

    name: Label
    status: str


class PartOut(Schema):
    """The mean of a property over `mean_s` seconds and what it counts for; null when too little came (`coverage`)."""

    property: str
    mean_s: int
    mean: float | None
    coverage: float
    value: float | None


class IndexOut(Schema):
    """`value` is the highest of the parts, null when there is none; `illustrative` when its table has no source."""

    code: str
    name: Label
    source: Label
    illustrative: bool
    value: float | None
    band: BandOut | None
    parts: list[PartOut]


class OddOut(Schema):
    """A reading outside of what was expected, told once: `kind` is above, below, jump, long_above, long_below or flat;
    `score` is 1 at the edge of the range that it broke."""

    at: datetime
    value: float
    score: float
    kind: str
    words: Label
    low: float
    high: float


class ExpectedOut(Schema):
    """Columns of equal length; `low` and `high` are null while too little is known. `learnt_from`: the first reading
    that was taken. `step_s`: there were too many readings, so the range is that of means over so many seconds. `odd`:
    the newest of the odd readings in the span, `odd_total` counts all."""

    property: str
    t: list[int]
    low: list[float | None]
    high: list[float | None]
    learnt_from: datetime | None
    step_s: int | None
    odd_total: int
    odd: list[OddOut]


class IndexList(Schema):
    at: datetime
    items: list[IndexOut]


class QualityOut(Schema):
    """How many readings of a property came, of those expected by the model's interval, and how many were out of range,
    doubtful by the device's own word, late, stuck, a jump or a spike."""

    property: str
    readings: int
    expected: int
    out_of_range: int
    doubtful: int
    late: int
    stuck: int
    jump: int
    spike: int


class QualityList(Schema):
    start: datetime
    end: datetime
    items: list[QualityOut]


@router.get("/devices/latest", permission="devices.view", response=LatestList)
def latest(request: HttpRequest, ids: str = Query(..., description="device ids with commas between")) -> HttpResponse:
    """The newest reading of each property. Devices that the caller may not see are left out."""
    try:
        wanted = [UUID(text) for text in ids.split(",") if text]
    except ValueError as error:
        raise Invalid("ids", "must be device ids with commas between") from error
    return sent({"items": selectors.latest(actor_of(request), wanted)})


@router.get("/devices/{uuid:device_id}/readings", permission="devices.view", response=Page[ReadingOut])
def readings(
    request: HttpRequest, device_id: UUID, start: datetime | None = None, end: datetime | None = None,
    property: str = "", cursor: str | None = None, limit: int = DEFAULT_LIMIT,
) -> Page[ReadingOut]:  # fmt: skip
    """Newest first. Without `start`, the last 31 days."""
    items, after = selectors.readings(
        actor_of(request), device_id, prop=property, start=start, end=end, cursor=cursor, limit=limit
    )
    return Page[ReadingOut](items=[ReadingOut(**row) for row in items], next=after)


@router.get("/devices/{uuid:device_id}/series", permission="devices.view", response=SeriesOut)
def series(
    request: HttpRequest, device_id: UUID, property: str, start: datetime | None = None, end: datetime | None = None,
    points: int = 500,
) -> HttpResponse:  # fmt: skip
    """One property over any span, in about `points` buckets; no extreme is lost."""
    return sent(selectors.series(actor_of(request), device_id, prop=property, start=start, end=end, points=points))


@router.get("/devices/{uuid:device_id}/expected", permission="devices.view", response=ExpectedOut)
def expected(
    request: HttpRequest, device_id: UUID, property: str, start: datetime | None = None, end: datetime | None = None,
    points: int = 300,
) -> ExpectedOut:  # fmt: skip
    """The range in which the readings of a property were expected, learnt from those before, and which were odd."""
    return ExpectedOut(
        **band.expected(actor_of(request), device_id, prop=property, start=start, end=end, points=points)
    )


@router.get("/devices/{uuid:device_id}/index", permission="devices.view", response=IndexList)
def index(request: HttpRequest, device_id: UUID, at: datetime | None = None) -> IndexList:
    """The indices of a device now or at a time: air quality, congestion; none for kinds of things without one."""
    return IndexList(**figures.indices_of(actor_of(request), device_id, at=at))


@router.get("/devices/{uuid:device_id}/quality", permission="devices.view", response=QualityList)
def quality(
    request: HttpRequest, device_id: UUID, start: datetime | None = None, end: datetime | None = None
) -> QualityList:
    """How good the readings of a span are, by the model's quality rules: the last day, or up to a week."""
    return QualityList(**figures.quality_of(actor_of(request), device_id, start=start, end=end))


@router.get("/devices/{uuid:device_id}/readings.csv", permission="devices.view")
def readings_csv(
    request: HttpRequest, device_id: UUID, start: datetime | None = None, end: datetime | None = None,
    property: str = "",
) -> StreamingHttpResponse:  # fmt: skip
    """All readings of the span as CSV (UTF-8 with BOM), oldest first."""
    rows = selectors.export_csv(actor_of(request), device_id, prop=property, start=start, end=end)
    answer = StreamingHttpResponse(rows, content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="readings-{device_id}.csv"'
    return answer


class SqlIn(Schema):
    """One SELECT over things, readings, hours and days (docs/subsystems/telemetry.md); no semicolon."""

    sql: str
    limit: int = 1_000


class SqlColumn(Schema):
    name: str
    type: str


class SqlOut(Schema):
    """`cut`: there are more rows than `limit`, which is at most 100,000."""

    columns: list[SqlColumn]
    rows: list[list[Any]]
    cut: bool
    seconds: float


@router.post("/readings/sql", permission="readings.sql", response=SqlOut)
def sql(request: HttpRequest, body: SqlIn) -> SqlOut:
    """Read-only SQL for analysts, limited in time, memory and to the caller's areas. Things of places only; audited."""
    found = analyst_selectors.ask(actor_of(request), body.sql, limit=body.limit)
    columns = [SqlColumn(name=name, type=kind) for name, kind in found.columns]
    return SqlOut(columns=columns, rows=found.rows, cut=found.cut, seconds=found.seconds)


@router.get("/devices/{uuid:device_id}/readings.parquet", permission="devices.view")
def readings_parquet(
    request: HttpRequest, device_id: UUID, start: datetime | None = None, end: datetime | None = None,
    property: str = "",
) -> FileResponse:  # fmt: skip
    """All readings of the span as Apache Parquet, oldest first: at (UTC), property, value, flags."""
    file = selectors.export_parquet(actor_of(request), device_id, prop=property, start=start, end=end)
    return FileResponse(file, as_attachment=True, filename=f"readings-{device_id}.parquet",
                        content_type="application/vnd.apache.parquet")  # fmt: skip
