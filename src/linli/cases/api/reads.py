"""Lists, one case, map pins, counts, neighbours, timeline, export."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Query, Schema
from pydantic import Field

from linli.cases import geo
from linli.cases.api import router
from linli.cases.api.schemas import CaseDetail, CasePage, Clusters, Counts, OnTime, Pins, answer
from linli.cases.selectors import detail, figures, links, listing, near
from linli.cases.selectors.listing import Filter
from linli.kernel import audit, services
from linli.kernel.errors import Invalid
from linli.kernel.http import actor_of

EXPORT_LIMIT = 50_000


class FilterIn(Schema):
    """`state` takes several by comma; `class` and `area` take a code and all below it; `open` defaults to any.

    `pressing`: open and urgent or overdue. `soon`: open and due within two hours. Both are counted by /cases/counts.
    """

    state: str = ""
    step: int | None = None
    class_code: str = ""
    area: str = ""
    team: UUID | None = None
    unit: UUID | None = None
    device: UUID | None = None
    kind: str = ""
    channel: str = ""
    source: str = "linli"
    mine: bool = False
    overdue: bool | None = None
    urgent: bool | None = None
    pressing: bool = False
    soon: bool = False
    open: bool | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    closed_from: datetime | None = None
    closed_to: datetime | None = None
    q: str = ""

    def chosen(self) -> Filter:
        values: dict[str, Any] = {k: v for k, v in self.__dict__.items() if k not in ("state", "class_code")}
        for name in ("created_from", "created_to", "closed_from", "closed_to"):
            if values[name] is not None and values[name].tzinfo is None:
                raise Invalid(name, "needs an offset, such as 2026-11-23T08:00:00+08:00")
        if any("\0" in v for v in self.__dict__.values() if isinstance(v, str)):
            raise Invalid("q", "holds a zero character")
        if len(self.q) > 100:
            raise Invalid("q", "has more than 100 characters")
        return Filter(state=tuple(filter(None, self.state.split(","))), class_prefix=self.class_code.strip(), **values)


@router.get("/cases", permission="cases.view", response=CasePage, by_alias=True)
def list_cases(
    request: HttpRequest, chosen: Query[FilterIn], sort: str = "newest", cursor: str | None = None, limit: int = 50
) -> HttpResponse:
    """Cases the caller sees, newest first or by what runs out first (`sort=due`)."""
    return answer(listing.page(actor_of(request), chosen.chosen(), sort=sort, cursor=cursor, limit=limit))


@router.get("/cases/pins", permission="cases.view", response=Pins)
def case_pins(
    request: HttpRequest, chosen: Query[FilterIn], bbox: str = "", most: int = figures.MAX_PINS
) -> HttpResponse:
    """Open cases with a place, as columns and rows; `bbox=west,south,east,north`.

    Are there more, the answer says so; of more than an own `most` it holds none: ask for clusters then.
    """
    found = figures.pins(actor_of(request), chosen.chosen(), _box(bbox), most)
    return HttpResponse(found, content_type="application/json")


@router.get("/cases/clusters", permission="cases.view", response=Clusters)
def case_clusters(request: HttpRequest, chosen: Query[FilterIn], zoom: int, bbox: str = "") -> HttpResponse:
    """Open cases by the cells of a map at `zoom` (the world is 512 pixels wide at zoom 0, a cell 64).

    A case that is alone in its cell has its id and number there.
    """
    return answer(figures.clusters(actor_of(request), chosen.chosen(), zoom, _box(bbox)))


def _box(text: str) -> tuple[float, float, float, float] | None:
    if not text:
        return None
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        raise Invalid("bbox", "must be west,south,east,north in degrees") from None
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise Invalid("bbox", "must be west,south,east,north in degrees")
    south, north = max(south, -85.0), min(north, 85.0)  # where the projection ends
    return west, south, east, north


@router.get("/cases/counts", permission="cases.view", response=Counts)
def case_counts(request: HttpRequest, area: str = "") -> HttpResponse:
    """Open cases by state and step, urgent, overdue, pressing, due soon; came and closed today."""
    return answer(figures.counts(actor_of(request), area))


@router.get("/cases/on-time", permission="cases.view", response=OnTime)
def on_time_share(request: HttpRequest, area: str = "") -> HttpResponse:
    """Closed and closed in time: today so far, and on the last four same weekdays up to the same hour."""
    return answer(figures.on_time(actor_of(request), area))


@router.get("/cases/nearby", permission="cases.view")
def cases_nearby(
    request: HttpRequest, lon: float, lat: float, class_code: str = "", radius: float | None = None
) -> HttpResponse:
    """Open cases around a point: is this one known already? Without `radius`, as far as the class reaches.

    The likeliest first, with distance, age, first picture and the reason. POST takes the words too.
    """
    return _nearby(request, lon, lat, class_code, radius)


def _nearby(
    request: HttpRequest, lon: float, lat: float, class_code: str, radius: float | None, text: str = ""
) -> HttpResponse:
    if why := geo.bad_point(lon, lat):
        raise Invalid("lon", why)
    found = near.nearby(actor_of(request), lon, lat, class_code=class_code, radius_m=_radius(radius), text=text)
    return answer({"items": found})


def _radius(value: float | None) -> float | None:
    """A radius asked for; without one, the class's own."""
    if value is not None and not 1 <= value <= 2000:
        raise Invalid("radius", "must be 1 to 2000 metres")
    return value


class NearIn(Schema):
    lon: float
    lat: float
    class_code: str = Field("", max_length=12)
    text: str = Field("", max_length=2000)
    radius: float | None = None


@router.post("/cases/nearby", permission="cases.view", response=dict)
def cases_like(request: HttpRequest, body: NearIn) -> HttpResponse:
    """The same, ranked by the words of a report as well, which belong in no address."""
    return _nearby(request, body.lon, body.lat, body.class_code, body.radius, body.text)


@router.get("/cases/export.csv", permission="cases.export", response={200: str})
def export_cases(request: HttpRequest, chosen: Query[FilterIn]) -> StreamingHttpResponse:
    """The list as CSV (UTF-8 with mark, so that spreadsheets read it), at most 50,000 rows; no personal field."""
    actor, wanted = actor_of(request), chosen.chosen()
    if actor.areas("cases.export") != actor.areas("cases.view"):
        wanted = _within(actor.areas("cases.export"), wanted)
    with services.unit(actor):
        audit.record(actor=actor, action="case.export", kind="case", ref="list", area=wanted.area,
                     detail={"q": bool(wanted.q)})  # fmt: skip
    response = StreamingHttpResponse(_csv(listing.all_rows(actor, wanted, EXPORT_LIMIT)), content_type="text/csv")
    response["Content-Disposition"] = 'attachment; filename="cases.csv"'
    return response


def _within(areas: tuple[str, ...], wanted: Filter) -> Filter:
    from dataclasses import replace

    from linli.kernel.actor import contains

    if any(contains(a, wanted.area) for a in areas):
        return wanted
    if wanted.area or len(areas) != 1:
        raise Invalid("area", f"choose one of {', '.join(areas)}")
    return replace(wanted, area=areas[0])


HEADERS = ("number", "kind", "class_code", "class_zh", "class_en", "state", "step", "urgent", "private", "channel",
           "area_path", "address", "lon", "lat", "text", "created_at", "due_at", "closed_at", "overdue",
           "illustrative")  # fmt: skip


class _Line:
    def write(self, text: str) -> str:
        return text


def _csv(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    writer = csv.writer(_Line())
    yield "\ufeff" + writer.writerow(HEADERS)
    for row in rows:
        names = row["class"] or {"zh": "", "en": ""}
        values = {**row, "class_zh": names["zh"], "class_en": names["en"]}
        yield writer.writerow([_cell(values[h]) for h in HEADERS])


def _cell(value: Any) -> Any:
    """A cell that a spreadsheet takes for a formula is given an apostrophe."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return value.isoformat() if isinstance(value, datetime) else value


@router.get("/cases/{case_id}", permission="cases.view", response=CaseDetail, by_alias=True)
def get_case(request: HttpRequest, case_id: UUID) -> HttpResponse:
    """One case with its clocks, pictures and the acts allowed to the caller."""
    return answer(detail.get(actor_of(request), case_id))


@router.get("/cases/{case_id}/timeline", permission="cases.view")
def case_timeline(request: HttpRequest, case_id: UUID, cursor: str | None = None, limit: int = 200) -> HttpResponse:
    """Every change, oldest first."""
    return answer(detail.timeline(actor_of(request), case_id, cursor=cursor, limit=limit))


@router.get("/cases/{case_id}/comments", permission="cases.view")
def case_comments(request: HttpRequest, case_id: UUID, cursor: str | None = None, limit: int = 50) -> HttpResponse:
    """What colleagues wrote, oldest first."""
    return answer(detail.comments(actor_of(request), case_id, cursor=cursor, limit=limit))


@router.get("/cases/{case_id}/similar", permission="cases.view")
def similar_cases(request: HttpRequest, case_id: UUID, radius: float | None = None) -> HttpResponse:
    """Open cases nearby that may be the same, the likeliest first, each with the reason."""
    return answer({"items": near.similar(actor_of(request), case_id, _radius(radius))})


@router.get("/cases/{case_id}/links", permission="cases.view")
def case_links(request: HttpRequest, case_id: UUID) -> HttpResponse:
    """Cases merged into this one, split from it, or the other way round; at most 100, those that the caller sees."""
    return answer({"items": links.links(actor_of(request), case_id)})


@router.get("/cases/{case_id}/suggestions", permission="cases.dispatch")
def team_suggestions(request: HttpRequest, case_id: UUID, class_code: str = "") -> HttpResponse:
    """Teams that should get the case, the best first: `rule` and `reason` say which rule names it, `why` who of it is
    at work, what it has to do and how near it is ({code, n}). For another class with `class_code`."""
    from linli.cases.selectors import suggest, visible

    actor = actor_of(request)
    case = visible.get(actor, case_id)
    return answer({"items": suggest.shown_to(actor, suggest.asked_of(case, class_code))})
