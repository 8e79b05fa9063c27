"""Storms: alarms with one root become one incident; it ends when its alarms have.

`gather` may run anywhere and often (consumers of alarm events, cases, a minute's tick): an advisory lock lets one work
at a time, and an index allows one open incident a root. It takes alarms in sets: 2,000 cost little more than 20.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from linli.devices import storms
from linli.devices.models import Alarm, Device, Incident, Rule
from linli.kernel import clock, events, ids, services
from linli.kernel.actor import SYSTEM
from linli.places import facade as places

LOCK = "devices-incidents"
SILENT = {"zh": "设备无数据", "en": "devices silent"}


def due() -> bool:
    """Whether an alarm has not been looked at yet, or an incident is over."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT devices_incidents_due()")
        return bool(cursor.fetchone()[0])


def gather() -> None:
    """Bring what is new to its incident, make those that are missing, end those that are over."""
    if not due():
        return
    with services.unit(SYSTEM):
        services.alone(LOCK)
        now = clock.now()
        opened, grown = set[UUID](), set[UUID]()
        ways = storms.ways()
        pool = _pool(max((w.window for w in ways), default=timedelta()))
        for way in ways if pool else ():
            grown |= _join(way, pool, now)
            while roots := _roots(way, pool):
                opened |= _open(way, roots, now)
                if not (joined := _join(way, pool, now)):
                    break
                grown |= joined
        Alarm.objects.filter(pk__in=pool, looked_at=None).update(looked_at=now)
        _count(opened | grown, now)
        ended = _end(now)
        tell(opened, "incident.raised", "open")
        tell(grown - opened - ended, "incident.changed", "grow")
        tell(ended, "incident.changed", "end")


def _pool(around: timedelta) -> list[UUID]:
    """Alarms without an incident that are new or near to new ones, locked."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT devices_incident_pool(%s)", [around])
        return [row[0] for row in cursor.fetchall()]


def _join(way: storms.Way, pool: list[UUID], now: datetime) -> set[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT incident_id FROM devices_incident_join(%s, %s, %s, %s::uuid[], %s, %s, %s)",
            [way.by, way.prefix, way.depth, pool, way.window, way.later, now],
        )
        return {row[0] for row in cursor.fetchall()}


def _roots(way: storms.Way, pool: list[UUID]) -> list[tuple[Any, ...]]:
    """Roots that are dense enough: (key, nature, since, newest). A device has one gateway and one place but may have
    several tags: of these only the largest group, since what it takes is not there for the others."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key, nature, since, newest FROM devices_incident_roots(%s, %s, %s, %s::uuid[], %s, %s) LIMIT %s",
            [way.by, way.prefix, way.depth, pool, way.window, way.least, 1 if way.by == "tag" else None],
        )
        return cursor.fetchall()


def _open(way: storms.Way, roots: list[tuple[Any, ...]], now: datetime) -> set[UUID]:
    """An incident for each root, still without its alarms. One that is open, and was left alone for so long that
    nothing joined it any more, is stretched to take them; those made new are returned."""
    open_ones = {(i.key, i.nature): i for i in Incident.objects.filter(
        root=way.by, ended_at=None, key__in=[r[0] for r in roots])}  # fmt: skip
    for key, nature, since, newest in roots:
        if found := open_ones.get((key, nature)):
            found.began_at, found.last_at = min(found.began_at, since + way.window), max(found.last_at, newest)
            found.save(update_fields=["began_at", "last_at"])
    missing = [r for r in roots if (r[0], r[1]) not in open_ones]
    return {i.pk for i in Incident.objects.bulk_create(_rows(way, missing, now))}


def _rows(way: storms.Way, roots: list[tuple[Any, ...]], now: datetime) -> list[Incident]:
    rules = {str(r.pk): r for r in Rule.objects.filter(pk__in=[n for _, n, *_ in roots if n != storms.SILENCE])}
    keys = [k for k, *_ in roots] if way.by == "gateway" else []
    gateways = {str(d.pk): d for d in Device.objects.filter(pk__in=keys)}
    made = []
    for key, nature, since, newest in roots:
        rule, gateway = rules.get(nature), gateways.get(key)
        name = _name(way, key, gateway)
        title = {"zh": rule.title_zh, "en": rule.title_en} if rule else SILENT
        made.append(Incident(
            id=ids.new_id(), root=way.by, key=key, nature=nature, device=gateway, name_zh=name["zh"][:160],
            name_en=name["en"][:160], title_zh=title["zh"], title_en=title["en"], severity="info",
            area_path=gateway.area_path if gateway else "", lon=gateway.lon if gateway else None,
            lat=gateway.lat if gateway else None, began_at=since + way.window, last_at=newest, created_at=now,
            changed_at=now,
        ))  # fmt: skip
    return made


def _name(way: storms.Way, key: str, gateway: Device | None) -> dict[str, str]:
    if way.by == "place":
        return {"zh": places.grid_name(key), "en": places.grid_name(key, "en")}
    if gateway is not None:
        return {"zh": gateway.name_zh, "en": gateway.name_en or gateway.name_zh}
    short = key.removeprefix(way.prefix)
    return {"zh": f"{way.name['zh']} {short}", "en": f"{way.name['en']} {short}"}


def _count(which: Iterable[UUID], now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT devices_incident_count(%s::uuid[], %s)", [list(which), now])


def recount(incident_id: UUID) -> None:
    """After a person took an alarm out, or put it back; within the caller's transaction."""
    _count([incident_id], clock.now())


def _end(now: datetime) -> set[UUID]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT devices_incidents_end(%s)", [now])
        return {row[0] for row in cursor.fetchall()}


# What case an incident asks for: the root's own alarm decides, then the urgent, then what most alarms ask for.
_POLICY = """
SELECT a.incident_id, r."case", (array_agg(a.id ORDER BY a.raised_at, a.id))[1]
FROM devices_alarm a JOIN devices_rule r ON r.id = a.rule_id JOIN devices_incident i ON i.id = a.incident_id
WHERE a.incident_id = ANY(%s::uuid[]) AND a.cleared_at IS NULL AND jsonb_typeof(r."case") = 'object'
GROUP BY a.incident_id, r."case"
ORDER BY bool_or(a.device_id = i.device_id), coalesce((r."case"->>'urgent')::boolean, false), count(*),
         r."case"->>'class'
"""


def _policies(which: Iterable[UUID]) -> dict[UUID, tuple[Any, UUID]]:
    with connection.cursor() as cursor:
        cursor.execute(_POLICY, [list(which)])
        return {
            incident: (orjson.loads(policy) if isinstance(policy, str) else policy, alarm)
            for incident, policy, alarm in cursor.fetchall()
        }


def tell(which: Iterable[UUID], type: str, act: str) -> None:
    """One event an incident, with what case it asks for."""
    wanted = list(which)
    if not wanted:
        return
    policies = _policies(wanted)
    for row in Incident.objects.filter(pk__in=wanted).order_by("created_at", "pk"):
        policy, alarm = policies.get(row.pk, (None, None))
        events.emit(type=type, kind="incident", ref=row.pk, area=row.area_path, permission="alarms.view",
                    data=_told(row) | {"act": act, "case": policy,
                                       "alarm_id": str(alarm) if alarm else None})  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify('linli_outbox', '')")


def _told(row: Incident) -> dict[str, Any]:
    name, title = {"zh": row.name_zh, "en": row.name_en}, {"zh": row.title_zh, "en": row.title_en}
    return {
        "incident_id": str(row.pk), "root": row.root, "device_id": str(row.device_id) if row.device_id else None,
        "name": name, "title": storms.headline(name, title, row.devices), "severity": row.severity,
        "state": "ended" if row.ended_at else "active", "alarms": row.alarms, "devices": row.devices,
        "began_at": row.began_at.isoformat(), "ended_at": row.ended_at.isoformat() if row.ended_at else None,
        "area_path": row.area_path, "lon": row.lon, "lat": row.lat,
    }  # fmt: skip
