"""Reads of incidents. Whoever may see an incident's area may see all of its alarms; the others see their own alarms."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q, QuerySet

from linli.devices import locks
from linli.devices.incident_models import ROOTS
from linli.devices.models import SEVERITIES, Alarm, Incident, IncidentNote
from linli.kernel import clock, paging
from linli.kernel.actor import Actor
from linli.kernel.errors import Invalid, NotFound
from linli.kernel.scope import area_q, within


def _visible(actor: Actor) -> QuerySet[Incident]:
    return Incident.objects.filter(area_q(actor, "alarms.view"))


def incidents(
    actor: Actor, *, state: str = "active", root: str = "", severity: str = "", area: str = "",
    shelved: bool | None = False, whose: Q | None = None, cursor: str | None = None,
    limit: int = paging.DEFAULT_LIMIT,
) -> tuple[list[Incident], str | None]:  # fmt: skip
    """A page, newest first; each with `active`, `unacknowledged` and `shelved` alarms. `shelved` None means both."""
    if state not in ("active", "ended", "all"):
        raise Invalid("state", "must be active, ended or all")
    if root and root not in ROOTS:
        raise Invalid("root", f"must be one of {', '.join(ROOTS)}")
    wanted = [s for s in severity.split(",") if s]
    if set(wanted) - set(SEVERITIES):
        raise Invalid("severity", f"must be some of {', '.join(SEVERITIES)}")
    found = _visible(actor).filter(within(area)).select_related("device")
    if whose is not None:
        found = found.filter(whose)
    if state != "all":
        found = found.filter(ended_at__isnull=state == "active")
    if root:
        found = found.filter(root=root)
    if wanted:
        found = found.filter(severity__in=wanted)
    if shelved is not None and state != "ended":
        on_shelf = Q(shelved_until__gt=clock.now(), ended_at=None)
        found = found.filter(on_shelf) if shelved else found.exclude(on_shelf)
    rows, after = paging.keyset(found, key=("-created_at", "-id"), cursor=cursor, limit=limit)
    _mark(rows)
    return rows, after


def _mark(rows: Iterable[Incident]) -> None:
    listed = list(rows)
    now = clock.now()
    shown = Q(shelved_until=None) | Q(shelved_until__lte=now)
    counts = {
        r["incident_id"]: r
        for r in Alarm.objects.filter(incident__in=[r.pk for r in listed], cleared_at=None)
        .values("incident_id").order_by()
        .annotate(active=Count("pk"), unacknowledged=Count("pk", filter=shown & Q(acknowledged_at=None)))
    }  # fmt: skip
    for row in listed:
        found = counts.get(row.pk, {})
        row.active, row.unacknowledged = found.get("active", 0), found.get("unacknowledged", 0)  # type: ignore[attr-defined]


def incident(actor: Actor, incident_id: UUID) -> Incident:
    row = _visible(actor).select_related("device").filter(pk=incident_id).first()
    if row is None:
        raise NotFound()
    _mark([row])
    return row


def incident_for_update(actor: Actor, incident_id: UUID) -> Incident:
    rows = Incident.objects.all()
    return locks.for_update(rows, actor, "alarms.act", incident_id, lambda: incident(actor, incident_id))


def notes(incident_id: UUID) -> list[IncidentNote]:
    return list(IncidentNote.objects.filter(incident_id=incident_id).order_by("at", "id"))


_AREAS = """
SELECT a.area_path, count(DISTINCT a.device_id), count(DISTINCT a.device_id) FILTER (WHERE a.cleared_at IS NULL)
FROM devices_alarm a WHERE a.incident_id = %s GROUP BY 1 ORDER BY 3 DESC, 2 DESC, 1 LIMIT 100
"""
_MODELS = """
SELECT d.model_id, count(DISTINCT a.device_id), count(DISTINCT a.device_id) FILTER (WHERE a.cleared_at IS NULL)
FROM devices_alarm a JOIN devices_device d ON d.id = a.device_id
WHERE a.incident_id = %s GROUP BY 1 ORDER BY 3 DESC, 2 DESC, 1 LIMIT 100
"""
_POINTS = """
SELECT a.device_id::text, a.lon, a.lat, bool_or(a.cleared_at IS NULL)
FROM devices_alarm a WHERE a.incident_id = %s AND a.lon IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 1 LIMIT 2000
"""


def spread(incident_id: UUID) -> dict[str, list[dict[str, Any]]]:
    """Its devices by area and by model (how many, how many still alarm), and where they are (2,000 at most)."""
    with connection.cursor() as cursor:
        cursor.execute(_AREAS, [incident_id])
        areas = [{"area_path": a, "devices": n, "active": on} for a, n, on in cursor.fetchall()]
        cursor.execute(_MODELS, [incident_id])
        models = [{"model": m, "devices": n, "active": on} for m, n, on in cursor.fetchall()]
        cursor.execute(_POINTS, [incident_id])
        points = [{"device_id": d, "lon": x, "lat": y, "active": on} for d, x, y, on in cursor.fetchall()]
    return {"areas": areas, "models": models, "points": points}


def hidden_behind(actor: Actor) -> QuerySet[Incident]:
    """Incidents whose row stands for their alarms in the actor's list."""
    return _visible(actor)
