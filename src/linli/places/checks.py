"""What is wrong with a set of boundaries: overlaps, gaps and grids that stick out of their parent. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import shapely
from shapely.geometry.base import BaseGeometry

from linli.places import geo
from linli.places.contracts import RESPONSIBILITY, GeoJSON, GridInfo

MIN_AREA = 10.0  # m²; smaller differences are drawing, not boundaries
SLIVER = 0.25  # m; thinner than twice this is a line, not an area


@dataclass(frozen=True, slots=True)
class Problem:
    """`kind` is overlap, gap or outside. `geometry` is the area concerned, to be shown on the map."""

    kind: str
    grid_ids: tuple[UUID, ...]
    codes: tuple[str, ...]
    names: tuple[str, ...]
    area_path: str
    area_m2: float
    geometry: GeoJSON


def problems(grids: Sequence[tuple[GridInfo, BaseGeometry]]) -> list[Problem]:
    """All problems of a set of grids in force, the largest first."""
    if not grids:
        return []
    metres = geo.metres_at(shapely.union_all([shapely.box(*g.bounds) for _, g in grids]))
    flat = [(info, metres.project(g)) for info, g in grids]
    found = [*_overlaps(flat, metres), *_gaps_and_outside(flat, metres)]
    return sorted(found, key=lambda p: -p.area_m2)


def _overlaps(flat: list[tuple[GridInfo, BaseGeometry]], metres: geo.Metres) -> list[Problem]:
    """Grids of one level and kind must not lie over each other; a dedicated grid may lie in a responsibility one."""
    found = []
    groups: dict[tuple[int, str], list[tuple[GridInfo, BaseGeometry]]] = {}
    for info, shape in flat:
        groups.setdefault((info.level, info.kind), []).append((info, shape))
    for members in groups.values():
        tree = shapely.STRtree([s for _, s in members])
        left, right = tree.query([s for _, s in members], predicate="intersects")
        for i, j in zip(left.tolist(), right.tolist(), strict=True):
            if i < j:
                area = real(members[i][1].intersection(members[j][1]))
                if area is not None:
                    found.append(_problem("overlap", (members[i][0], members[j][0]), area, metres))
    return found


def _gaps_and_outside(flat: list[tuple[GridInfo, BaseGeometry]], metres: geo.Metres) -> list[Problem]:
    found = []
    children: dict[UUID, list[tuple[GridInfo, BaseGeometry]]] = {}
    for info, shape in flat:
        if info.parent_id:
            children.setdefault(info.parent_id, []).append((info, shape))
    for parent, outer in flat:
        mine = children.get(parent.grid_id, [])
        for info, shape in mine:
            outside = real(shape.difference(outer))
            if outside is not None:
                found.append(_problem("outside", (info, parent), outside, metres))
        tiles = [s for info, s in mine if info.kind == RESPONSIBILITY]
        if tiles:
            missing = real(outer.difference(shapely.union_all(tiles)))
            if missing is not None:
                found.extend(_problem("gap", (parent,), part, metres) for part in shapely.get_parts(missing))
    return found


def real(geometry: BaseGeometry) -> BaseGeometry | None:
    """The part of a difference (in metres) that is an area and not a sliver of rounding; None when there is none."""
    if geometry.is_empty or geometry.area < MIN_AREA:
        return None
    solid = geometry.buffer(-SLIVER).buffer(SLIVER * 1.01).intersection(geometry)
    parts = [p for p in shapely.get_parts(solid) if p.geom_type == "Polygon" and p.area >= MIN_AREA]
    return shapely.union_all(parts) if parts else None


def _problem(kind: str, infos: tuple[GridInfo, ...], area: BaseGeometry, metres: geo.Metres) -> Problem:
    return Problem(
        kind=kind,
        grid_ids=tuple(i.grid_id for i in infos),
        codes=tuple(i.code for i in infos),
        names=tuple(i.name_zh for i in infos),
        area_path=min((i.area_path for i in infos), key=len),
        area_m2=round(float(area.area), 1),
        geometry=geo.as_geojson(metres.back(area)),
    )
