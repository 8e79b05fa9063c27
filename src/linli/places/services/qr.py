"""Names of grids, and QR codes."""

from __future__ import annotations

from uuid import UUID

from linli.kernel import audit, clock, events, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Forbidden, Invalid
from linli.places import codes, selectors
from linli.places.models import Grid, QrCode, Unit
from linli.places.services.reshape import EDIT, bump, lock

QR = "qr.print"


def rename_grid(*, actor: Actor, grid_id: UUID, name_zh: str, name_en: str, purpose: str | None = None) -> Grid:
    """Change what a grid is called; its boundary and path stay."""
    if not name_zh.strip():
        raise Invalid("name_zh", "must not be empty")
    with services.unit(actor):
        grid = selectors.grid(actor, grid_id)
        if not actor.can(EDIT, grid.area_path):
            raise Forbidden(f"needs {EDIT} in {grid.area_path}")
        before = {"name_zh": grid.name_zh, "name_en": grid.name_en, "purpose": grid.purpose}
        grid.name_zh, grid.name_en = name_zh.strip(), name_en.strip()
        grid.purpose = grid.purpose if purpose is None else purpose
        grid.revision = bump(lock())
        grid.save(update_fields=["name_zh", "name_en", "purpose", "revision"])
        audit.record(actor=actor, action="places.grid.rename", kind="grid", ref=grid.id, area=grid.area_path,
                     detail={"before": before})  # fmt: skip
        events.emit(type="grid.changed", kind="grid", ref=grid.id, area=grid.area_path, permission=selectors.VIEW,
                    data={"revision": grid.revision, "change": "rename"})  # fmt: skip
    return grid


def rotate_qr(*, actor: Actor, unit_id: UUID, reason: str) -> QrCode:
    """Replace a unit's QR code, for example after it was defaced or copied; scans of the old one say so."""
    if not reason.strip():
        raise Invalid("reason", "say why the code is replaced")
    with services.unit(actor):
        unit = selectors.unit(actor, unit_id, permission=QR)
        Unit.objects.select_for_update().get(id=unit.id)
        QrCode.objects.filter(unit=unit, replaced_at=None).update(replaced_at=clock.now(), reason=reason.strip()[:200])
        made = QrCode.objects.create(code=codes.new_qr(), unit=unit)
        audit.record(actor=actor, action="places.qr.rotate", kind="unit", ref=unit.id, area=unit.area_path,
                     detail={"reason": reason.strip()[:200]})  # fmt: skip
        events.emit(type="unit.changed", kind="unit", ref=unit.id, area=unit.area_path, permission=selectors.VIEW,
                    data={"change": "qr"})  # fmt: skip
    return made


def new_codes(units: list[Unit]) -> list[QrCode]:
    """Give new units the short codes they lack, and a QR code each (unsaved)."""
    taken = set(Unit.objects.values_list("short_code", flat=True)) | {u.short_code for u in units if u.short_code}
    free = codes.free_short_codes(taken)
    for unit in units:
        unit.short_code = unit.short_code or next(free)
    return [QrCode(code=codes.new_qr(), unit=unit) for unit in units]
