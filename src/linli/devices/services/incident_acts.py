"""What people do with an incident: one act for all of its alarms, that can be undone.

Alarms that sense changes this moment are passed over (neither waits for the other); asked again, they are there.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from linli.devices import incident_selectors, selectors
from linli.devices.models import Alarm, Incident, IncidentNote
from linli.devices.services import incidents
from linli.devices.services.alarms import MAX_SHELF
from linli.kernel import audit, clock, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict, Invalid, NotFound


def acknowledge_incident(*, actor: Actor, incident_id: UUID, text: str = "") -> Incident:
    """Someone has seen it: all of its active alarms. Those that join later have been seen by nobody."""
    with services.unit(actor):
        row = _locked(actor, incident_id)
        now = clock.now()
        changed = see_all(row, actor.account_id, now)
        if changed:
            _note(actor, row, "acknowledge", text, at=now, alarms=changed)
    return row


def see_all(row: Incident, account_id: UUID | None, now: datetime) -> int:
    """Its active alarms that nobody had seen are acknowledged; returns how many. Part of the caller's transaction."""
    return _change(row, "acknowledged_at IS NULL", "acknowledged_at = %s, acknowledged_by = %s", [now, account_id], now)


def unsee_all(row: Incident, account_id: UUID | None, at: datetime, now: datetime) -> None:
    """The undo of `see_all` at a moment."""
    _change(row, "acknowledged_at = %s AND acknowledged_by IS NOT DISTINCT FROM %s",
            "acknowledged_at = NULL, acknowledged_by = NULL", [], now, [at, account_id])  # fmt: skip


def shelve_incident(*, actor: Actor, incident_id: UUID, until: datetime, text: str = "") -> Incident:
    """Out of the list until a moment, with whatever joins meanwhile. Alarms that lie longer on the shelf stay there."""
    if until.tzinfo is None:
        raise Invalid("until", "needs an offset, such as 2026-11-23T08:00:00+08:00")
    now = clock.now()
    if not now < until <= now + MAX_SHELF:
        raise Invalid("until", "must lie ahead, at most 30 days")
    with services.unit(actor):
        row = _locked(actor, incident_id)
        if row.ended_at is not None:
            raise Conflict("the incident is over", code="ended")
        row.shelved_until = until
        row.save(update_fields=["shelved_until"])
        changed = _change(row, "(shelved_until IS NULL OR shelved_until < %s)", "shelved_until = %s", [until], now,
                          [until])  # fmt: skip
        _note(actor, row, "shelve", text, at=now, alarms=changed, until=until)
    return row


def undo_incident_act(*, actor: Actor, incident_id: UUID, note_id: UUID) -> Incident:
    """Take back an acknowledgement or a shelving: of the alarms that it changed, and still are as it left them."""
    with services.unit(actor):
        row = _locked(actor, incident_id)
        note = IncidentNote.objects.select_for_update().filter(pk=note_id, incident=row).first()
        if note is None:
            raise NotFound()
        if note.kind not in ("acknowledge", "shelve") or note.undone_at is not None:
            raise Conflict("there is nothing to undo", code="undone")
        now = clock.now()
        if note.kind == "acknowledge":
            unsee_all(row, note.account_id, note.at, now)
        else:
            _change(row, "shelved_until = %s", "shelved_until = NULL", [], now, [note.until])
            Incident.objects.filter(pk=row.pk, shelved_until=note.until).update(shelved_until=None)
        IncidentNote.objects.filter(pk=note.pk).update(undone_at=now)
        _note(actor, row, "undo", "", at=now)
        row.refresh_from_db()
    return row


def comment_incident(*, actor: Actor, incident_id: UUID, text: str) -> IncidentNote:
    if not text.strip():
        raise Invalid("text", "is empty")
    with services.unit(actor):
        return _note(actor, _locked(actor, incident_id), "comment", text)


def take_out(*, actor: Actor, incident_id: UUID, alarm_id: UUID) -> Incident:
    """An alarm that has nothing to do with it stands by itself again, for good: no storm takes it back."""
    with services.unit(actor):
        row = _locked(actor, incident_id)
        alarm = selectors.alarm_for_update(actor, alarm_id)
        if alarm.incident_id != row.pk:
            raise Conflict("the alarm is not part of it", code="apart")
        Alarm.objects.filter(pk=alarm.pk).update(incident=None, apart=True, looked_at=clock.now())
        _moved(actor, row, alarm_id, "take_out")
    return row


def put_back(*, actor: Actor, incident_id: UUID, alarm_id: UUID) -> Incident:
    """An alarm that was taken out, or was never in, becomes part of an open incident."""
    with services.unit(actor):
        row = _locked(actor, incident_id)
        alarm = selectors.alarm_for_update(actor, alarm_id)
        if alarm.incident_id == row.pk:
            return row
        if row.ended_at is not None or alarm.cleared_at is not None or alarm.incident_id is not None:
            raise Conflict("the alarm or the incident is over, or it is part of another", code="ended")
        Alarm.objects.filter(pk=alarm.pk).update(incident=row, apart=False, looked_at=clock.now())
        _moved(actor, row, alarm_id, "put_back")
    return row


def _moved(actor: Actor, row: Incident, alarm_id: UUID, kind: str) -> None:
    Alarm.objects.filter(pk=alarm_id).update(changed_at=clock.now())
    incidents.recount(row.pk)
    row.refresh_from_db()
    actor.require("alarms.act", row.area_path)  # with an alarm from elsewhere it would reach beyond one's area
    _note(actor, row, kind, "", alarm_id=alarm_id, alarms=1)
    with connection.cursor() as cursor:
        cursor.execute(_TELL, [[alarm_id]])


def _locked(actor: Actor, incident_id: UUID) -> Incident:
    """Under the lock of `gather`, so that no storm grows meanwhile."""
    services.alone(incidents.LOCK)
    return incident_selectors.incident_for_update(actor, incident_id)


_TELL = "SELECT devices_alarm_event(a, 'alarm.changed', gen_random_uuid()) FROM devices_alarm a WHERE a.id = ANY(%s)"


def _change(row: Incident, where: str, what: str, values: list[Any], now: datetime, more: list[Any] | None = None
            ) -> int:  # fmt: skip
    """Change its active alarms of a condition by one statement, and tell of each; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""WITH held AS (SELECT id FROM devices_alarm WHERE incident_id = %s AND cleared_at IS NULL AND {where}
                              FOR NO KEY UPDATE SKIP LOCKED)
                UPDATE devices_alarm a SET {what}, changed_at = %s FROM held WHERE a.id = held.id RETURNING a.id""",
            [row.pk, *(more or []), *values, now],
        )
        changed = [found for (found,) in cursor.fetchall()]
        cursor.execute(_TELL, [changed])
    return len(changed)


def _note(actor: Actor, row: Incident, kind: str, text: str, **more: Any) -> IncidentNote:
    if len(text) > 1000:
        raise Invalid("text", "is longer than 1000 characters")
    at = more.pop("at", None) or clock.now()
    Incident.objects.filter(pk=row.pk).update(changed_at=at)
    note = IncidentNote.objects.create(incident=row, account_id=actor.account_id, kind=kind, text=text.strip(), at=at,
                                       **more)  # fmt: skip
    audit.record(actor=actor, action=f"incident.{kind}", kind="incident", ref=row.pk, area=row.area_path,
                 detail={"alarms": note.alarms})  # fmt: skip
    incidents.tell([row.pk], "incident.changed", kind)
    return note
