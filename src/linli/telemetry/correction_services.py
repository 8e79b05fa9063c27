"""Correcting readings of the past, and taking it back. The readings as they were are kept first; then the process
`jobs` brings history to what the row says, as often as it takes: the same again changes nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pyarrow as pa
from django.db import IntegrityError, transaction

from linli.kernel import audit, clock, jobs, masks, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict, Invalid
from linli.telemetry import corrected, correction_selectors, selectors, tiers
from linli.telemetry.corrected import Change
from linli.telemetry.models import Correction

MAX_REASON = 500
OPEN = ("doing", "undoing")
FORGOTTEN = timedelta(minutes=2)  # an open one for longer: its job is gone, or history was away for long


def correct(*, actor: Actor, what: correction_selectors.Look, reason: str, mark: str) -> Correction:
    """Keep the readings as they are and queue their correction. `mark`: that of the look which somebody approved;
    Conflict `stale` when the readings are others by now, `busy` while another correction of the series is at work."""
    if not (said := masks.mask_text(reason.strip())[0]):
        raise Invalid("reason", "is needed: why are these readings wrong?")
    if len(said) > MAX_REASON or "\0" in said:
        raise Invalid("reason", f"is longer than {MAX_REASON} characters, or holds U+0000")
    if what.mark != mark:
        raise Conflict("the readings of the span are not as they were shown; look again", code="stale")
    with services.unit(actor):
        row = _kept(actor, what, said)  # from here on no other correction of the series is at work
        again = correction_selectors.read(what.device_id, what.property, what.since, what.until)
        if correction_selectors.mark_of(what.change, again) != mark:
            raise Conflict("the readings of the span changed this moment; look again", code="stale")
        _noted(actor, row, "correct", what.area, readings=row.readings)
        jobs.defer(_job(), correction_id=str(row.pk))
    return row


def _kept(actor: Actor, what: correction_selectors.Look, reason: str) -> Correction:
    change = what.change
    calibrated = change.act == "replace"
    try:
        with transaction.atomic():
            return Correction.objects.create(
                device_id=what.device_id, property=what.property, start=selectors.at(what.since),
                end=selectors.at(what.until), act=change.act, factor=change.factor if calibrated else None,
                offset=change.offset if calibrated else None, low=change.low, high=change.high, reason=reason,
                readings=len(what.was), extents=what.extents, kept=corrected.packed(what.was),
                created_by=actor.account_id,
            )  # fmt: skip
    except IntegrityError as error:
        raise Conflict("another correction of this property is at work; wait until it is done", code="busy") from error


def undo(*, actor: Actor, device_id: UUID, correction_id: UUID) -> Correction:
    """Put the readings back as they were, those aside that were changed since. Once undone, it stays so. Conflict
    `too-old` when single readings of the time are no longer kept, `later-one` while a later correction stands on it."""
    with services.unit(actor):
        row, area = correction_selectors.correction_for_update(actor, device_id, correction_id)
        if row.state in ("undoing", "undone"):
            return row
        _require_undoable(row)
        row.state, row.undone_by, row.undone_at = "undoing", actor.account_id, clock.now()
        try:
            with transaction.atomic():
                row.save(update_fields=["state", "undone_by", "undone_at"])
        except IntegrityError as error:
            raise Conflict("another correction of this property is at work", code="busy") from error
        back = _put_back(row)
        row.kept, row.put_back = corrected.packed(back), len(back)
        row.save(update_fields=["kept", "put_back"])
        _noted(actor, row, "correct_undo", area, put_back=len(back))
        jobs.defer(_job(), correction_id=str(row.pk))
    return row


def _put_back(row: Correction) -> pa.Table:
    """Of the readings as they were, those that stand as the correction left them."""
    was = corrected.unpacked(bytes(row.kept))
    since, until = correction_selectors.ms(row.start), correction_selectors.ms(row.end)
    now = correction_selectors.read(row.device_id, row.property, since, until)
    return corrected.unchanged(was, _change(row).after(was), now)


def _require_undoable(row: Correction) -> None:
    if row.state == "doing":
        raise Conflict("the correction is still at work; wait until it is done", code="busy")
    if not correction_selectors.can_undo(row):
        raise Conflict(f"the district keeps single readings since {tiers.day(tiers.now().raw)}", code="too-old")
    later = Correction.objects.filter(
        device_id=row.device_id,
        property=row.property,
        start__lt=row.end,
        end__gt=row.start,
        created_at__gt=row.created_at,
    ).exclude(state="undone")
    if later.exists():
        raise Conflict("a later correction stands on these readings; undo that one first", code="later-one")


def finish(*, correction_id: UUID) -> None:
    """Bring history to what the row says. After a crash anywhere, again; what is over is left alone. The row stays
    locked meanwhile, so that nobody tells history of two states of it at once."""
    with transaction.atomic():
        row = Correction.objects.select_for_update().filter(pk=correction_id, state__in=OPEN).first()
        if row is None:
            return
        was = corrected.unpacked(bytes(row.kept))
        if len(was):
            after: pa.Table = _change(row).after(was) if row.state == "doing" else was
            rows = corrected.rows(was, after)
            selectors.ask(lambda: selectors.history().put(row.device_id, row.property, rows))
        if row.state == "doing":
            row.state, row.done_at = "done", clock.now()
        else:
            row.state, row.kept = "undone", b""
        row.save(update_fields=["state", "done_at", "kept"])


def sweep() -> None:
    """Come back to what nobody finished, and let go of old readings that can no longer be put back."""
    late = clock.now() - FORGOTTEN
    for pk in Correction.objects.filter(state__in=OPEN, created_at__lt=late).values_list("pk", flat=True):
        jobs.defer(_job(), once=f"correct:{pk}", correction_id=str(pk))
    if first := tiers.now().raw:
        Correction.objects.filter(end__lt=selectors.at(first), state__in=("done", "undone")).exclude(kept=b"").update(
            kept=b""
        )


def _change(row: Correction) -> Change:
    if row.factor is None or row.offset is None:
        return Change(row.act)
    return Change(row.act, row.factor, row.offset, row.low, row.high)


def _noted(actor: Actor, row: Correction, act: str, area: str, **detail: Any) -> None:
    audit.record(
        actor=actor, action=f"readings.{act}", kind="device", ref=row.device_id, area=area,
        detail={"correction": str(row.pk), "property": row.property, "act": row.act, "start": row.start.isoformat(),
                "end": row.end.isoformat(), **detail},
    )  # fmt: skip


def _job() -> Any:
    from linli.telemetry import jobs as own

    return own.correct
