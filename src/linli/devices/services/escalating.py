"""By the clock: whoever a policy names is told of what nobody took care of. Each step once, whatever dies meanwhile.

The row of a step and the news of it are one transaction, under the lock of the alarm or incident; a unique index
refuses a second one. The time is PostgreSQL's.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from linli.devices import desk_selectors as desk
from linli.devices import escalation
from linli.devices.models import SEVERITIES, Alarm, AlarmNote, Escalation, Incident
from linli.devices.services import alarms, assigning, incidents
from linli.kernel import audit, services
from linli.kernel.actor import SYSTEM

CHUNK = 500


def escalate() -> int:
    """Tell of every step that is due; returns how many were told. What somebody works on this moment waits a minute."""
    among = escalation.policies()
    least = escalation.least_minutes(among)
    if least is None:
        return 0
    now = desk.district_now()
    found = [*_due(_incidents(now, least), among, now), *_due(_alarms(now, least), among, now)]
    return sum(_tell_one(kind, pk, among, now) for kind, pk in found)


def _waiting(rows: QuerySet[Any], now: datetime, least: int) -> QuerySet[Any]:
    shown = Q(shelved_until=None) | Q(shelved_until__lte=now)
    return rows.filter(shown, waits_from__lte=now - timedelta(minutes=least)).order_by("waits_from", "pk")


def _incidents(now: datetime, least: int) -> QuerySet[Incident]:
    return _waiting(Incident.objects.filter(ended_at=None).select_related("device"), now, least)


def _alarms(now: datetime, least: int) -> QuerySet[Alarm]:
    """Those that stand alone; one that nobody has looked at yet may still be part of a storm."""
    alone = Alarm.objects.filter(cleared_at=None, incident=None, maintenance=None, looked_at__isnull=False)
    return _waiting(alone.select_related("device", "rule").defer("device__terms"), now, least)


def _due(rows: QuerySet[Any], among: Sequence[escalation.Policy], now: datetime) -> list[tuple[type, UUID]]:
    found: list[tuple[type, UUID]] = []
    chunk: list[Any] = []
    for row in rows.iterator(chunk_size=CHUNK):
        chunk.append(row)
        if len(chunk) == CHUNK:
            found += _due_of(chunk, among, now)
            chunk = []
    return found + _due_of(chunk, among, now)


def _due_of(rows: list[Any], among: Sequence[escalation.Policy], now: datetime) -> list[tuple[type, UUID]]:
    told = desk.of_rows(rows)
    storms = [r for r in rows if isinstance(r, Incident)]
    seen = desk.seen_incidents(storms) if storms else set()
    return [(type(r), r.pk) for r in rows if _steps(r, told.get(r.pk, []), r.pk in seen, among, now)]


def _steps(row: Any, told: Sequence[Escalation], seen: bool, among: Sequence[escalation.Policy], now: datetime
           ) -> list[escalation.Due]:  # fmt: skip
    known = seen or (isinstance(row, Alarm) and row.acknowledged_at is not None)
    return [d for d in desk.to_come(row, told, known, among, now) if d.at <= now]


def _tell_one(kind: type, pk: UUID, among: Sequence[escalation.Policy], now: datetime) -> int:
    """All due steps of one row, judged anew under its lock; several are due at once when the district stood still."""
    with services.unit(SYSTEM):
        rows = kind.objects.select_for_update(of=("self",), skip_locked=True).filter(pk=pk)  # type: ignore[attr-defined]
        row = rows.select_related("device", *(["rule"] if kind is Alarm else [])).first()
        if row is None:
            return 0
        told = desk.of_rows([row]).get(pk, [])
        seen = isinstance(row, Incident) and pk in desk.seen_incidents([row])
        found = [_step(row, due, now) for due in _steps(row, told, seen, among, now)]
        if found and isinstance(row, Incident):
            incidents.tell([pk], "incident.changed", "escalate")
        elif found:
            alarms.emit_changed([pk])
        return len(found)


def _step(row: Any, due: escalation.Due, now: datetime) -> Escalation:
    whom = desk.whom(row, due.step.to)
    made = Escalation(
        alarm=row if isinstance(row, Alarm) else None, incident=row if isinstance(row, Incident) else None,
        policy=due.policy, step=due.step.code, until=due.step.until, to=due.step.to, due_at=due.at, at=now,
        people=len(whom),
    )  # fmt: skip
    if due.step.raises and isinstance(row, Alarm):
        _raise(row, made, now)
    made.save(force_insert=True)
    more = {"until": due.step.until, "due_at": due.at.isoformat()}
    if not assigning.notice(row, "escalated", whom, **more):  # nobody of that name: all who may act there
        assigning.emit_notice(row, "escalated", permission="alarms.act", **more)
    word = "incident" if isinstance(row, Incident) else "alarm"
    audit.record(actor=SYSTEM, action=f"{word}.escalate", kind=word, ref=row.pk, area=row.area_path,
                 detail={"step": made.step, "people": made.people})  # fmt: skip
    return made


def _raise(row: Alarm, made: Escalation, now: datetime) -> None:
    """One severity graver, as a rule's own ladder does it."""
    if (place := SEVERITIES.index(row.severity)) == len(SEVERITIES) - 1:
        return
    made.raised_from, made.raised_to = row.severity, SEVERITIES[place + 1]
    row.severity, row.severity_at, row.changed_at = made.raised_to, now, now
    row.save(update_fields=["severity", "severity_at", "changed_at"])
    AlarmNote.objects.create(alarm=row, at=now, kind="severity", text=f"{made.raised_from} → {made.raised_to}")
