"""Pins and clusters of the map and counts: compact, straight from SQL."""

from __future__ import annotations

import math
import time as time_module
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any

import orjson

from linli.cases import geo, tables
from linli.cases.selectors import fast, listing, openmap
from linli.cases.selectors.listing import Filter
from linli.kernel import clock
from linli.kernel.actor import Actor
from linli.kernel.errors import Invalid

Box = tuple[float, float, float, float]  # west, south, east, north
PIN_COLUMNS = ("id", "lon", "lat", "state", "step", "urgent", "kind", "class_code", "due", "claimed", "number")
MAX_PINS = 20_000


_PIN = """concat('["', c.id, '",', c.lon, ',', c.lat, ',"', c.state, '",', c.step, CASE WHEN c.urgent THEN ',true,"'
    ELSE ',false,"' END, c.kind, '","', c.class_code, '",', coalesce(extract(epoch FROM c.due_at)::int8::text, 'null'),
    CASE WHEN c.claimed_until > %s THEN ',true,"' ELSE ',false,"' END, c.number, '"]')"""


def pins(actor: Actor, f: Filter, bbox: Box | None = None, most: int = MAX_PINS) -> bytes:
    """Open cases with a place as JSON, written by PostgreSQL: thousands of rows without a Python object each.

    `due` is in seconds since 1970. Its words are codes of ours (tables and importing see to that), never free text.
    """
    if not 1 <= most <= MAX_PINS:
        raise Invalid("most", f"must be 1 to {MAX_PINS}")
    where, params = _placed(actor, f, bbox)
    now = clock.now()
    rows, count = fast.rows(
        f"SELECT string_agg(p.pin, ','), count(*) FROM (SELECT {_PIN} AS pin FROM cases_case c"
        f" WHERE {where} LIMIT {most + 1}) p",
        [now, *params],
    )[0]
    more = count > most
    head = orjson.dumps({"at": now, "columns": PIN_COLUMNS, "more": more})
    return b'%s,"rows":[%s]}' % (head[:-1], b"" if more and most < MAX_PINS else (rows or "").encode())


def _placed(actor: Actor, f: Filter, bbox: Box | None) -> tuple[str, list[Any]]:
    """The WHERE of open cases on a map."""
    where, params = listing.conditions(actor, replace(f, open=True if f.open is None else f.open))
    where += " AND c.closed_at IS NULL AND c.x IS NOT NULL"
    if bbox:
        (west, south), (east, north) = geo.to_metres(*bbox[:2]), geo.to_metres(*bbox[2:])
        where += " AND c.x BETWEEN %s AND %s AND c.y BETWEEN %s AND %s"
        params = [*params, west, east, south, north]
    return where, params


WORLD = 2 * math.pi * geo.R  # metres of the projection around the equator
CELL_PX = 64  # the side of a cell on a map whose whole world is 512 pixels wide at zoom 0
MAX_ZOOM, MAX_CELLS = 22, 4_000
SECOND, THIRD = 2**20, 2**40  # one sum holds three counts, each below a million
FRESH_S = 2.0
_recent: dict[tuple[Any, ...], tuple[float, dict[str, Any]]] = {}
CELL_COLUMNS = ("lon", "lat", "count", "urgent", "soon", "paused", "id", "number")


def clusters(actor: Actor, f: Filter, zoom: int, bbox: Box | None = None) -> dict[str, Any]:
    """Open cases by the cells of a map at a zoom: where they lie on average, how many, and of these urgent or late, due
    soon, paused. A case alone in its cell brings its id and number.

    The same question of the same account gets the same answer for `FRESH_S`: `at` says of when it is.
    """
    if not 0 <= zoom <= MAX_ZOOM:
        raise Invalid("zoom", f"must be 0 to {MAX_ZOOM}")
    key, now = (actor.account_id, actor.grants, actor.team_ids, f, zoom, bbox), time_module.monotonic()
    if (kept := _recent.get(key)) is not None and kept[0] > now:
        return kept[1]
    found = _counted(actor, f, zoom, bbox)
    for old in [k for k, (until, _) in list(_recent.items()) if until <= now]:
        _recent.pop(old, None)
    _recent[key] = (now + FRESH_S, found)
    return found


def _counted(actor: Actor, f: Filter, zoom: int, bbox: Box | None) -> dict[str, Any]:
    """Counted in memory where the question is that of the whole map, else by SQL."""
    size, half = max(1, round(WORLD / 2**zoom * CELL_PX / 512)), round(WORLD / 2)
    rows = None
    if replace(f, area="") == listing.PLAIN:
        box = (*geo.to_metres(*bbox[:2]), *geo.to_metres(*bbox[2:])) if bbox else None
        rows = openmap.HELD.cells(actor, openmap.Wanted(f.area, box, size, half, clock.now(), listing.SOON))
    if rows is None:
        rows = _counted_by_sql(actor, f, size, half, bbox)
    cells = [[*geo.to_degrees(x, y), *more] for x, y, *more in rows[:MAX_CELLS]]
    total = sum(cell[2] for cell in cells)
    return {"at": clock.now(), "columns": CELL_COLUMNS, "rows": cells, "total": total, "more": len(rows) > MAX_CELLS}


def _counted_by_sql(actor: Actor, f: Filter, size: int, half: int, bbox: Box | None) -> list[openmap.Cell]:
    """One pass over an index alone; the three counts are thirds of one sum, because each aggregate costs as much."""
    where, params = _placed(actor, f, bbox)
    (pressing, late), (soon, next_hours) = listing.pressing(), listing.soon()
    rows = fast.rows(
        "WITH cell AS MATERIALIZED (SELECT round(avg(c.x))::int AS x, round(avg(c.y))::int AS y, count(*) AS n,"
        f" sum(CASE WHEN c.state = 'suspended' THEN {THIRD} WHEN {pressing} THEN 1 WHEN {soon} THEN {SECOND} ELSE 0"
        f" END)::int8 AS s FROM cases_case c WHERE {where} GROUP BY (c.x + {half}) / {size}, (c.y + {half}) / {size}"
        f" LIMIT {MAX_CELLS + 1}) SELECT cell.*, o.id, o.number FROM cell LEFT JOIN LATERAL (SELECT c.id, c.number"
        f" FROM cases_case c WHERE cell.n = 1 AND c.x = cell.x AND c.y = cell.y AND {where} LIMIT 1) o ON true",
        [*late, *next_hours, *params, *params],
    )
    return [(x, y, n, s % SECOND, s // SECOND % SECOND, s // THIRD, case_id, number)
            for x, y, n, s, case_id, number in rows]  # fmt: skip


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
    rows = _by_state(where, params, now)
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


def _by_state(where: str, params: list[Any], now: datetime) -> list[tuple[Any, ...]]:
    """(state, all, urgent, overdue, supervised, first deadline, pressing, soon) of the open cases, in one pass. Three
    counts are thirds of one sum, because each aggregate costs as much as reading the row."""
    (pressing, now_pressing), (soon, now_soon) = listing.pressing(), listing.soon()
    sums = (
        f"sum(c.urgent::int + CASE WHEN c.due_at < %s THEN {SECOND} ELSE 0 END"
        f" + CASE WHEN c.supervised THEN {THIRD} ELSE 0 END)::int8, min(c.due_at),"
        f" sum(CASE WHEN {pressing} THEN 1 WHEN {soon} THEN {SECOND} ELSE 0 END)::int8"
    )
    rows = fast.rows(
        f"SELECT c.state, count(*), {sums} FROM cases_case c WHERE {where} AND c.closed_at IS NULL GROUP BY 1",
        [now, *now_pressing, *now_soon, *params],
    )
    return [
        (state, n, a % SECOND, a // SECOND % SECOND, a // THIRD, due, b % SECOND, b // SECOND)
        for state, n, a, due, b in rows
    ]


def _by_step(rows: list[tuple[Any, ...]]) -> list[int]:
    found, states = [0] * len(tables.transitions().steps), tables.transitions().states
    for state, count, *_ in rows:
        found[states[state].step - 1] += count
    return found
