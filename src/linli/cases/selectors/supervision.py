"""The desk of supervision (督办台): cases by the reason for which somebody above should look at them.

Each reason is one condition that an index of just such cases serves (`watched.py`): a page reads its ids in the order
of that index, then these rows alone. Counts stop at `MOST`, so that none reads more than that, whatever the district.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from linli.cases import tables
from linli.cases.models import NEVER
from linli.cases.rules import calendar as counting
from linli.cases.selectors import fast, listing, visible
from linli.cases.selectors.reasons import words
from linli.kernel import clock, paging
from linli.kernel.actor import Actor
from linli.kernel.errors import Invalid

PERMISSION, MOST, DAY = "cases.supervise", 1000, timedelta(days=1)
Sql = tuple[str, list[Any]]
_UNTIL = "c.side #>> '{supervision,until}'"
_UNANSWERED = "c.closed_at IS NULL AND c.supervised AND c.side #>> '{supervision,answered}' IS NULL"
_LATER = f"coalesce((({_UNTIL})::date)::timestamp AT TIME ZONE 'UTC', '{NEVER.isoformat()}'::timestamptz)"
MORE = ("clocks", "recheck_at", "side", "return_count", "rework_count", "reopen_count", "satisfaction", "score",
        "priority", "updated_at")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """One condition on `cases_case c`, and the moment by which its cases are sorted, the oldest first."""

    where: str
    params: list[Any]
    key: str


def overdue(now: datetime) -> list[Part]:
    """Past the limit of the clock that runs."""
    due = f"coalesce(c.due_at, '{NEVER.isoformat()}'::timestamptz)"  # as the index of open cases has it
    return [Part(f"c.closed_at IS NULL AND {due} < %s", [now], due)]


def stuck(now: datetime) -> list[Part]:
    """No act for as long as the packs say for its priority, though its clock runs."""
    watch = tables.watch()
    cuts = [(priority, back(now, limit, unit)) for priority, limit, unit in watch.stuck]
    urgent = back(now, *watch.urgent)
    ways = " ".join(["WHEN c.priority >= %s THEN c.updated_at < %s"] * len(cuts))
    latest = max(urgent, *(cut for _, cut in cuts))
    return [
        Part(
            "c.closed_at IS NULL AND c.due_at IS NOT NULL AND c.updated_at < %s"
            f" AND CASE WHEN c.urgent THEN c.updated_at < %s {ways} END",
            [latest, urgent, *(value for cut in cuts for value in cut)], "c.updated_at",
        )
    ]  # fmt: skip


def back(now: datetime, limit: float, unit: str) -> datetime:
    calendar = tables.calendar()
    return counting.back_seconds(calendar, now, counting.budget(calendar, limit, unit), unit)


def sent_back(now: datetime) -> list[Part]:
    """Returned by teams, or sent back for rework, as often as the packs say."""
    watch = tables.watch()
    return [
        Part("c.closed_at IS NULL AND (c.return_count >= 2 OR c.rework_count >= 2)"
             " AND (c.return_count >= %s OR c.rework_count >= %s)", [watch.returned, watch.reworked], "c.updated_at")
    ]  # fmt: skip


def unhappy(now: datetime) -> list[Part]:
    """The resident says that it is not solved: opened again and not closed since, or closed and a low satisfaction or
    few stars, with nothing better heard since."""
    watch = tables.watch()
    return [
        Part("c.closed_at IS NULL AND c.reopen_count > 0", [], "c.updated_at"),
        Part("c.closed_at IS NOT NULL AND (c.satisfaction IN ('dissatisfied', 'partly') OR c.score <= 2)"
             " AND c.closed_at >= %s AND c.state IN ('closed', 'evaluated') AND (c.satisfaction = ANY(%s)"
             " OR c.score <= %s AND coalesce(c.satisfaction, '') <> 'satisfied')",
             [now - watch.days * DAY, list(watch.said), watch.score], "c.closed_at"),
    ]  # fmt: skip


def beyond(now: datetime) -> list[Part]:
    """Suspended and its day of looking again has come, or extended and past the later limit too."""
    return [
        Part("c.recheck_at IS NOT NULL AND c.closed_at IS NULL AND c.recheck_at < %s", [now], "c.recheck_at"),
        Part("c.closed_at IS NULL AND c.clocks #> '{handle,extended_s}' > '0'::jsonb AND c.due_at < %s", [now],
             "c.due_at"),
    ]  # fmt: skip


def answer_due(now: datetime) -> list[Part]:
    """Under supervision, an answer was asked for until today or before, and there is none."""
    today = now.astimezone(tables.calendar().zone).date().isoformat()
    return [Part(f"{_UNANSWERED} AND {_UNTIL} <= %s", [today], _LATER)]


def supervised(now: datetime) -> list[Part]:
    """All under supervision, answered or not; the earliest day of an answer first."""
    return [Part("c.closed_at IS NULL AND c.supervised", [], _LATER)]


REASONS: dict[str, Callable[[datetime], list[Part]]] = {
    fn.__name__: fn for fn in (overdue, stuck, sent_back, unhappy, beyond, answer_due, supervised)
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the desk is narrowed to; empty means no matter."""

    area: str = ""
    team: UUID | None = None
    class_prefix: str = ""


def page(
    actor: Actor, reason: str, wanted: Wanted, *, cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT
) -> dict[str, Any]:
    """One page of a reason, the oldest matter first: cases as in lists, each with `why` {zh, en}, `since`, `priority`
    and, under supervision, `supervision` {number, until, answered, state: waiting, late or answered}."""
    if reason not in REASONS:
        raise Invalid("reason", f"must be one of {', '.join(REASONS)}")
    if not 1 <= limit <= paging.MAX_LIMIT:
        raise Invalid("limit", f"must be between 1 and {paging.MAX_LIMIT}")
    now = clock.now()
    sql, params = ids(actor, reason, wanted, now, limit + 1, listing._cursor(cursor) if cursor else [])
    found = fast.rows(sql, params, prepare=False)
    more, found = len(found) > limit, found[:limit]
    return {
        "items": _shown(actor, reason, [r[0] for r in found], now),
        "next": paging.encode([found[-1][1].isoformat(), found[-1][0]]) if more else None, "at": now,
    }  # fmt: skip


def ids(actor: Actor, reason: str, wanted: Wanted, now: datetime, limit: int, after: list[Any]) -> Sql:
    """Ids and sort keys of a page: each part in the order of its own index, then the first of all."""
    narrow, values = _narrow(actor, wanted)
    parts, params = [], []
    for part in REASONS[reason](now):
        more = f" AND ({part.key}, c.id) > (%s, %s)" if after else ""
        parts.append(
            f"(SELECT c.id, {part.key} AS key FROM cases_case c WHERE {part.where} AND {narrow}{more}"
            f" ORDER BY {part.key}, c.id LIMIT {limit})"
        )
        params += [*part.params, *values, *after]
    if len(parts) == 1:
        return parts[0], params
    return f"SELECT id, key FROM ({' UNION ALL '.join(parts)}) u ORDER BY key, id LIMIT {limit}", params


def _narrow(actor: Actor, wanted: Wanted) -> Sql:
    """What the actor sees, where it supervises, and of that what it asked for."""
    actor.require(PERMISSION, wanted.area or None)
    own = (wanted.area,) if wanted.area else actor.areas(PERMISSION)
    parts: list[Sql] = [visible.where(actor), ("c.source = 'linli'", []), visible.in_areas("c.area_path", own)]
    if wanted.team:
        parts.append(("c.team_id = %s", [wanted.team]))
    if wanted.class_prefix:
        parts.append(("c.class_code LIKE %s", [listing.searching.like(wanted.class_prefix) + "%"]))
    return listing._all(parts)


def counts(actor: Actor, wanted: Wanted) -> dict[str, int]:
    """How many each reason has, up to `MOST` + 1: more is said as more than that."""
    now, parts, params = clock.now(), [], []
    for reason in REASONS:
        sql, values = ids(actor, reason, wanted, now, MOST + 1, [])
        parts.append(f"(SELECT count(*) FROM ({sql}) x)")
        params += values
    return dict(zip(REASONS, fast.rows("SELECT " + ", ".join(parts), params, prepare=False)[0], strict=True))


def _shown(actor: Actor, reason: str, case_ids: list[UUID], now: datetime) -> list[dict[str, Any]]:
    items = {item["id"]: item for item in listing.by_ids(actor, case_ids)}
    more = {
        r[0]: dict(zip(MORE, r[1:], strict=True))
        for r in fast.rows(f"SELECT c.id, {', '.join(MORE)} FROM cases_case c WHERE c.id = ANY(%s)", [case_ids])
    }
    last = _last(case_ids)
    out = []
    for case_id in case_ids:
        if case_id in items:
            row = items[case_id] | {"priority": more[case_id]["priority"], "reason": reason}
            out.append(row | words(reason, row, more[case_id], last.get(case_id, {}), now))
    return out


def _last(case_ids: list[UUID]) -> dict[UUID, dict[str, datetime]]:
    """When each of these acts was last done to each case."""
    acts = ["return", "rework", "refile", "reopen", "follow_up", "evaluate", "remind", "supervise"]
    found: dict[UUID, dict[str, datetime]] = {}
    for case_id, act, at in fast.rows(
        "SELECT case_id, act, max(at) FROM cases_timeline WHERE case_id = ANY(%s) AND act = ANY(%s) GROUP BY 1, 2",
        [case_ids, acts],
    ):
        found.setdefault(case_id, {})[act] = at
    return found
