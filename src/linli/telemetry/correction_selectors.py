"""Corrections of readings for people: what one would do, and those that were made."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import pyarrow as pa
from django.db.models import QuerySet

from linli.devices import facade as devices
from linli.kernel import paging
from linli.kernel.actor import Actor
from linli.kernel.errors import FieldError, Invalid, NotFound
from linli.telemetry import corrected, selectors, tiers
from linli.telemetry.batch import TOLD
from linli.telemetry.corrected import Change
from linli.telemetry.history.corrections import MOST
from linli.telemetry.models import CORRECTION_ACTS, Correction

MANAGE = "devices.manage"
FAR = 1e15


@dataclass(frozen=True, slots=True)
class Look:
    """What a correction would do to the readings of a series in [since, until). `mark` names these readings and what is
    done to them."""

    device_id: UUID
    area: str
    property: str
    since: int
    until: int
    change: Change
    was: pa.Table
    now: pa.Table
    mark: str

    @property
    def extents(self) -> dict[str, Any]:
        return {"before": corrected.extent(self.was), "after": corrected.extent(self.now)}


def look(
    actor: Actor, device_id: UUID, *, prop: str, start: datetime, end: datetime, act: str, factor: float, offset: float
) -> Look:
    """Reads the span and what it would become. NotFound for a device that the actor may not see, among them things of
    households, persons and vehicles; Invalid by field for what cannot be corrected."""
    kind = devices.kind(actor, device_id)
    actor.require(MANAGE, kind.device.area_path)
    one = next((p for p in kind.properties if p["code"] == prop), None)
    if one is None:
        raise Invalid("property", "is not a property of this device")
    change = _change(one, act, factor, offset)
    since, until = selectors.span(start, end)
    if until <= since:
        raise Invalid("end", "must be after start")
    if since < (first := tiers.now().raw):
        raise Invalid(
            "start", f"the district keeps single readings since {tiers.day(first)}; older ones stay as they are"
        )
    was = read(device_id, prop, since, until)
    if not len(was):
        raise Invalid("start", "no reading of this property lies in the span")
    if len(was) > MOST:
        raise Invalid("end", f"more than {MOST:,} readings lie in the span; choose a shorter one")
    if told := sum(1 for flags in was["flags"].to_pylist() if flags & TOLD):
        raise Invalid("start", f"{told} of the readings are observations kept in full elsewhere; correct them there")
    try:
        now = change.after(was)
    except ValueError as error:
        raise Invalid("factor", str(error)) from error
    return Look(device_id, kind.device.area_path, prop, since, until, change, was, now, mark_of(change, was))


def mark_of(change: Change, was: pa.Table) -> str:
    """Names a change of these very readings."""
    found = hashlib.sha256(repr(change).encode())
    for name in corrected.COLUMNS:
        found.update(was[name].to_numpy().tobytes())
    return found.hexdigest()


def _change(one: Mapping[str, Any], act: str, factor: float, offset: float) -> Change:
    if act not in CORRECTION_ACTS:
        raise Invalid("act", f"must be one of {', '.join(CORRECTION_ACTS)}")
    if act != "replace":
        if (factor, offset) != (1.0, 0.0):
            raise Invalid("factor", "is only for replace")
        return Change(act)
    if one.get("type", "number") != "number":
        raise Invalid("property", "is no number, which alone can be calibrated; take remove or flag")
    given = {"factor": factor, "offset": offset}
    found = [FieldError(n, "must lie within -1e15 and 1e15") for n, value in given.items() if not -FAR <= value <= FAR]
    if found or factor == 0:
        raise Invalid(errors=found or [FieldError("factor", "must not be 0")])
    if (factor, offset) == (1.0, 0.0):
        raise Invalid("factor", "1 with offset 0 changes nothing")
    low, high = one.get("range") or (None, None)
    return Change(act, factor, offset, low, high)


def read(device_id: UUID, prop: str, since: int, until: int) -> pa.Table:
    """The readings of a series, in the order of the stream: at most one more than can be corrected at once."""
    pieces = selectors.history().arrivals([device_id], [prop], since, until, size=MOST + 1)
    found = selectors.ask(lambda: next(pieces, None))
    if found is None:  # no piece at all
        return corrected.ROWS.empty_table().drop_columns("keep")
    return found.sort_by([("seq", "ascending"), ("t", "ascending")]).select(corrected.COLUMNS).combine_chunks()


def corrections(
    actor: Actor, device_id: UUID, *, prop: str = "", start: datetime | None = None, end: datetime | None = None,
    cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT,
) -> tuple[list[Correction], str | None]:  # fmt: skip
    """Those of a device, last made first; of a property, and of those that touch a span."""
    devices.must_see(actor, device_id)
    found: QuerySet[Correction] = Correction.objects.filter(device_id=device_id).defer("kept")
    if prop:
        found = found.filter(property=prop)
    selectors.zoned(start=start, end=end)
    if start is not None:
        found = found.filter(end__gt=start)
    if end is not None:
        found = found.filter(start__lt=end)
    return paging.keyset(found, key=("-created_at", "-id"), cursor=cursor, limit=limit)


def correction_for_update(actor: Actor, device_id: UUID, correction_id: UUID) -> tuple[Correction, str]:
    """Locked, with the area of its device."""
    info = devices.device(actor, device_id)
    actor.require(MANAGE, info.area_path)
    row = Correction.objects.select_for_update().filter(pk=correction_id, device_id=device_id).first()
    if row is None:
        raise NotFound()
    return row, info.area_path


def ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def can_undo(row: Correction) -> bool:
    """Its old readings are still there, and raw readings of that time are still kept."""
    return row.state == "done" and ms(row.start) >= tiers.now().raw
