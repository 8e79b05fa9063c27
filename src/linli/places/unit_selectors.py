"""Units as other modules see them: with the names of their building, compound and community."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from linli.places import codes, index
from linli.places.contracts import UnitInfo
from linli.places.models import QrCode, Unit


def _unit_info(found: Unit) -> UnitInfo:
    building, compound = found.building, found.building.compound
    node = index.current().by_id.get(found.grid_id) if found.grid_id else None
    return UnitInfo(
        unit_id=found.id, label_zh=found.label_zh, label_en=found.label_en, building_id=building.id,
        building_zh=building.name_zh, building_en=building.name_en, compound_id=compound.id,
        compound_zh=compound.name_zh, compound_en=compound.name_en,
        community_zh=node.place.community_name if node else "",
        community_en=node.place.community_name_en if node else "", hotline=compound.hotline,
        lon=found.lon, lat=found.lat, grid_id=found.grid_id, area_path=found.area_path, short_code=found.short_code,
    )  # fmt: skip


def unit_info(**by: Any) -> UnitInfo | None:
    found = Unit.objects.select_related("building__compound").filter(**by).first()
    return _unit_info(found) if found else None


def unit_infos(unit_ids: Sequence[UUID]) -> dict[UUID, UnitInfo]:
    found = Unit.objects.select_related("building__compound").filter(id__in=unit_ids)
    return {u.id: _unit_info(u) for u in found}


def unit_by_code(code: str) -> UnitInfo | None:
    code = code.strip().lower()
    if codes.is_qr(code):
        unit_id = QrCode.objects.filter(code=code, replaced_at=None).values_list("unit_id", flat=True).first()
        return unit_info(id=unit_id) if unit_id else None
    return unit_info(short_code=code) if codes.short_ok(code) else None
