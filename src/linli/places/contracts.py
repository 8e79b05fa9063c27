"""What other modules see of places: plain values, no Django. All coordinates are WGS84 degrees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

RESPONSIBILITY, DEDICATED = "responsibility", "dedicated"
GeoJSON = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """The finest grid at a point."""

    grid_id: UUID
    area_path: str
    grid_code: str
    grid_name: str
    community_name: str
    community_name_en: str


@dataclass(frozen=True, slots=True)
class GridInfo:
    """A grid in force. `level` 0 is the district itself; 1 to 4 are its grids. `lon`, `lat` lie inside it."""

    grid_id: UUID
    code: str
    name_zh: str
    name_en: str
    level: int
    kind: str
    area_path: str
    parent_id: UUID | None
    lon: float
    lat: float

    def name(self, language: str = "zh-hans") -> str:
        return self.name_en if language.startswith("en") and self.name_en else self.name_zh


@dataclass(frozen=True, slots=True)
class UnitInfo:
    """One entrance (单元) of a building."""

    unit_id: UUID
    label_zh: str
    label_en: str
    building_id: UUID
    building_zh: str
    building_en: str
    compound_id: UUID
    compound_zh: str
    compound_en: str
    community_zh: str
    community_en: str
    hotline: str
    lon: float
    lat: float
    grid_id: UUID | None
    area_path: str
    short_code: str

    def title(self, language: str = "zh-hans") -> str:
        """`幸福家园 3 号楼 1 单元`, as people write it on an envelope."""
        if language.startswith("en"):
            return f"{self.compound_en or self.compound_zh}, {self.building_en}, {self.label_en}"
        return f"{self.compound_zh} {self.building_zh} {self.label_zh}"


@dataclass(frozen=True, slots=True)
class AreaChange:
    """Part of a change of boundaries: rows of `old_area` that lie inside `polygon` now belong to `new_area`.

    `polygon` is GeoJSON, or None when all rows of `old_area` and below move with it (a new path, the same shape).
    """

    old_area: str
    new_area: str
    new_grid_id: UUID
    polygon: GeoJSON | None


@dataclass(frozen=True, slots=True)
class RehomedTable:
    """A table whose rows belong to grids; places moves its rows when boundaries change, and moves them back on undo.

    `where` narrows to rows that still count (SQL over the table alias `t`), for example `t.closed_at IS NULL`.
    Columns left empty do not exist; without lon and lat a row follows its grid's largest part. A table with an area
    only, such as one of rights, moves when its path as a whole becomes another, as in a merge. `unique` names the
    columns that may stand once an area: a row whose twin is there already stays where it is. With `narrowed_zh` and
    `narrowed_en` the preview also counts the rows whose area keeps its path and loses ground.
    """

    name: str
    label_zh: str
    label_en: str
    table: str
    where: str = "true"
    id_column: str = "id"
    area_column: str = "area_path"
    grid_column: str = "grid_id"
    lon_column: str = "lon"
    lat_column: str = "lat"
    unique: tuple[str, ...] = ()
    narrowed_zh: str = ""
    narrowed_en: str = ""


RehomeHook = Callable[[Sequence[AreaChange]], None]
