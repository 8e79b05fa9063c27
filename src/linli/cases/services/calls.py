"""Calls with reporters: what came of them goes into the timeline; a promise stays in sight until it is kept."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from linli.cases.models import OUTCOMES, Call, Case
from linli.cases.selectors import visible
from linli.cases.services import common
from linli.kernel import clock, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict, FieldError, Invalid, NotFound
from linli.kernel.masks import mask_text

MAX_NOTE, FAR = 1000, timedelta(days=90)


def record_call(
    *, actor: Actor, case_id: UUID, outcome: str, note: str = "", promised_at: datetime | None = None
) -> Call:
    """Write down a call that was made. A promise needs words and a time within 90 days."""
    now, clean = clock.now(), mask_text(note.strip())[0]
    _check(outcome, clean, promised_at, now)
    with services.unit(actor):
        case = visible.get(actor, case_id)
        actor.require("cases.contact", case.area_path)
        row = Call.objects.create(
            case=case, by=actor.account_id, outcome=outcome, note=clean, promised_at=promised_at, created_at=now
        )
        detail = {"outcome": outcome, "promised_at": promised_at.isoformat() if promised_at else None}
        common.entry(case=case, actor=actor, act="call", at=now, note=clean, detail={**detail, "call": str(row.id)})
        _told(case, actor, "call", row)
    return row


def keep_promise(*, actor: Actor, case_id: UUID, call_id: UUID) -> Call:
    """What was promised in a call has been done."""
    with services.unit(actor):
        case = visible.get(actor, case_id)
        actor.require("cases.contact", case.area_path)
        row = Call.objects.select_for_update().filter(pk=call_id, case=case, promised_at__isnull=False).first()
        if row is None:
            raise NotFound()
        if row.kept_at is not None:
            raise Conflict(common.say("这项承诺已经兑现", "The promise was kept already"))
        row.kept_at = clock.now()
        row.save(update_fields=["kept_at"])
        common.entry(case=case, actor=actor, act="promise_kept", at=row.kept_at, detail={"call": str(row.id)})
        _told(case, actor, "promise_kept", row)
    return row


def _check(outcome: str, note: str, promised_at: datetime | None, now: datetime) -> None:
    errors = []
    if outcome not in OUTCOMES:
        errors.append(FieldError("outcome", f"must be one of {', '.join(OUTCOMES)}"))
    if len(note) > MAX_NOTE or "\0" in note:
        errors.append(FieldError("note", f"must have at most {MAX_NOTE} characters"))
    if promised_at is not None:
        if promised_at.tzinfo is None:
            errors.append(FieldError("promised_at", "needs an offset, such as +08:00"))
        elif not now < promised_at <= now + FAR:
            errors.append(FieldError("promised_at", "must be within the next 90 days"))
        if not note:
            errors.append(FieldError("note", "say what was promised"))
    if errors:
        raise Invalid(errors=errors)


def _told(case: Case, actor: Actor, act: str, row: Call) -> None:
    common.record(case=case, actor=actor, act=act, detail={"call": str(row.id), "outcome": row.outcome})
    common.tell(case=case, actor=actor, type="case.changed", act=act)
