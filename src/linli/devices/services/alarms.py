"""What people do with alarms. Sense raises and clears them by `devices_alarms_apply`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from linli.devices import selectors
from linli.devices.models import VERDICTS, Alarm, AlarmNote
from linli.kernel import audit, clock, ids, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict, Invalid

MAX_SHELF = timedelta(days=30)


def acknowledge_alarm(*, actor: Actor, alarm_id: UUID, text: str = "") -> Alarm:
    """Someone has seen it; the bell stops. Seeing it twice changes nothing."""
    with services.unit(actor):
        alarm = selectors.alarm_for_update(actor, alarm_id)
        if alarm.acknowledged_at is None:
            alarm.acknowledged_at, alarm.acknowledged_by = clock.now(), actor.account_id
            _save(actor, alarm, "acknowledge", text)
    return alarm


def shelve_alarm(*, actor: Actor, alarm_id: UUID, until: datetime, text: str = "") -> Alarm:
    """Out of the list until a moment; the condition goes on being judged. A moment in the past unshelves."""
    if until.tzinfo is None:
        raise Invalid("until", "needs an offset, such as 2026-11-23T08:00:00+08:00")
    if until > clock.now() + MAX_SHELF:
        raise Invalid("until", "is more than 30 days away")
    with services.unit(actor):
        alarm = selectors.alarm_for_update(actor, alarm_id)
        if alarm.cleared_at is not None:
            raise Conflict("the alarm is over", code="cleared")
        alarm.shelved_until = until if until > clock.now() else None
        _save(actor, alarm, "shelve", text)
    return alarm


def clear_alarm(*, actor: Actor, alarm_id: UUID, text: str) -> Alarm:
    """End an alarm by hand, with a reason. The same occurrence does not come back; a new one is a new alarm."""
    if not text.strip():
        raise Invalid("text", "say why")
    with services.unit(actor):
        alarm = selectors.alarm_for_update(actor, alarm_id)
        if alarm.cleared_at is not None:
            raise Conflict("the alarm is over", code="cleared")
        alarm.cleared_at, alarm.clear_reason = max(clock.now(), alarm.raised_at), "manual"
        _save(actor, alarm, "clear", text)
    return alarm


def judge_alarm(*, actor: Actor, alarm_id: UUID, verdict: str, text: str) -> Alarm:
    """Was it one? `true`, `false` or `test`, with a word of reason, also long after; '' takes the judgement back."""
    if verdict and verdict not in VERDICTS:
        raise Invalid("verdict", f"must be one of {', '.join(VERDICTS)}, or empty")
    if verdict and not text.strip():
        raise Invalid("text", "say why")
    with services.unit(actor):
        alarm = selectors.alarm_for_update(actor, alarm_id)
        if alarm.verdict != verdict:
            alarm.verdict = verdict
            alarm.judged_at, alarm.judged_by = (clock.now(), actor.account_id) if verdict else (None, None)
            _save(actor, alarm, f"judge_{verdict or 'none'}", text)
    return alarm


def comment_alarm(*, actor: Actor, alarm_id: UUID, text: str) -> AlarmNote:
    if not text.strip():
        raise Invalid("text", "is empty")
    with services.unit(actor):
        alarm = selectors.alarm_for_update(actor, alarm_id)
        return _save(actor, alarm, "comment", text)


def _save(actor: Actor, alarm: Alarm, kind: str, text: str) -> AlarmNote:
    if len(text) > 1000:
        raise Invalid("text", "is longer than 1000 characters")
    alarm.changed_at = clock.now()
    alarm.save()
    note = AlarmNote.objects.create(alarm=alarm, account_id=actor.account_id, kind=kind, text=text.strip())
    audit.record(actor=actor, action=f"alarm.{kind}", kind="alarm", ref=alarm.pk, area=alarm.area_path)
    emit_changed([alarm.pk])
    return note


def emit_changed(alarm_ids: list[UUID]) -> None:
    """`alarm.changed` for each, made by the same SQL that sense uses, so that consumers see one shape."""
    with connection.cursor() as cursor:
        for alarm_id in alarm_ids:
            cursor.execute(
                "SELECT devices_alarm_event(a, 'alarm.changed', %s) FROM devices_alarm a WHERE a.id = %s",
                [ids.new_id(), alarm_id],
            )
        cursor.execute("SELECT pg_notify('linli_outbox', '')")


def clear_all(*, actor: Actor, reason: str, **which: Any) -> int:
    """End the active alarms of a device or rule that no longer judges; part of the caller's transaction."""
    active = Alarm.objects.select_for_update().filter(cleared_at=None, **which)
    found = list(active.values_list("pk", "raised_at"))
    now = clock.now()
    for pk, raised_at in found:
        Alarm.objects.filter(pk=pk).update(cleared_at=max(now, raised_at), clear_reason=reason, changed_at=now)
    emit_changed([pk for pk, _ in found])
    return len(found)
