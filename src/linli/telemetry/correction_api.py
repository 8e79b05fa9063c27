"""Corrections of readings, on telemetry's router: looked at, made, listed, undone."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Schema, Status

from linli.kernel.http import actor_of
from linli.kernel.paging import DEFAULT_LIMIT, Page
from linli.telemetry import correction_selectors as reads
from linli.telemetry import correction_services as services
from linli.telemetry.models import Correction
from linli.telemetry.router import router


class CorrectionIn(Schema):
    """The readings of `property` from `start` to before `end`, at most 10,000. `act`: remove (they go), replace (value
    × `factor` + `offset`) or flag (flag 32: no rule judges them, the chart keeps them). `mark`: that of a look;
    without it nothing is done. `reason` in words is needed with it."""

    property: str
    start: datetime
    end: datetime
    act: str
    factor: float = 1.0
    offset: float = 0.0
    reason: str = ""
    mark: str = ""


class Extent(Schema):
    """How many readings, the lowest and the highest; null without any."""

    count: int
    min: float | None
    max: float | None


class CorrectionOut(Schema):
    """`state`: doing, done, undoing or undone. `by` and `undone_by` are accounts. `put_back`: how many readings an undo
    put back; those that were changed since stay as they are."""

    id: UUID
    property: str
    start: datetime
    end: datetime
    act: str
    factor: float | None
    offset: float | None
    reason: str
    state: str
    before: Extent
    after: Extent
    by: UUID
    at: datetime
    done_at: datetime | None
    undone_by: UUID | None
    undone_at: datetime | None
    put_back: int | None
    can_undo: bool


class CorrectionAnswer(Schema):
    """What would be done, or is being done: then `correction` is there."""

    mark: str
    before: Extent
    after: Extent
    correction: CorrectionOut | None


def correction_out(row: Correction) -> dict[str, Any]:
    plain = ("property", "start", "end", "act", "factor", "offset", "reason", "state", "done_at", "undone_by",
             "undone_at", "put_back")  # fmt: skip
    return {"id": row.pk, "by": row.created_by, "at": row.created_at, **{n: getattr(row, n) for n in plain},
            **row.extents, "can_undo": reads.can_undo(row)}  # fmt: skip


@router.post(
    "/devices/{uuid:device_id}/corrections", permission="devices.manage",
    response={200: CorrectionAnswer, 202: CorrectionAnswer},
)  # fmt: skip
def correct(request: HttpRequest, device_id: UUID, body: CorrectionIn) -> Status[Any]:
    """Without `mark`: what it would do. With it: done soon after (202), the readings as they were kept beside it.
    Alarms that were raised stay; a rule is judged anew only on the bench."""
    actor, asked = actor_of(request), body.dict(exclude={"reason", "mark", "property"})
    what = reads.look(actor, device_id, prop=body.property, **asked)
    answer = {"mark": what.mark, **what.extents, "correction": None}
    if not body.mark:
        return Status(200, answer)
    row = services.correct(actor=actor, what=what, reason=body.reason, mark=body.mark)
    return Status(202, answer | {"correction": correction_out(row)})


@router.get("/devices/{uuid:device_id}/corrections", permission="devices.view", response=Page[CorrectionOut])
def list_corrections(
    request: HttpRequest, device_id: UUID, property: str = "", start: datetime | None = None,
    end: datetime | None = None, cursor: str | None = None, limit: int = DEFAULT_LIMIT,
) -> dict[str, Any]:  # fmt: skip
    """Corrections of a device, last made first; with `start` and `end` those that touch the span."""
    rows, after = reads.corrections(
        actor_of(request), device_id, prop=property, start=start, end=end, cursor=cursor, limit=limit
    )
    return {"items": [correction_out(row) for row in rows], "next": after}


@router.post(
    "/devices/{uuid:device_id}/corrections/{uuid:correction_id}/undo", permission="devices.manage",
    response={202: CorrectionOut},
)  # fmt: skip
def undo_correction(request: HttpRequest, device_id: UUID, correction_id: UUID) -> Status[Any]:
    """The readings as they were, those aside that were changed since; as long as single readings are kept."""
    row = services.undo(actor=actor_of(request), device_id=device_id, correction_id=correction_id)
    return Status(202, correction_out(row))
