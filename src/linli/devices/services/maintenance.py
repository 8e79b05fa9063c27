"""Planned works at devices: written, changed, ended early; what was held comes to life when they are over."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from linli.devices import maintenance_selectors as selectors
from linli.devices.models import Device, Maintenance, ThingModel
from linli.kernel import audit, clock, events, ids, jobs, services
from linli.kernel.actor import SYSTEM, Actor, contains
from linli.kernel.errors import Conflict, FieldError, Invalid
from linli.places import facade as places

FIELDS = ("title", "reason", "who", "starts_at", "ends_at", "area_path", "device_ids", "tags", "model_codes")
LONGEST, MOST = timedelta(days=90), 2000


def create_maintenance(*, actor: Actor, body: Mapping[str, Any]) -> Maintenance:
    """`body` has the fields of `FIELDS`. Alarms that stand already are not held."""
    row = Maintenance(id=ids.new_id(), created_by=actor.account_id)
    with services.unit(actor):
        _fill(actor, row, body)
        if row.ends_at <= clock.now():
            raise Invalid("ends_at", "has passed")
        _save(actor, row, "create")
    return row


def update_maintenance(*, actor: Actor, window_id: UUID, version: int, body: Mapping[str, Any]) -> Maintenance:
    """Replace the given fields. What no longer lies in it comes to life; of one that runs the beginning stays."""
    with services.unit(actor):
        row = selectors.window_for_update(actor, window_id)
        if row.version != version:
            raise Conflict(f"the window is at version {row.version} by now", code="stale")
        _open(row)
        if row.starts_at <= clock.now() and body.get("starts_at", row.starts_at) != row.starts_at:
            raise Invalid("starts_at", "cannot be moved: the works have begun")
        _fill(actor, row, body)
        row.version += 1
        _save(actor, row, "update")
        release()
    return row


def end_maintenance(*, actor: Actor, window_id: UUID, text: str = "") -> Maintenance:
    """The works are done early, or do not take place. What was held and still stands comes to life now."""
    with services.unit(actor):
        row = selectors.window_for_update(actor, window_id)
        _open(row)
        row.ended_at = clock.now()
        row.version += 1
        _save(actor, row, "end", text)
        release()
    return row


def _open(row: Maintenance) -> None:
    if state_of(row, clock.now()) in ("over", "cancelled"):
        raise Conflict("the works are over", code="over")


def state_of(row: Maintenance, now: datetime) -> str:
    if row.ended_at is not None:
        return "cancelled" if row.ended_at <= row.starts_at else "over"
    if row.ends_at <= now:
        return "over"
    return "running" if row.starts_at <= now else "upcoming"


def _fill(actor: Actor, row: Maintenance, body: Mapping[str, Any]) -> None:
    if row.area_path:  # whoever changes a window may do so where it was, too
        actor.require("alarms.act", row.area_path)
    for name in FIELDS:
        if name in body:
            setattr(row, name, body[name])
    for name in ("device_ids", "tags", "model_codes"):
        setattr(row, name, getattr(row, name) or None)
    for name in ("title", "reason", "who"):
        setattr(row, name, getattr(row, name).strip())
    if found := [*_times(row), *_words(row)]:
        raise Invalid(errors=found)
    actor.require("alarms.act", row.area_path)
    if found := _reach(row):
        raise Invalid(errors=found)


def _times(row: Maintenance) -> list[FieldError]:
    found = []
    for name in ("starts_at", "ends_at"):
        at = getattr(row, name)
        if at is None or at.tzinfo is None:
            found.append(FieldError(name, "needs an offset, such as 2026-11-23T08:00:00+08:00"))
    if not found and not row.starts_at < row.ends_at <= row.starts_at + LONGEST:
        found.append(FieldError("ends_at", "must be after the beginning, at most 90 days"))
    return found


def _words(row: Maintenance) -> list[FieldError]:
    found = [FieldError(n, "is missing") for n in ("title", "reason") if not getattr(row, n)]
    for name, most in (("title", 120), ("reason", 1000), ("who", 120)):
        if len(getattr(row, name)) > most:
            found.append(FieldError(name, f"is longer than {most} characters"))
    if not row.area_path or places.grid_at(row.area_path) is None:
        found.append(FieldError("area_path", "is not a grid in force"))
    return found


def _reach(row: Maintenance) -> list[FieldError]:
    """The devices and kinds it names must be there, and within its area."""
    found = []
    if row.device_ids is not None:
        things = Device.objects.filter(pk__in=row.device_ids, model__subject="place")
        known = dict(things.values_list("pk", "area_path"))
        if len(row.device_ids) > MOST:
            found.append(FieldError("device_ids", f"are more than {MOST}: name a tag, a kind or an area"))
        elif any(d not in known or not contains(row.area_path, known[d]) for d in row.device_ids):
            found.append(FieldError("device_ids", "has devices that are unknown or outside of the area"))
    if row.model_codes is not None:
        known_models = ThingModel.objects.filter(pk__in=row.model_codes, subject="place").count()
        if known_models != len(set(row.model_codes)):
            found.append(FieldError("models", "has kinds that are unknown"))
    if any(not 1 <= len(t) <= 40 for t in row.tags or ()):
        found.append(FieldError("tags", "must have 1 to 40 characters each"))
    return found


def _save(actor: Actor, row: Maintenance, act: str, text: str = "") -> None:
    row.state, row.changed_at = state_of(row, clock.now()), clock.now()
    row.save()
    detail = {"version": row.version, "starts_at": row.starts_at.isoformat(), "ends_at": row.ends_at.isoformat()}
    audit.record(actor=actor, action=f"maintenance.{act}", kind="maintenance", ref=row.pk, area=row.area_path,
                 detail=detail | ({"text": text[:1000]} if text else {}))  # fmt: skip
    _tell(row, act)
    if row.ended_at is None:
        from linli.devices.jobs import maintenance_over

        jobs.defer(maintenance_over, after=max(1.0, (row.ends_at - clock.now()).total_seconds() + 1))


def _tell(row: Maintenance, act: str) -> None:
    events.emit(type="maintenance.changed", kind="maintenance", ref=row.pk, area=row.area_path,
                permission="alarms.view", data={"act": act, "state": row.state, "title": row.title,
                                                "starts_at": row.starts_at.isoformat(),
                                                "ends_at": row.ends_at.isoformat()})  # fmt: skip


def tick() -> None:
    """By the clock: tell what began and what is over, and let alarms come to life."""
    now = clock.now()
    with services.unit(SYSTEM):
        for row in selectors.due_windows(now):
            row.state = state_of(row, now)
            row.save(update_fields=["state"])
            _tell(row, "begin" if row.state == "running" else "over")
        release()


_RAISED = "SELECT devices_alarm_event(a, 'alarm.raised', gen_random_uuid()) FROM devices_alarm a WHERE a.id = ANY(%s)"


def release() -> int:
    """Alarms that still stand where the works are over: raised now, for everybody who hears of alarms."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT devices_maintenance_release(%s)", [clock.now()])
        alive = [row[0] for row in cursor.fetchall()]
        cursor.execute(_RAISED, [alive])
        cursor.execute("SELECT pg_notify('linli_outbox', '')")
    return len(alive)
