"""Many series side by side, and the calendar of one, on telemetry's router."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Query, Schema

from linli.kernel import sheets
from linli.kernel.errors import Invalid
from linli.kernel.http import actor_of
from linli.telemetry import compare, heat
from linli.telemetry.router import Label, router

SERIES = Query(..., description="up to eight `device:property` or `device:property:shift in seconds`, commas between")
PARQUET = "application/vnd.apache.parquet"


class DeviceOfSeries(Schema):
    id: UUID
    code: str
    name: Label
    model: str
    area_path: str


class SummaryOut(Schema):
    """Of all readings of the span; null without any. `mean` is that of readings, not of buckets."""

    count: int
    min: float | None
    max: float | None
    mean: float | None
    last: float | None
    last_at: datetime | None


class ComparedSeries(Schema):
    """Columns of equal length; `t` is the start of each bucket in the series' own time: it is drawn `shift_s` later.
    `min` and `max` are exact."""

    device: DeviceOfSeries
    property: str
    shift_s: int
    t: list[int]
    min: list[float]
    max: list[float]
    mean: list[float]
    count: list[int]
    summary: SummaryOut


class ComparedOut(Schema):
    """`start` and `end` in ms; `items` in the order asked for, without what the caller may not see."""

    start: int
    end: int
    items: list[ComparedSeries]


class CalendarOut(Schema):
    """Columns of equal length, of the cells that hold readings: `date` and, of a month, `hour` of the district's clock;
    `t` to `until` in ms. `coverage` is 0 to 1 of what `interval_s` lets expect."""

    property: str
    start: datetime
    end: datetime
    by: str
    interval_s: int
    date: list[date]
    hour: list[int] | None
    t: list[int]
    until: list[int]
    min: list[float]
    max: list[float]
    mean: list[float]
    count: list[int]
    coverage: list[float]


@router.get("/series", permission="devices.view", response=ComparedOut)
def compared(
    request: HttpRequest, series: str = SERIES, start: datetime | None = None, end: datetime | None = None,
    points: int = 500,
) -> ComparedOut:  # fmt: skip
    """Several series of several devices over one span. Devices that the caller may not see are left out."""
    since, until, drawn = compare.compared(actor_of(request), series, start=start, end=end, points=points)
    return ComparedOut(start=since, end=until, items=[ComparedSeries(**compare.told(one)) for one in drawn])


@router.get("/series.{form}", permission="devices.view")
def compared_file(
    request: HttpRequest, form: str, series: str = SERIES, start: datetime | None = None, end: datetime | None = None,
    points: int = 500,
) -> Any:  # fmt: skip
    """The same places as `/series` as CSV or Parquet: `form` is csv or parquet."""
    if form not in ("csv", "parquet"):
        raise Invalid("form", "must be csv or parquet")
    _, _, drawn = compare.compared(actor_of(request), series, start=start, end=end, points=points)
    if form == "parquet":
        file = compare.sheet_parquet(drawn)
        return FileResponse(file, as_attachment=True, filename="series.parquet", content_type=PARQUET)
    answer: HttpResponse = StreamingHttpResponse(compare.sheet_csv(drawn), content_type=sheets.CSV)  # type: ignore
    answer["Content-Disposition"] = 'attachment; filename="series.csv"'
    return answer


@router.get("/devices/{uuid:device_id}/calendar", permission="devices.view", response=CalendarOut)
def calendar(
    request: HttpRequest, device_id: UUID, property: str, year: int | None = None, month: int | None = None
) -> CalendarOut:
    """A cell a day of a year, or with `month` a cell an hour of that month; without a year, this one."""
    return CalendarOut(**heat.calendar(actor_of(request), device_id, prop=property, year=year, month=month))
