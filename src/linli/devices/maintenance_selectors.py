"""Reads of planned works: upcoming, running and over."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q, QuerySet

from linli.devices import locks
from linli.devices.models import Alarm, Maintenance
from linli.kernel import clock, paging
from linli.kernel.actor import Actor
from linli.kernel.errors import Invalid, NotFound
from linli.kernel.scope import area_q, within

STATES = ("current", "upcoming", "running", "over", "all")


def windows(
    actor: Actor, *, state: str = "current", area: str = "", cursor: str | None = None,
    limit: int = paging.DEFAULT_LIMIT,
) -> tuple[list[Maintenance], str | None]:  # fmt: skip
    """A page, the last to begin first; `current`: upcoming and running. Each with `devices` and `held` alarms."""
    if state not in STATES:
        raise Invalid("state", f"must be one of {', '.join(STATES)}")
    found = _visible(actor).filter(within(area)).filter(_in_state(state))
    rows, after = paging.keyset(found, key=("-starts_at", "-id"), cursor=cursor, limit=limit)
    _mark(rows)
    return rows, after


def _in_state(state: str) -> Q:
    now = clock.now()
    ahead = Q(ended_at=None, ends_at__gt=now)
    return {
        "all": Q(), "current": ahead, "over": ~ahead, "upcoming": ahead & Q(starts_at__gt=now),
        "running": ahead & Q(starts_at__lte=now),
    }[state]  # fmt: skip


def _visible(actor: Actor) -> QuerySet[Maintenance]:
    return Maintenance.objects.filter(area_q(actor, "alarms.view"))


_REACH = """
SELECT m.id, count(d.id) FROM devices_maintenance m LEFT JOIN devices_device d ON d.state IN ('active', 'planned')
      AND (d.area_path = m.area_path OR starts_with(d.area_path, m.area_path || '.'))
      AND (m.device_ids IS NULL OR d.id = ANY(m.device_ids)) AND (m.tags IS NULL OR d.tags && m.tags)
      AND (m.model_codes IS NULL OR d.model_id = ANY(m.model_codes))
      AND EXISTS (SELECT 1 FROM devices_thing_model t WHERE t.code = d.model_id AND t.subject = 'place')
WHERE m.id = ANY(%s) GROUP BY m.id
"""


def _mark(rows: Iterable[Maintenance]) -> None:
    listed = list(rows)
    with connection.cursor() as cursor:
        cursor.execute(_REACH, [[r.pk for r in listed]])
        devices = dict(cursor.fetchall())
    held = dict(
        Alarm.objects.filter(maintenance__in=[r.pk for r in listed], cleared_at=None)
        .values_list("maintenance_id").order_by().annotate(n=Count("pk"))
    )  # fmt: skip
    for row in listed:
        row.devices, row.held = devices.get(row.pk, 0), held.get(row.pk, 0)  # type: ignore[attr-defined]


def window(actor: Actor, window_id: UUID) -> Maintenance:
    row = _visible(actor).filter(pk=window_id).first()
    if row is None:
        raise NotFound()
    _mark([row])
    return row


def window_for_update(actor: Actor, window_id: UUID) -> Maintenance:
    rows = Maintenance.objects.all()
    return locks.for_update(rows, actor, "alarms.act", window_id, lambda: window(actor, window_id))


def due_windows(now: datetime) -> list[Maintenance]:
    """Windows that began or ended since they were last told of; locked, without those that another worker tells."""
    began = Q(state="upcoming", starts_at__lte=now)
    over = Q(state__in=["upcoming", "running"], ends_at__lte=now)
    found = Maintenance.objects.select_for_update(skip_locked=True).filter(began | over, ended_at=None)
    return list(found.order_by("starts_at", "id"))
