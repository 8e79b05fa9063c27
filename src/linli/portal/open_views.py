"""What anybody may know of public cases: what was done, one case, the heat map, open data."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, TypeVar

import shapely
from django.http import HttpRequest, HttpResponse

from linli.cases import facade as cases
from linli.cases.contracts import PublicCell, PublicItem
from linli.kernel import clock
from linli.kernel.errors import Invalid, NotFound
from linli.kernel.i18n import either, english
from linli.places import facade as places
from linli.portal import limits, wishes
from linli.portal.map_views import PIN, Sheet, chosen_area, drawing_of, part
from linli.portal.open_data import as_csv, as_geojson, rules_of_packs
from linli.portal.pages import page, view

ROWS = 20
STEPS = ((5, 1), (10, 2), (20, 3), (50, 4))  # from how many cases on a square has which shade
T = TypeVar("T")


@view("GET")
def done(request: HttpRequest) -> HttpResponse:
    """Finished public cases, the newest first: on the map and in the list, with pictures that were released."""
    area = request.GET.get("area", "")
    chosen = chosen_area(places.grids(level=2), area)
    try:
        items, more = cases.public_done(chosen.area_path if chosen else "", request.GET.get("after", ""), ROWS)
    except Invalid:
        raise NotFound() from None
    drawn = drawing_of(area, places.revision(), english())
    rows = [_row(n, item, drawn.sheet if drawn else None) for n, item in enumerate(items, 1)]
    if drawn:
        on_map = [r for r in rows if r["x"] is not None and shapely.intersects_xy(drawn.frame, r["lon"], r["lat"])]
        part(on_map, drawn.sheet)
    return page(
        request, "done", private=False, rows=rows, pins=on_map if drawn else [], sheet=drawn.sheet if drawn else None,
        communities=drawn.areas if drawn else [], chosen=chosen, pin=PIN, more=more, area=area,
        chosen_name=either(chosen.name_zh, chosen.name_en) if chosen else "", **(drawn.ground if drawn else {}),
    )  # fmt: skip


def _row(n: int, item: PublicItem, sheet: Sheet | None) -> dict[str, Any]:
    placed = sheet is not None and item.lon is not None and item.lat is not None
    x, y = sheet.point(item.lon, item.lat) if placed else (None, None)  # type: ignore[union-attr,arg-type]
    return {"n": n, "x": x, "y": y, "lon": item.lon, "lat": item.lat, "item": item,
            "name": either(item.class_zh, item.class_en), "state": either(item.state_zh, item.state_en),
            "community": wishes.community(item),
            "days": (item.closed_at - item.created_at).days if item.closed_at else None}  # fmt: skip


@view("GET")
def case(request: HttpRequest, number: str) -> HttpResponse:
    """One public case. Its words are shown only after a person has filed it, and masked."""
    if limits.so_far("case", limits.caller(request)) > limits.MOST["case"]:
        limits.spend("case", limits.caller(request))
    try:
        found = cases.public_case(number)
    except NotFound:
        limits.spend("case", limits.caller(request))
        raise
    steps = [{"at": s.at, "text": either(s.zh, s.en)} for s in found.steps]
    return page(request, "case", private=False, c=_row(1, found, None), t=found, steps=steps, bar=range(1, 8))


@view("GET")
def heat(request: HttpRequest) -> HttpResponse:
    """Where much was reported, by square; squares with few cases are not told apart from those with none."""
    rules, drawn = rules_of_packs(), drawing_of("", places.revision(), english())
    if drawn is None:
        return page(request, "heat", private=False, sheet=None, rows=[], rules=rules)
    lat = drawn.sheet.metres.lat
    since = clock.now() - timedelta(days=rules["heat_days"])
    cells = remembered(("heat", places.revision()), 5, lambda: cases.public_heat(
        since, rules["heat_cell_m"], lat, rules["at_least"]))  # fmt: skip
    rows = [_square(n, cell, drawn.sheet) for n, cell in enumerate(cells, 1)]
    return page(
        request, "heat", private=False, sheet=drawn.sheet, communities=drawn.areas, rows=rows, listed=rows[:30],
        rules=rules, **drawn.ground,
    )  # fmt: skip


def _square(n: int, cell: PublicCell, sheet: Sheet) -> dict[str, Any]:
    (x, y), (right, bottom) = sheet.point(cell.west, cell.north), sheet.point(cell.east, cell.south)
    at_least, shade = max(s for s in STEPS if s[0] <= max(cell.count, STEPS[0][0]))
    place = places.locate((cell.west + cell.east) / 2, (cell.south + cell.north) / 2)
    return {"n": n, "x": x, "y": y, "w": right - x, "h": bottom - y, "shade": shade, "at_least": at_least,
            "cx": (x + right) // 2, "cy": (y + bottom) // 2,
            "community": either(place.community_name, place.community_name_en) if place else ""}  # fmt: skip


@view("GET")
def data(request: HttpRequest) -> HttpResponse:
    """The months that can be taken along."""
    rules = rules_of_packs()
    months = remembered(("months",), 30, lambda: cases.public_months(rules["months"]))
    licence = rules["licence"]
    return page(request, "data", private=False, rules=rules, months=[f"{m:%Y-%m}" for m in months],
                licence=either(licence["zh"], licence["en"]))  # fmt: skip


@view("GET")
def data_file(request: HttpRequest, month: str, form: str) -> HttpResponse:
    """A month that has ended, as CSV or GeoJSON. The running one is withheld: its growth would tell of single cases."""
    rules = rules_of_packs()
    try:
        first = date.fromisoformat(f"{month}-01")
    except ValueError:
        raise NotFound() from None
    if first not in remembered(("months",), 30, lambda: cases.public_months(rules["months"])):
        raise NotFound()
    lat = next((g.lat for g in places.grids(level=0)), 0.0)
    cells = remembered(("month", first, round(lat, 3)), 30, lambda: cases.public_month(
        first, rules["cell_m"], lat, rules["at_least"]))  # fmt: skip
    kind, body = (
        ("text/csv", as_csv(first, cells, rules)) if form == "csv"
        else ("application/geo+json", as_geojson(first, cells, rules))
    )  # fmt: skip
    response = HttpResponse(body, content_type=f"{kind}; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="linli-{month}.{form}"'
    response["Link"] = f'<{rules["licence_url"]}>; rel="license"'
    response["Cache-Control"], response["Access-Control-Allow-Origin"] = "public, max-age=3600", "*"
    return response


def remembered(key: tuple[Any, ...], minutes: int, read: Callable[[], T]) -> T:
    """The answer for some minutes: whoever asks often costs the district one count."""
    slot = int(clock.now().timestamp() // (60 * minutes))
    found: T = _kept(key, slot, _Reading(read))
    return found


class _Reading:
    """Equal to every other one, so that only key and time decide whether it is read again."""

    def __init__(self, read: Callable[[], Any]) -> None:
        self.read = read

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Reading)

    def __hash__(self) -> int:
        return 0


@lru_cache(maxsize=64)
def _kept(key: tuple[Any, ...], slot: int, reading: _Reading) -> Any:
    return reading.read()


def forget() -> None:
    _kept.cache_clear()
