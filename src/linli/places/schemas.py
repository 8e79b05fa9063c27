"""What the API of places takes and gives."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Field, Schema

GeoJSON = dict[str, Any]


class GridOut(Schema):
    id: UUID
    code: str
    name_zh: str
    name_en: str
    level: int
    kind: str
    purpose: str
    parent_id: UUID | None
    area_path: str
    lon: float
    lat: float
    area_m2: float
    valid_from: datetime
    valid_to: datetime | None


class GridFull(GridOut):
    polygon: GeoJSON


class GridNode(Schema):
    id: UUID
    code: str
    name_zh: str
    name_en: str
    level: int
    kind: str
    purpose: str
    area_path: str
    children: list[GridNode] = []


class ProblemOut(Schema):
    kind: str
    grid_ids: list[UUID]
    codes: list[str]
    names: list[str]
    area_path: str
    area_m2: float
    geometry: GeoJSON


class CountOut(Schema):
    name: str
    zh: str
    en: str
    count: int


class PreviewOut(Schema):
    revision: int
    retired: list[GridOut]
    created: list[GridFull]
    counts: list[CountOut]
    problems: list[ProblemOut]


class ChangeOut(Schema):
    id: UUID
    kind: str
    area_path: str
    retired: list[UUID]
    created: list[UUID]
    counts: dict[str, int]
    actor: str
    at: datetime
    undo_until: datetime
    undone_at: datetime | None
    revision: int


class Names(Schema):
    zh: str = Field("", max_length=80)
    en: str = Field("", max_length=120)


class SplitIn(Schema):
    line: GeoJSON
    names: list[Names] = []
    revision: int | None = None


class MergeIn(Schema):
    grid_ids: list[UUID] = Field(..., max_length=50)
    name: Names = Names()
    revision: int | None = None


class ShapeIn(Schema):
    grid_id: UUID
    polygon: GeoJSON


class RedrawIn(Schema):
    grids: list[ShapeIn] = Field(..., min_length=1, max_length=50)
    trim: bool = True
    system: str = "wgs84"
    revision: int | None = None
    force: bool = False


class GridIn(Schema):
    parent_id: UUID
    name_zh: str = Field(..., min_length=1, max_length=80)
    name_en: str = Field("", max_length=120)
    kind: str = "responsibility"
    purpose: str = Field("", max_length=24)
    polygon: GeoJSON
    system: str = "wgs84"
    revision: int | None = None
    force: bool = False


class RenameIn(Schema):
    name_zh: str = Field(..., min_length=1, max_length=80)
    name_en: str = Field("", max_length=120)
    purpose: str | None = Field(None, max_length=24)


class CompoundOut(Schema):
    id: UUID
    code: str
    name_zh: str
    name_en: str
    smart: bool
    funding: str
    hotline: str
    lon: float
    lat: float
    grid_id: UUID | None
    area_path: str


class BuildingOut(Schema):
    id: UUID
    code: str
    compound_id: UUID
    name_zh: str
    name_en: str
    floors: int
    lon: float
    lat: float
    grid_id: UUID | None
    area_path: str


class UnitOut(Schema):
    id: UUID
    code: str
    building_id: UUID
    label_zh: str
    label_en: str
    lon: float
    lat: float
    grid_id: UUID | None
    area_path: str
    short_code: str


class QrOut(Schema):
    code: str
    url: str
    created_at: datetime
    replaced_at: datetime | None
    reason: str


class RotateIn(Schema):
    reason: str = Field(..., min_length=1, max_length=200)


class LocateOut(Schema):
    grid_id: UUID
    area_path: str
    grid_code: str
    grid_name: str
    community_name: str
    community_name_en: str
    lon: float
    lat: float


class RowProblem(Schema):
    row: int
    field: str
    reason: str


class ReportOut(Schema):
    kind: str
    applied: bool
    rows: int
    created: int
    updated: int
    unchanged: int
    rejected: int
    errors: list[RowProblem]
