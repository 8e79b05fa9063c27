"""Pins of the map and counts: compact, straight from SQL."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

import orjson

from linli.cases import tables
from linli.cases.selectors import fast, listing
from linli.cases.selectors.listing import Filter
from linli.kernel import clock
from linli.kernel.actor import Actor

PIN_COLUMNS = ("id", "lon", "lat", "state", "step", "urgent", "kind", "class_code", "due", "claimed", "number")
MAX_PINS = 20_000


_PIN = """'["' || c.id || '",' || c.lon || ',' || c.lat || ',"' || c.state || '",' || c.step || ',' || c.urgent
    || ',"' || c.kind || '","' || c.class_code || '",' || coalesce(extract(epoch FROM c.due_at)::int8::text, 'null')
    || ',' || coalesce(c.claimed_until > %s, false) || ',"' || c.number || '"]'"""


def pins(actor: Actor, f: Filter, bbox: tuple[float, float, float, float] | None = None) -> bytes:
    """Open cases with a place as JSON, written by PostgreSQL: thousands of rows without a Python object each.

    `due` is in seconds since 1970. Its words are codes of ours (tables and importing see to that), never free text.
    """
    where, params = listing.conditions(actor, f)
    if bbox:
        where += " AND c.lon BETWEEN %s AND %s AND c.lat BETWEEN %s AND %s"
        params += [bbox[0], bbox[2], bbox[1], bbox[3]]
    now = clock.now()
    rows, count = fast.rows(
        f"SELECT string_agg(p.pin, ','), count(*) FROM (SELECT {_PIN} AS pin FROM cases_case c"
        f" WHERE {where} AND c.closed_at IS NULL AND c.lon IS NOT NULL LIMIT {MAX_PINS}) p",
        [now, *params],
    )[0]
    head = orjson.dumps({"at": now, "columns": PIN_COLUMNS, "more": count == MAX_PINS})
    return b'%s,"rows":[%s]}' % (head[:-1], (rows or "").encode())


_CLOSED = "c.state IN ('closed', 'evaluated')"
_DONE = "count(*), count(*) FILTER (WHERE c.handle_due_at IS NULL OR c.finished_at <= c.handle_due_at)"


def _midnight(now: datetime) -> datetime:
    zone = tables.calendar().zone
    return datetime.combine(now.astimezone(zone).date(), time(), zone)


def on_time(actor: Actor, area: str = "") -> dict[str, Any]:
    """Closed since midnight and of that in time; and the same of the last four same weekdays up to this hour."""
    now = clock.now()
    where, params = listing.conditions(actor, Filter(area=area))
    spans = []
    for week in range(5):
        start = _midnight(now) - timedelta(weeks=week)
        spans += [start, start + (now - _midnight(now))]
    (closed, done), (closed_before, done_before) = (
        fast.rows(
            f"SELECT {_DONE} FROM cases_case c WHERE {where} AND {_CLOSED}"
            f" AND ({' OR '.join(['c.closed_at >= %s AND c.closed_at <= %s'] * (len(part) // 2))})",
            [*params, *part],
        )[0]
        for part in (spans[:2], spans[2:])
    )
    return {
        "at": now, "today": {"closed": closed, "on_time": done},
        "before": {"closed": closed_before, "on_time": done_before},
    }  # fmt: skip


def counts(actor: Actor, area: str = "") -> dict[str, Any]:
    """Open cases by state, urgent, overdue, pressing, due soon; and how many came and were closed today."""
    now = clock.now()
    midnight = _midnight(now)
    where, params = listing.conditions(actor, Filter(area=area))
    (pressing, now_pressing), (soon, now_soon) = listing.pressing(), listing.soon()
    rows = fast.rows(
        "SELECT c.state, count(*), count(*) FILTER (WHERE c.urgent), count(*) FILTER (WHERE c.due_at < %s),"
        f" count(*) FILTER (WHERE c.supervised), min(c.due_at), count(*) FILTER (WHERE {pressing}),"
        f" count(*) FILTER (WHERE {soon}) FROM cases_case c WHERE {where} AND c.closed_at IS NULL GROUP BY 1",
        [now, *now_pressing, *now_soon, *params],
    )
    created, closed, on_time = fast.rows(
        f"SELECT (SELECT count(*) FROM cases_case c WHERE {where} AND c.created_at >= %s), {_DONE}"
        f" FROM cases_case c WHERE {where} AND c.closed_at >= %s AND {_CLOSED}",
        [*params, midnight, *params, midnight],
    )[0]
    return {
        "at": now, "by_state": {r[0]: r[1] for r in rows}, "by_step": _by_step(rows), "open": sum(r[1] for r in rows),
        "urgent": sum(r[2] for r in rows), "overdue": sum(r[3] for r in rows), "supervised": sum(r[4] for r in rows),
        "pressing": sum(r[6] for r in rows), "soon": sum(r[7] for r in rows),
        "next_due_at": min((r[5] for r in rows if r[5]), default=None), "created_today": created,
        "closed_today": closed, "closed_on_time_today": on_time,
    }  # fmt: skip


def _by_step(rows: list[tuple[Any, ...]]) -> list[int]:
    found, states = [0] * len(tables.transitions().steps), tables.transitions().states
    for state, count, *_ in rows:
        found[states[state].step - 1] += count
    return found
