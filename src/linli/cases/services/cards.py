"""What run cards ask of cases: where and what a case is, and a line of its timeline for each of their acts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from linli.cases.contracts import CardCase
from linli.cases.models import Case
from linli.cases.selectors import visible
from linli.cases.services import common
from linli.kernel import clock, services
from linli.kernel.actor import Actor
from linli.kernel.errors import NotFound


def case(actor: Actor, case_id: UUID, *, lock: bool = False) -> CardCase:
    row = _row(actor, case_id, lock)
    place = {"lon": row.lon, "lat": row.lat, "address": row.address}
    return CardCase(
        row.id, row.number, row.area_path, visible.PRIVATE if row.private else visible.VIEW, row.class_code, row.urgent,
        row.closed_at is None and row.source == "linli", row.alarm_id, place,
    )  # fmt: skip


def told(*, actor: Actor, case_id: UUID, act: str, note: str, detail: dict[str, Any]) -> None:
    """The case's version stays: a tick on a card makes nobody's open form stale."""
    with services.unit(actor):
        row = _row(actor, case_id, False)
        common.entry(case=row, actor=actor, act=act, at=clock.now(), note=note, detail=detail)
        common.record(case=row, actor=actor, act=act, detail=detail)
        common.tell(case=row, actor=actor, type="case.changed", act=act)


def _row(actor: Actor, case_id: UUID, lock: bool) -> Case:
    if actor.kind != "system":
        return visible.get(actor, case_id, lock=lock)
    rows = Case.objects.select_for_update() if lock else Case.objects.all()
    if (found := rows.defer("tokens").filter(pk=case_id).first()) is None:
        raise NotFound()
    return found
