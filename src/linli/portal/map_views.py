"""The public map of open cases: drawn on the server, so that it needs no script; the list beside it says the same."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from math import cos, pi, sin
from typing import Any

import shapely
from django.http import HttpRequest, HttpResponse
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from linli.cases import facade as cases
from linli.kernel.errors import NotFound
from linli.kernel.i18n import either, english
from linli.places import facade as places
from linli.places.contracts import GridInfo
from linli.portal.pages import page, view

WIDTH, PINS, PIN = 1000, 30, 22  # as many pins as the list has rows; radius of a pin
LETTER = 38  # of the names on a phone, where they are largest


class Sheet:
    """Flat drawing of a part of the district: metres east and south of the north-west corner, scaled to WIDTH."""

    def __init__(self, outline: BaseGeometry) -> None:
        self.metres = places.flat_map(outline)
        flat = self.metres.project(outline)
        west, south, east, north = flat.bounds
        pad = (east - west) * 0.02
        self.west, self.north = west - pad, north + pad
        self.scale = WIDTH / (east - west + 2 * pad)
        self.height = round((north - south + 2 * pad) * self.scale)

    def point(self, lon: float, lat: float) -> tuple[int, int]:
        x, y = (lon - self.metres.lon) * self.metres.kx, (lat - self.metres.lat) * self.metres.ky
        return round((x - self.west) * self.scale), round((self.north - y) * self.scale)

    def path(self, geometry: BaseGeometry, simplify: float = 12.0) -> str:
        """An SVG path, simplified to what can be seen."""
        flat = shapely.simplify(self.metres.project(geometry), simplify)
        lines: list[Any] = []
        for part in shapely.get_parts(flat):
            lines += [part.exterior] if part.geom_type == "Polygon" else [part]
        return "".join(self._line(line) for line in lines if not line.is_empty)

    def _line(self, line: Any) -> str:
        xy = [(round((x - self.west) * self.scale), round((self.north - y) * self.scale)) for x, y in line.coords]
        steps = "".join(f"l{x - a} {y - b}" for (a, b), (x, y) in pairwise(xy) if (x, y) != (a, b))
        return f"M{xy[0][0]} {xy[0][1]}{steps}{'z' if line.is_ring else ''}"


@lru_cache(maxsize=8)
def _layer(name: str) -> list[tuple[dict[str, Any], BaseGeometry]]:
    features = (places.layer(name) or {}).get("features", [])
    return [(f["properties"], shape(f["geometry"])) for f in features]


class Drawing:
    """What does not change from one case to the next: outlines, roads, water, names."""

    def __init__(self, chosen: GridInfo | None, frame: BaseGeometry) -> None:
        shapely.prepare(frame)
        self.frame, self.sheet = frame, Sheet(frame)
        self.areas = _areas(places.grids(level=2), chosen, self.sheet)
        self.ground = _ground(self.sheet, frame)


@lru_cache(maxsize=64)
def drawing_of(code: str, revision: int, tongue: bool) -> Drawing | None:
    chosen = chosen_area(places.grids(level=2), code)
    frame = _frame(chosen)
    return Drawing(chosen, frame) if frame is not None else None


@view("GET")
def public_map(request: HttpRequest) -> HttpResponse:
    """Open cases that are not private, each at its building; `area` shows one community larger."""
    chosen = chosen_area(places.grids(level=2), request.GET.get("area", ""))
    drawn = drawing_of(chosen.code if chosen else "", places.revision(), english())
    if drawn is None:
        return page(request, "map", private=False, communities=[], rows=[], more=0, sheet=None)
    pins = cases.public_pins(2000)
    if chosen:
        pins = [p for p in pins if p.lon is not None and shapely.intersects_xy(drawn.frame, p.lon, p.lat)]
    rows = [_row(i, p, drawn.sheet) for i, p in enumerate(pins[:PINS], 1)]
    part(rows, drawn.sheet)
    return page(
        request, "map", private=False, sheet=drawn.sheet, communities=drawn.areas, chosen=chosen,
        chosen_name=either(chosen.name_zh, chosen.name_en) if chosen else "", rows=rows,
        more=max(0, len(pins) - PINS), total=len(pins), pin=PIN, **drawn.ground,
    )  # fmt: skip


def chosen_area(communities: list[GridInfo], code: str) -> GridInfo | None:
    if not code:
        return None
    found = next((g for g in communities if g.code == code), None)
    if found is None:
        raise NotFound()
    return found


def _frame(chosen: GridInfo | None) -> BaseGeometry | None:
    roots = [chosen] if chosen else places.grids(level=0)
    outlines = [shape(p) for g in roots if (p := places.polygon(g.grid_id))]
    return shapely.union_all(outlines) if outlines else None


def _areas(communities: list[GridInfo], chosen: GridInfo | None, sheet: Sheet) -> list[dict[str, Any]]:
    found = []
    for g in communities:
        if chosen is None or g.grid_id == chosen.grid_id:
            x, y = sheet.point(g.lon, g.lat)
            outline = shape(places.polygon(g.grid_id))
            path = sheet.path(outline)
        else:
            x = y = 0
            path = ""
        name = either(g.name_zh, g.name_en)
        found.append({"code": g.code, "name": name, "label": name.removesuffix(" Community"), "path": path, "x": x,
                      "y": y})  # fmt: skip
    _label([a for a in found if a["path"]], sheet)
    return found


def _label(areas: list[dict[str, Any]], sheet: Sheet) -> None:
    """Move the names so that each stays on the sheet and none lies on another."""
    taken: list[tuple[float, float, float]] = []  # middle and half width
    for area in sorted(areas, key=lambda a: a["y"]):
        half = sum(LETTER * (0.6 if ord(c) < 0x2E80 else 1) for c in area["label"]) / 2
        x = min(max(area["x"], half + 16), WIDTH - half - 16) if half * 2 + 32 < WIDTH else WIDTH / 2
        heights = [area["y"] + step * LETTER / 2 for n in range(40) for step in (n, -n)]
        inside = [y for y in heights if LETTER * 1.2 <= y <= sheet.height - LETTER * 0.5]
        free = (y for y in inside if not any(abs(x - a) < half + h + 8 and abs(y - b) < LETTER * 1.25
                                             for a, b, h in taken))  # fmt: skip
        area["x"], area["y"] = round(x), round(next(free, area["y"]))
        taken.append((area["x"], area["y"], half))


def part(rows: list[dict[str, Any]], sheet: Sheet) -> None:
    """Move pins of one place apart, so that every number can be read."""
    taken: list[tuple[int, int]] = []
    for row in rows:
        x, y = _inside(row["x"], row["y"], sheet)
        spots = [(x, y)] + [
            _inside(x + round(ring * PIN * cos(turn * pi / 8)), y + round(ring * PIN * sin(turn * pi / 8)), sheet)
            for ring in range(1, 40)
            for turn in range(16)
        ]
        apart = (s for s in spots if all((s[0] - a) ** 2 + (s[1] - b) ** 2 >= (2 * PIN + 4) ** 2 for a, b in taken))
        row["x"], row["y"] = next(apart, (x, y))
        taken.append((row["x"], row["y"]))


def _inside(x: int, y: int, sheet: Sheet) -> tuple[int, int]:
    return min(max(x, PIN + 2), WIDTH - PIN - 2), min(max(y, PIN + 2), sheet.height - PIN - 2)


def _ground(sheet: Sheet, frame: BaseGeometry) -> dict[str, Any]:
    """Main roads and water of the pack, as far as they lie in the frame."""
    roads = [g.intersection(frame) for p, g in _layer("roads") if p.get("class") in ("main", "street")]
    water = [g.intersection(frame) for _, g in _layer("water")]
    return {"roads": "".join(sheet.path(g, 15) for g in roads if not g.is_empty),
            "lakes": "".join(sheet.path(g) for g in water if g.area and not g.is_empty),
            "rivers": "".join(sheet.path(g) for g in water if not g.area and not g.is_empty)}  # fmt: skip


def _row(number: int, pin: Any, sheet: Sheet) -> dict[str, Any]:
    x, y = sheet.point(pin.lon, pin.lat)
    place = places.locate(pin.lon, pin.lat)
    return {"n": number, "x": x, "y": y, "name": either(pin.class_zh, pin.class_en), "at": pin.created_at,
            "state": either(pin.state_zh, pin.state_en), "me_too": pin.me_too, "number": pin.number,
            "photo": pin.photos[0] if pin.photos else None,
            "community": either(place.community_name, place.community_name_en) if place else ""}  # fmt: skip
