"""Writes of duty and positions. Positions leave no audit row: their own rows are the record, for 30 days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from linli.identity import facade as identity
from linli.kernel import audit, clock, events, services
from linli.kernel.actor import SYSTEM, Actor
from linli.kernel.errors import Conflict, Invalid, NotFound
from linli.kernel.scope import area_or_own
from linli.work import rules
from linli.work.models import Duty, Position

MAX_POINTS = 500


@dataclass(frozen=True, slots=True)
class Point:
    at: datetime
    lon: float
    lat: float
    accuracy_m: float | None = None


def sign_on(
    *, actor: Actor, duty_id: UUID, area_path: str | None = None, team_id: UUID | None = None,
    client_at: datetime | None = None,
) -> Duty:  # fmt: skip
    """Begin duty; the id is the client's, so that a resent sign-on is known. A duty still open ends."""
    assert actor.account_id is not None
    area = area_or_own(actor, "duty.self", area_path)
    if team_id is not None and team_id not in actor.team_ids:
        raise Invalid("team_id", "is not one of your teams")
    now = clock.now()
    at = rules.sensible_time(client_at, now, now - rules.LONGEST_DUTY)
    with services.unit(actor):
        identity.lock_account(actor.account_id)  # two phones at once
        known = Duty.objects.filter(id=duty_id).first()
        if known is not None:
            return _own(actor, known)
        for open_duty in Duty.objects.filter(account_id=actor.account_id, ended_at=None):
            _end(actor, open_duty, max(at, open_duty.started_at), "replaced")
        try:
            with transaction.atomic():
                duty = Duty.objects.create(
                    id=duty_id, account_id=actor.account_id, team_id=team_id, area_path=area, started_at=at
                )
        except IntegrityError:
            raise Conflict("this id was used by someone else") from None
        _changed(actor, duty, "on")
    return duty


def _own(actor: Actor, duty: Duty) -> Duty:
    if duty.account_id != actor.account_id:
        raise NotFound()
    return duty


def sign_off(*, actor: Actor, duty_id: UUID, client_at: datetime | None = None) -> Duty:
    with services.unit(actor):
        duty = _locked(actor, duty_id)
        if duty.ended_at is None:
            _end(actor, duty, rules.sensible_time(client_at, clock.now(), duty.started_at), "self")
    return duty


def _locked(actor: Actor, duty_id: UUID) -> Duty:
    duty = Duty.objects.select_for_update(of=("self",)).filter(id=duty_id, account_id=actor.account_id).first()
    if duty is None:
        raise NotFound()
    return duty


def _end(actor: Actor, duty: Duty, at: datetime, by: str) -> None:
    duty.ended_at, duty.ended_by = at, by
    duty.lon = duty.lat = duty.accuracy_m = duty.position_at = None
    duty.save()
    Position.objects.filter(duty=duty, at__gt=at).delete()
    _changed(actor, duty, "off", by=by)


def _changed(actor: Actor, duty: Duty, action: str, **detail: Any) -> None:
    audit.record(actor=actor, action=f"duty.{action}", kind="duty", ref=duty.id, area=duty.area_path, detail=detail)
    events.emit(
        type="duty.changed", kind="duty", ref=duty.id, area=duty.area_path, permission="duty.view",
        data={"duty_id": str(duty.id), "account_id": str(duty.account_id), "state": action},
    )  # fmt: skip


def report_positions(*, actor: Actor, duty_id: UUID, points: Sequence[Point]) -> int:
    """Keep positions of one's own duty: those within it, at least 10 s apart. Returns how many were kept.

    Late ones (offline) are welcome in any order; the last position moves only forward.
    """
    _check(points)
    with services.unit(actor):
        duty = _locked(actor, duty_id)
        now = clock.now()
        latest = min(duty.ended_at or now, now + rules.CLOCK_SLACK)
        oldest = max(duty.started_at, now - timedelta(days=rules.POSITION_DAYS))
        inside = sorted((p for p in points if oldest <= p.at <= latest), key=lambda p: p.at)
        held = Position.objects.filter(duty=duty, at__gte=oldest).values_list("at", flat=True) if inside else []
        kept = [inside[i] for i in rules.thin([p.at for p in inside], list(held))]
        rows = [Position(duty=duty, at=p.at, lon=p.lon, lat=p.lat, accuracy_m=p.accuracy_m) for p in kept]
        Position.objects.bulk_create(rows, ignore_conflicts=True)
        if kept and duty.ended_at is None and (duty.position_at is None or kept[-1].at > duty.position_at):
            _moved(duty, kept[-1])
    return len(kept)


def _check(points: Sequence[Point]) -> None:
    if len(points) > MAX_POINTS:
        raise Invalid("positions", f"at most {MAX_POINTS} at once")
    for i, point in enumerate(points):
        if not (-180 <= point.lon <= 180):
            raise Invalid(f"positions.{i}.lon", "must be between -180 and 180")
        if not (-90 <= point.lat <= 90):
            raise Invalid(f"positions.{i}.lat", "must be between -90 and 90")
        if point.at.tzinfo is None:
            raise Invalid(f"positions.{i}.at", "needs an offset, such as +08:00")


def _moved(duty: Duty, point: Point) -> None:
    """The event says only that somebody moved; where, is asked by those who may know."""
    duty.lon, duty.lat, duty.accuracy_m, duty.position_at = point.lon, point.lat, point.accuracy_m, point.at
    duty.save(update_fields=["lon", "lat", "accuracy_m", "position_at"])
    events.emit(
        type="duty.changed", kind="duty", ref=duty.id, area=duty.area_path, permission="positions.view",
        data={"duty_id": str(duty.id), "account_id": str(duty.account_id), "state": "moved"},
    )  # fmt: skip


def purge_positions() -> int:
    """Positions older than 30 days go, whatever they belong to."""
    count, _ = Position.objects.filter(at__lt=clock.now() - timedelta(days=rules.POSITION_DAYS)).delete()
    return count


def end_long_duties() -> int:
    """A forgotten sign-off: duty ends by itself after 16 hours, and with it the position on the map."""
    found = list(Duty.objects.filter(ended_at=None, started_at__lt=clock.now() - rules.LONGEST_DUTY)[:500])
    for duty in found:
        with services.unit(SYSTEM):
            _end(SYSTEM, duty, duty.started_at + rules.LONGEST_DUTY, "timeout")
    return len(found)
