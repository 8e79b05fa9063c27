"""Figures of alarms: per rule, kind of device and department, and what flaps. Alarms held by works are in none of them.

They judge rules, things and services, never people: nothing here is told by who acknowledged, took or judged. Times are
of those that were acknowledged or taken; how many were not stands beside them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from linli.kernel import clock, paging
from linli.kernel.actor import Actor
from linli.kernel.errors import Invalid

BY = {
    "rule": ("r.code", "r.title_zh", "r.title_en", "r.id::text"),
    "model": ("m.code", "m.name_zh", "m.name_en", "''"),
    "department": ("d.owner_department", "d.owner_department", "d.owner_department", "''"),
}
FEW = 10  # fewer judged alarms than these tell little of a share
SPAN, LONGEST = timedelta(days=30), timedelta(days=366)

_FROM = """
FROM devices_alarm a JOIN devices_rule r ON r.id = a.rule_id JOIN devices_device d ON d.id = a.device_id
JOIN devices_thing_model m ON m.code = d.model_id LEFT JOIN devices_incident i ON i.id = a.incident_id
CROSS JOIN LATERAL (SELECT least(a.taken_at, i.taken_at) AS at) t
WHERE a.raised_at >= %(since)s AND a.raised_at < %(until)s AND a.maintenance_id IS NULL
  AND (%(everywhere)s OR a.area_path = ANY(%(areas)s) OR a.area_path LIKE ANY(%(below)s))
  AND (%(area)s = '' OR a.area_path = %(area)s OR starts_with(a.area_path, %(area)s || '.'))
  AND (%(model)s = '' OR d.model_id = %(model)s) AND (%(rule)s::uuid IS NULL OR a.rule_id = %(rule)s::uuid)
"""
_FIGURES = """
WITH f AS (
    SELECT {code} AS key, min({zh}) AS zh, min({en}) AS en, min({id}) AS id, count(*) AS alarms,
           count(DISTINCT a.device_id) AS devices, count(*) FILTER (WHERE a.cleared_at IS NULL) AS active,
           percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY extract(epoch FROM a.cleared_at - a.started_at))
               AS lasted,
           count(a.acknowledged_at) AS acknowledged,
           percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (
               ORDER BY CASE WHEN a.acknowledged_at IS NOT NULL
                             THEN greatest(extract(epoch FROM a.acknowledged_at - a.raised_at), 0) END) AS waited,
           count(t.at) AS taken,
           percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (
               ORDER BY CASE WHEN t.at IS NOT NULL
                             THEN greatest(extract(epoch FROM t.at - a.raised_at), 0) END) AS untaken,
           count(*) FILTER (WHERE EXISTS (SELECT 1 FROM devices_escalation e WHERE e.alarm_id = a.id)
                               OR EXISTS (SELECT 1 FROM devices_escalation e WHERE e.incident_id = a.incident_id))
               AS escalated,
           count(*) FILTER (WHERE a.verdict = 'true') AS right, count(*) FILTER (WHERE a.verdict = 'false') AS wrong,
           count(*) FILTER (WHERE a.verdict = 'test') AS tests
    {source} GROUP BY 1)
SELECT key, zh, en, id, alarms, devices, active, lasted[1], lasted[2], acknowledged, waited[1], waited[2], taken,
       untaken[1], untaken[2], escalated, "right", wrong, tests
FROM f WHERE %(after_n)s::bigint IS NULL OR (alarms, key) < (%(after_n)s::bigint, %(after_key)s::text)
ORDER BY alarms DESC, key DESC LIMIT %(limit)s
"""
_FLAPS = """
WITH f AS (
    SELECT a.device_id, a.rule_id, count(*) AS alarms, min(d.code) AS code, min(d.name_zh) AS zh,
           min(coalesce(nullif(d.name_en, ''), d.name_zh)) AS en, min(r.code) AS rule_code, min(r.title_zh) AS rule_zh,
           min(r.title_en) AS rule_en, max(a.raised_at) AS last_at, min(d.area_path) AS area_path,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM a.cleared_at - a.started_at)) AS lasted
    {source} GROUP BY 1, 2 HAVING count(*) >= 3)
SELECT device_id, rule_id, alarms, code, zh, en, rule_code, rule_zh, rule_en, last_at, area_path, lasted FROM f
WHERE %(after_n)s::bigint IS NULL
   OR (alarms, device_id, rule_id) < (%(after_n)s::bigint, %(after_key)s::uuid, %(after_rule)s::uuid)
ORDER BY alarms DESC, device_id DESC, rule_id DESC LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """Of which alarms: raised in a span, in an area, of a kind of device, of one rule."""

    since: datetime | None = None
    until: datetime | None = None
    area: str = ""
    model: str = ""
    rule_id: UUID | None = None

    def span(self) -> tuple[datetime, datetime]:
        until = self.until or clock.now()
        since = self.since or until - SPAN
        if since.tzinfo is None or until.tzinfo is None:
            raise Invalid("since", "needs an offset, such as 2026-11-23T08:00:00+08:00")
        if not since < until <= since + LONGEST:
            raise Invalid("until", "must be after the beginning, at most 366 days")
        return since, until


def figures(
    actor: Actor, asked: Asked, *, by: str = "rule", cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT
) -> tuple[list[dict[str, Any]], str | None]:
    """A page, the most alarms first."""
    if by not in BY:
        raise Invalid("by", f"must be one of {', '.join(BY)}")
    code, zh, en, key = BY[by]
    sql = _FIGURES.format(code=code, zh=zh, en=en, id=key, source=_FROM)
    found = _page(sql, _values(actor, asked), ("after_n", "after_key"), cursor, limit)
    rows = [_figure(r) for r in found[:limit]]
    more = len(found) > limit
    return rows, paging.encode([rows[-1]["alarms"], rows[-1]["key"]]) if more else None


def _figure(r: tuple[Any, ...]) -> dict[str, Any]:
    key, zh, en, rule_id, alarms, devices, active, median, p90, seen, *waits, right, wrong, tests = r
    waited, waited_90, taken, untaken, untaken_90, escalated = waits
    judged = right + wrong + tests
    return {
        "key": key, "name": {"zh": zh, "en": en}, "rule_id": rule_id or None, "alarms": alarms, "devices": devices,
        "active": active, "median_s": _seconds(median), "p90_s": _seconds(p90), "acknowledged": seen,
        "acknowledge_median_s": _seconds(waited), "acknowledge_p90_s": _seconds(waited_90), "taken": taken,
        "take_median_s": _seconds(untaken), "take_p90_s": _seconds(untaken_90), "escalated": escalated,
        "judged": judged, "true": right, "false": wrong, "test": tests, "few": judged < FEW,
        "false_share": round(wrong / (right + wrong), 3) if right + wrong else None,
    }  # fmt: skip


def flapping(
    actor: Actor, asked: Asked, *, cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT
) -> tuple[list[dict[str, Any]], str | None]:
    """Devices that raised one rule's alarm at least three times, the most first."""
    names = ("after_n", "after_key", "after_rule")
    if cursor:
        _ids(paging.decode(cursor, 3)[1:])
    found = _page(_FLAPS.format(source=_FROM), _values(actor, asked), names, cursor, limit)
    rows = [
        {"device_id": d, "rule_id": r, "alarms": n, "code": code, "name": {"zh": zh, "en": en}, "rule_code": rule,
         "rule": {"zh": rule_zh, "en": rule_en}, "last_at": last, "area_path": area, "median_s": _seconds(lasted)}
        for d, r, n, code, zh, en, rule, rule_zh, rule_en, last, area, lasted in found[:limit]
    ]  # fmt: skip
    last = rows[-1] if len(found) > limit else None
    return rows, paging.encode([last["alarms"], last["device_id"], last["rule_id"]]) if last else None


def _values(actor: Actor, asked: Asked) -> dict[str, Any]:
    areas, (since, until) = actor.areas("alarms.view"), asked.span()
    return {"since": since, "until": until, "everywhere": "" in areas, "areas": list(areas),
            "below": [a + ".%" for a in areas], "area": asked.area, "model": asked.model,
            "rule": asked.rule_id}  # fmt: skip


def _page(
    sql: str, values: dict[str, Any], names: tuple[str, ...], cursor: str | None, limit: int
) -> list[tuple[Any, ...]]:
    if not 1 <= limit <= paging.MAX_LIMIT:
        raise Invalid("limit", f"must be between 1 and {paging.MAX_LIMIT}")
    after = paging.decode(cursor, len(names)) if cursor else [None] * len(names)
    if cursor and (not isinstance(after[0], int) or any(not isinstance(v, str) for v in after[1:])):
        raise Invalid("cursor", "is not one that this list gave")
    with connection.cursor() as found:
        found.execute(sql, values | dict(zip(names, after, strict=True)) | {"limit": limit + 1})
        return found.fetchall()


def _ids(values: list[Any]) -> None:
    try:
        [UUID(v) for v in values]
    except (ValueError, TypeError, AttributeError) as error:
        raise Invalid("cursor", "is not one that this list gave") from error


def _seconds(value: Any) -> int | None:
    return None if value is None else round(value)
