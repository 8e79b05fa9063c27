"""Plans for changing boundaries: what ends, what begins, which rows move. Pure geometry; `reshape` carries them out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import shapely
from shapely import ops
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from linli.kernel import ids
from linli.kernel.errors import Invalid
from linli.places import geo
from linli.places.contracts import DEDICATED, AreaChange
from linli.places.models import Grid


@dataclass
class Plan:
    """`create` holds unsaved grids; `reparent` moves a child in force, whose path stays, under another row."""

    kind: str
    area_path: str
    retire: list[Grid] = field(default_factory=list)
    create: list[Grid] = field(default_factory=list)
    reparent: list[tuple[Grid, Grid]] = field(default_factory=list)
    changes: list[AreaChange] = field(default_factory=list)
    back: list[AreaChange] = field(default_factory=list)


class Family:
    """The grids in force around a change, with their children and the segments once used under a parent."""

    def __init__(self, grids: Sequence[Grid], used: dict[UUID, set[str]]) -> None:
        self.by_parent: dict[UUID | None, list[Grid]] = {}
        for grid in grids:
            self.by_parent.setdefault(grid.parent_id, []).append(grid)
        self.used = used

    def children(self, grid: Grid) -> list[Grid]:
        return self.by_parent.get(grid.id, [])

    def next_segment(self, parent_id: UUID | None, width: int) -> str:
        """The next number under a parent; numbers of ended grids are not used again."""
        used = self.used.setdefault(parent_id, set()) if parent_id else set()
        number = max((int(s) for s in used if s.isdigit()), default=0) + 1
        segment = f"{number:0{width}d}"
        used.add(segment)
        return segment


def successor(grid: Grid, **changes: Any) -> Grid:
    """A new dated row for a grid, with some fields changed."""
    fields = {
        name: getattr(grid, name)
        for name in ("code", "segment", "name_zh", "name_en", "level", "kind", "purpose", "parent_id", "area_path",
                     "polygon", "lon", "lat", "area_m2")
    }  # fmt: skip
    made = Grid(**{**fields, **changes})
    made.id = ids.new_id()
    return made


def set_shape(grid: Grid, geometry: BaseGeometry) -> Grid:
    grid.polygon = geo.as_geojson(geometry)
    point = geometry.representative_point()
    grid.lon, grid.lat, grid.area_m2 = round(point.x, 7), round(point.y, 7), round(geo.area_m2(geometry), 1)
    return grid


def parts_of(geometry: BaseGeometry, line: Any) -> list[BaseGeometry]:
    """The parts into which a line cuts a shape, the largest first."""
    try:
        cut = shape(line)
    except Exception as error:
        raise Invalid("line", f"is not well-formed GeoJSON: {error}") from error
    if cut.geom_type != "LineString" or cut.is_empty or not cut.is_valid:
        raise Invalid("line", "must be a GeoJSON LineString of at least two points")
    if not cut.is_simple:
        raise Invalid("line", "crosses itself")
    polygons = [p for p in ops.split(geometry, cut).geoms if p.geom_type == "Polygon"]
    polygons = [p for p in polygons if geo.area_m2(p) >= 1]
    if len(polygons) < 2:
        raise Invalid("line", "does not cut the grid in two: begin and end outside of it")
    return sorted(polygons, key=lambda p: -p.area)


def split(grid: Grid, line: Any, names: Sequence[tuple[str, str]], family: Family) -> Plan:
    """Cut a grid along a line. Its largest part keeps code, path and name; each child goes whole to one side."""
    plan = Plan("split", grid.area_path, retire=[grid])
    parts = parts_of(shape(grid.polygon), line)
    children = family.children(grid)
    homes = _homes(parts, children)
    for child, home in zip(children, homes, strict=True):
        outline = shape(child.polygon)
        parts = [p.union(outline) if i == home else p.difference(outline) for i, p in enumerate(parts)]
    for i, part in enumerate(parts):
        zh, en = names[i] if i < len(names) and names[i][0] else (grid.name_zh if i == 0 else "", grid.name_en)
        made = set_shape(successor(grid, name_zh=zh or f"{grid.name_zh} {i + 1}", name_en=en), part)
        if i:
            made.segment = family.next_segment(grid.parent_id, len(grid.segment))
            made.area_path = f"{grid.area_path.rpartition('.')[0]}.{made.segment}"
            made.code = grid.code[: -len(grid.segment)] + made.segment
        plan.create.append(made)
        plan.changes.append(AreaChange(grid.area_path, made.area_path, made.id, made.polygon))
        plan.back.append(AreaChange(made.area_path, grid.area_path, grid.id, None))
    for child, home in zip(children, homes, strict=True):
        move_under(plan, child, plan.create[home], family)
    return plan


def _homes(parts: list[BaseGeometry], children: list[Grid]) -> list[int]:
    areas = [[p.intersection(shape(c.polygon)).area for p in parts] for c in children]
    return [max(range(len(parts)), key=row.__getitem__) for row in areas]


def move_under(plan: Plan, child: Grid, parent: Grid, family: Family, taken: set[str] | None = None) -> None:
    """Put a child under another parent; a new path means new dated rows for it and all below it."""
    segment = child.segment
    if taken is not None and segment in taken:
        segment = family.next_segment(parent.id, len(segment))
    path = f"{parent.area_path}.{segment}"
    if path == child.area_path:
        plan.reparent.append((child, parent))
        return
    made = successor(child, parent_id=parent.id, segment=segment, area_path=path)
    plan.retire.append(child)
    plan.create.append(made)
    plan.changes.append(AreaChange(child.area_path, path, made.id, None))
    plan.back.append(AreaChange(path, child.area_path, child.id, None))
    for below in family.children(child):
        move_under(plan, below, made, family)


def merge(grids: Sequence[Grid], name: tuple[str, str], family: Family) -> Plan:
    """Join neighbours under one parent; the largest one's code and path stay."""
    first = max(grids, key=lambda g: g.area_m2)
    if len(grids) < 2:
        raise Invalid("grid_ids", "name at least two grids")
    if any((g.parent_id, g.level, g.kind) != (first.parent_id, first.level, first.kind) for g in grids):
        raise Invalid("grid_ids", "must be of one level and kind and have the same parent")
    joined = shapely.union_all([shape(g.polygon) for g in grids])
    if joined.geom_type != "Polygon":
        joined = joined.buffer(2e-6, join_style="mitre").buffer(-2e-6, join_style="mitre")  # drawing gaps of 0.2 m
    if joined.geom_type != "Polygon":
        raise Invalid("grid_ids", "do not touch each other")
    plan = Plan("merge", first.area_path.rpartition(".")[0], retire=list(grids))
    made = set_shape(successor(first, name_zh=name[0] or first.name_zh, name_en=name[1] or first.name_en), joined)
    plan.create.append(made)
    family.used[made.id] = set(family.used.get(first.id, set()))
    taken = {c.segment for c in family.children(first)}
    for grid in grids:
        plan.changes.append(AreaChange(grid.area_path, made.area_path, made.id, None))
        plan.back.append(AreaChange(made.area_path, grid.area_path, grid.id, grid.polygon))
        for child in family.children(grid):
            move_under(plan, child, made, family, None if grid is first else taken)
    return plan


def narrowed(plan: Plan) -> list[str]:
    """The paths that stay in force with less ground than before."""
    after = {made.area_path: shape(made.polygon) for made in plan.create}
    found = []
    for old in plan.retire:
        lost = shape(old.polygon).difference(after[old.area_path]) if old.area_path in after else None
        if lost is not None and not lost.is_empty and geo.area_m2(lost) >= 1:
            found.append(old.area_path)
    return found


def redraw(shapes: Sequence[tuple[Grid, BaseGeometry]], parents: Sequence[Grid], siblings: Sequence[Grid],
           *, trim: bool) -> Plan:  # fmt: skip
    """Give grids new shapes; with `trim`, siblings of the same level and kind lose what the new shapes take."""
    plan = Plan("redraw", min((g.area_path for g, _ in shapes), key=len))
    drawn = {g.id for g, _ in shapes}
    kinds = {(g.level, g.kind) for g, _ in shapes}
    final = list(shapes)
    if trim:
        taken = shapely.union_all([s for _, s in shapes])
        for near in siblings:
            left = shape(near.polygon)
            if near.id in drawn or (near.level, near.kind) not in kinds or left.intersection(taken).area < 1e-14:
                continue
            left = left.difference(taken)
            if left.is_empty:
                raise Invalid("polygon", f"covers all of {near.name_zh} ({near.code}); merge them instead")
            final.append((near, left))
    pairs = [(g, set_shape(successor(g), s)) for g, s in final]
    plan.retire, plan.create = [g for g, _ in pairs], [m for _, m in pairs]
    moved = shapely.union_all([shape(g.polygon).symmetric_difference(s) for g, s in final])
    changed = {g.id for g, _ in pairs}
    same = [g for g in siblings if g.id not in changed and shape(g.polygon).intersects(moved)]
    _relocate(plan, [*pairs, *((g, g) for g in [*same, *parents])])
    return plan


def create(made: Grid, parent: Grid, siblings: Sequence[Grid]) -> Plan:
    """Add a grid; rows that lie in it, of its parent and of coarser-ranking siblings, move into it."""
    plan = Plan("create", made.area_path, create=[made])
    outline = shape(made.polygon)
    same = [g for g in siblings if shape(g.polygon).intersects(outline)]
    _relocate(plan, [(None, made), *((g, g) for g in [*same, parent])])
    return plan


def _relocate(plan: Plan, pairs: Sequence[tuple[Grid | None, Grid]]) -> None:
    """Rows of every grid concerned go by their point to the finest one of the new picture, and so on the way back."""

    def rank(grid: Grid) -> tuple[int, bool, float]:
        return (-grid.level, grid.kind != DEDICATED, grid.area_m2)

    before = sorted((b for b, _ in pairs if b is not None), key=rank)
    after = sorted((a for _, a in pairs), key=rank)
    for old in before:
        plan.changes.extend(AreaChange(old.area_path, n.area_path, n.id, n.polygon) for n in after)
    for new in after:
        plan.back.extend(AreaChange(new.area_path, o.area_path, o.id, o.polygon) for o in before)
