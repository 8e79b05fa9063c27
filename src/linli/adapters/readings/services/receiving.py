"""A push of another platform becomes readings of devices of the hook's area; what came of it is kept without values."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import F

from linli.adapters.readings import selectors
from linli.adapters.readings.models import ReadingDelivery, ReadingHook, UnknownNumber
from linli.devices import facade as devices
from linli.devices.contracts import OPEN_SUBJECTS, RegistryRow
from linli.kernel import clock
from linli.kernel.actor import Actor, contains
from linli.kernel.errors import FieldError, Invalid
from linli.kernel.i18n import say
from linli.portal import facade as portal
from linli.telemetry import contracts as payloads
from linli.telemetry import facade as telemetry

KEPT, STORED_KEPT, UNKNOWN_KEPT = timedelta(days=30), timedelta(days=1), timedelta(days=30)
MOST_ERRORS, MOST_UNKNOWN, MOST_SHOWN = 20, 500, 50


@dataclass
class Understood:
    """A document by a hook's mapping. `passed`: of a kind that the mapping passes over."""

    passed: bool = False
    items: list[tuple[str, RegistryRow | None, payloads.Found]] = field(default_factory=list)
    errors: list[FieldError] = field(default_factory=list)


def keep(
    hook: ReadingHook, outcome: str, status: int, *, errors: list[FieldError] | None = None, **more: Any
) -> ReadingDelivery:
    """Write down what came of a push."""
    said = [{"field": e.field[:120], "reason": e.reason[:200]} for e in (errors or [])[:MOST_ERRORS]]
    row = ReadingDelivery(hook=hook, outcome=outcome, status=status, errors=said, **more)
    row.save(force_insert=True)
    return row


def refused(hook: ReadingHook, outcome: str, status: int, errors: list[FieldError]) -> None:
    """Kept so that somebody sees it; so many an hour, for anybody who knows the address fills no table with it."""
    if portal.within("readings-bad", str(hook.id)):
        keep(hook, outcome, status, errors=errors)


def receive(*, hook: ReadingHook, doc: Any) -> dict[str, Any]:
    """Store a push that is the platform's; returns when its readings are on disk. A reading that is there already
    changes nothing, so a push that comes twice is stored once. Raises Invalid with every field, storing nothing."""
    found = understood(hook, doc)
    if found.errors:
        raise Invalid(errors=found.errors)
    if found.passed:
        keep(hook, "passed", 200)
        return {"items": 0, "readings": 0, "unknown": 0, "passed": True}
    known: dict[UUID, tuple[RegistryRow, list[Any]]] = {}
    strange: Counter[str] = Counter()
    for number, row, told in found.items:
        if row is None:
            strange[number] += 1
        else:
            known.setdefault(row.device_id, (row, []))[1].extend(told.rows)
    try:
        stored = telemetry.take(list(known.values()))
    except payloads.Wrong as wrong:
        raise Invalid(wrong.field, say(wrong.zh, wrong.en)) from wrong
    devices.note_heard(stored)
    if strange:
        _unknown_numbers(hook, strange)
    counts = {"items": len(found.items), "readings": sum(stored.values()), "unknown": sum(strange.values())}
    keep(hook, "stored", 200, **counts)
    now = clock.now()
    ReadingHook.objects.filter(pk=hook.pk).exclude(last_success_at__gt=now - timedelta(minutes=1)).update(
        last_success_at=now
    )
    return {**counts, "passed": False}


def understood(hook: ReadingHook, doc: Any) -> Understood:
    """What a document says, and of which devices; nothing is stored."""
    made = payloads.payload_made(hook.mapping, telemetry.zone())
    try:
        items = payloads.payload_items(made, doc)
    except payloads.Wrong as wrong:
        return Understood(errors=[_told(wrong)])
    if items is None:
        return Understood(passed=True)
    found = Understood()
    for item in items:
        try:
            item.device = payloads.payload_whose(made, item)
        except payloads.Wrong as wrong:
            found.errors.append(_told(wrong))
    known = devices.speaking(made.by, {item.device for item in items if item.device})
    for item in items:
        if not item.device:
            continue
        row = known.get(item.device)
        row = row if row is not None and row.enabled and contains(hook.area_path, row.area_path) else None
        told = payloads.payload_rows(made, item, row.model if row else "")
        if row is not None:
            found.errors += [_told(one) for one in told.wrong]
            if not told.rows and not told.wrong and not told.unnamed:
                why = say("没有读到映射所列的数据", "nothing that the mapping names was found")
                found.errors.append(FieldError(item.where or "body", why))
        found.items.append((item.device, row, told))
    return found


def try_hook(*, actor: Actor, hook_id: UUID, body: Any) -> dict[str, Any]:
    """What a push would store: read as any other, but nothing is stored and nothing is kept."""
    hook = selectors.hook(actor, hook_id)
    found = understood(hook, body)
    return {
        "ok": not found.errors, "passed": found.passed,
        "errors": [{"field": e.field, "reason": e.reason} for e in found.errors[:MOST_ERRORS]],
        "items": [_shown(*one) for one in found.items[:MOST_SHOWN]],
    }  # fmt: skip


def _shown(number: str, row: RegistryRow | None, told: payloads.Found) -> dict[str, Any]:
    readings = [
        {"at": datetime.fromtimestamp(at / 1000, UTC).isoformat() if at is not None else None, "property": name,
         "value": value, "known": row is None or name in row.properties}
        for at, values, _ in told.rows for name, value in values.items()
    ]  # fmt: skip
    open_code = row.code if row and row.subject in OPEN_SUBJECTS else ""  # others are in no list
    wrong = [] if row else [{"field": one.field, "reason": say(one.zh, one.en)} for one in told.wrong]
    return {"device": number, "known": row is not None, "code": open_code, "wrong": wrong,
            "readings": readings[:200], "unnamed": list(dict.fromkeys(told.unnamed))[:50]}  # fmt: skip


def _told(wrong: payloads.Wrong) -> FieldError:
    return FieldError(wrong.field, say(wrong.zh, wrong.en))


def _unknown_numbers(hook: ReadingHook, found: Counter[str]) -> None:
    """Count who is unknown; the list has an end."""
    now = clock.now()
    known = set(UnknownNumber.objects.filter(hook=hook, number__in=list(found)).values_list("number", flat=True))
    for number in known:
        UnknownNumber.objects.filter(hook=hook, number=number).update(count=F("count") + found[number], last_at=now)
    room = MOST_UNKNOWN - UnknownNumber.objects.filter(hook=hook).count() if set(found) - known else 0
    fresh = [
        UnknownNumber(hook=hook, number=number, count=count)
        for number, count in found.items() if number not in known
    ][: max(0, room)]  # fmt: skip
    UnknownNumber.objects.bulk_create(fresh, ignore_conflicts=True)


def forget_old() -> None:
    """Pushes that were stored after a day, others and unknown devices after 30."""
    now = clock.now()
    ReadingDelivery.objects.filter(created_at__lt=now - STORED_KEPT, outcome="stored").delete()
    ReadingDelivery.objects.filter(created_at__lt=now - KEPT).delete()
    UnknownNumber.objects.filter(last_at__lt=now - UNKNOWN_KEPT).delete()
