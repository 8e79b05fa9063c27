"""A small town on squares: two first-level grids, communities and finer grids, one compound with four units."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction
from shapely.geometry import box, mapping, shape

from linli.kernel.actor import Actor, Grant
from linli.places import codes, index, plans
from linli.places.models import Building, Compound, Grid, QrCode, Unit
from linli.places.services import reshape

W, S, STEP = 117.25, 31.97, 0.01


def square(x: int, y: int, w: int = 1, h: int = 1) -> dict[str, Any]:
    return mapping(box(W + x * STEP, S + y * STEP, W + (x + w) * STEP, S + (y + h) * STEP))


def add(code: str, segment: str, level: int, polygon: dict[str, Any], parent: Grid | None, **more: Any) -> Grid:
    path = f"{parent.area_path}.{segment}" if parent else segment
    grid = Grid(
        code=code, segment=segment, level=level, parent=parent, name_zh=f"网格{segment}", area_path=path, **more
    )
    plans.set_shape(grid, shape(polygon)).save()
    return grid


@pytest.fixture
def town(db: None) -> dict[str, Grid]:
    root = add("340121999", "340121999", 0, square(0, 0, 4, 4), None)
    west = add("34012199901", "01", 1, square(0, 0, 2, 4), root)
    east = add("34012199902", "02", 1, square(2, 0, 2, 4), root)
    c1 = add("340121999001", "001", 2, square(0, 0, 2, 2), west)
    c2 = add("340121999002", "002", 2, square(0, 2, 2, 2), west)
    c3 = add("340121999003", "003", 2, square(2, 0, 2, 4), east)
    a = add("340121999001001", "001", 3, square(0, 0, 1, 2), c1)
    b = add("340121999001002", "002", 3, square(1, 0, 1, 2), c1)
    with transaction.atomic():
        reshape.bump(reshape.lock())
    compound = Compound.objects.create(code="K1", name_zh="幸福家园", name_en="Happiness Gardens", smart=True,
                                       hotline="0551-66110000", lon=W + 0.005, lat=S + 0.01, grid_id=a.id,
                                       area_path=a.area_path)  # fmt: skip
    building = Building.objects.create(code="K1-1", compound=compound, name_zh="1 号楼", name_en="Building 1",
                                       lon=W + 0.005, lat=S + 0.005, grid_id=a.id, area_path=a.area_path)  # fmt: skip
    for i, lat in enumerate((0.002, 0.004, 0.014, 0.016), 1):
        unit = Unit.objects.create(code=f"K1-1-{i}", building=building, label_zh=f"{i} 单元", label_en=f"Unit {i}",
                                   lon=W + 0.005, lat=S + lat, grid_id=a.id, area_path=a.area_path,
                                   short_code=codes.short_code(20_000 + i))  # fmt: skip
        QrCode.objects.create(code=codes.new_qr(), unit=unit)
    index.refresh()
    return {"root": root, "west": west, "east": east, "c1": c1, "c2": c2, "c3": c3, "a": a, "b": b}


def someone(area: str, *permissions: str) -> Actor:
    return Actor(kind="account", username="t", grants=(Grant("t", area, frozenset(permissions)),))


@pytest.fixture
def planner() -> Actor:
    return someone("", "grids.view", "grids.manage", "units.manage", "qr.print")
