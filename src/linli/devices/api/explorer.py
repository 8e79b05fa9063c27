"""The device explorer: rows, counts by facet and cells of the map, all of one question. At most some seconds old."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Query, Schema

from linli.devices import explorer_selectors as explorer
from linli.devices.api.base import reply, router
from linli.devices.api.devices import parse_bbox
from linli.devices.api.schemas import DeviceOut, device_out
from linli.kernel import paging
from linli.kernel.http import actor_of


class AskedIn(Schema):
    """Values of a field are alternatives with commas between. `owner`: `-` is no owner; `link`: online, silent;
    `alarm`: any, none or severities; `bbox`: west,south,east,north."""

    q: str = ""
    area: str = ""
    model: str = ""
    owner: str = ""
    state: str = ""
    link: str = ""
    alarm: str = ""
    bbox: str = ""

    def wanted(self) -> explorer.Wanted:
        said = self.dict()
        box = said.pop("bbox")
        return explorer.Wanted(**said, box=tuple(parse_bbox(box)) if box else None)  # type: ignore[arg-type]


class FacetValue(Schema):
    """How many devices it would show, all other conditions kept; of them so many are silent, and have alarms."""

    key: str
    n: int
    silent: int
    alarms: int


class FacetsOut(Schema):
    """`placed`: with a point on the map. `area` are the areas below the one that is looked at; retired devices are in
    no facet but `state`."""

    at: datetime
    total: int
    silent: int
    alarms: int
    placed: int
    area: list[FacetValue]
    model: list[FacetValue]
    owner: list[FacetValue]
    state: list[FacetValue]
    link: list[FacetValue]
    alarm: list[FacetValue]


class CellsOut(Schema):
    """Rows of `fields`: the middle of the devices' points, count, silent, alarms, worst; id and name of one alone."""

    at: datetime
    fields: list[str]
    total: int
    items: list[list[Any]]


@router.get("/device-rows", permission="devices.view", response=paging.Page[DeviceOut])
def device_rows(
    request: HttpRequest, asked: AskedIn = Query(...), sort: str = "code", cursor: str | None = None,
    limit: int = paging.DEFAULT_LIMIT,
) -> HttpResponse:  # fmt: skip
    """As `/devices`, by any mix of conditions. `sort`: code; alarm, the worst first; seen, silent for longest first."""
    found, after = explorer.rows(actor_of(request), asked.wanted(), sort=sort, cursor=cursor, limit=limit)
    return reply({"items": [device_out(row) for row in found], "next": after})


@router.get("/device-facets", permission="devices.view", response=FacetsOut)
def device_facets(request: HttpRequest, asked: AskedIn = Query(...)) -> HttpResponse:
    """How many devices are found, and how many each value of a facet would show."""
    return reply(explorer.facets(actor_of(request), asked.wanted()))


@router.get("/device-cells", permission="devices.view", response=CellsOut)
def device_cells(
    request: HttpRequest, zoom: int, asked: AskedIn = Query(...), size: int = explorer.CELL_PX
) -> HttpResponse:
    """Devices on the map by squares of `size` pixels at a zoom of 0 to 22; never more than 4,000 squares."""
    return reply(explorer.cells(actor_of(request), asked.wanted(), zoom=zoom, size=size))
