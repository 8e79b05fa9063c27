"""Lists of cases: raw SQL and plain rows, because this is what dispatchers look at all day."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from linli.cases import ports, tables
from linli.cases.models import NEVER
from linli.cases.rules import words
from linli.cases.selectors import fast, visible
from linli.kernel import clock, paging
from linli.kernel.actor import Actor
from linli.kernel.errors import Invalid

COLUMNS = (
    "id", "number", "kind", "class_code", "text", "address", "area_path", "lon", "lat", "unit_id", "state", "step",
    "urgent", "supervised", "private", "channel", "source", "team_id", "claimed_by", "claimed_until", "due_at",
    "handle_due_at", "created_at", "closed_at", "version", "signal_count", "me_too", "rework_count", "flags",
    "finished_at",
)  # fmt: skip
SHORT = 160
SOON = timedelta(hours=2)
NUMBER = re.compile(r"\d{4}-\d{2}-\d{3,8}")
_SELECT = ", ".join(f"left(c.text, {SHORT})" if n == "text" else f"c.{n}" for n in COLUMNS)
ILLUSTRATIVE = (  # the limits of the other stages have no source but the table of acts
    "CASE WHEN c.due_at <> c.handle_due_at OR c.handle_due_at IS NULL AND c.due_at IS NOT NULL THEN true"
    " ELSE (c.clocks->'handle'->>'illustrative')::bool END"
)
_DUE = f"coalesce(c.due_at, '{NEVER.isoformat()}'::timestamptz)"


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list is narrowed to; all parts together. Empty means no matter."""

    state: tuple[str, ...] = ()
    step: int | None = None
    class_prefix: str = ""
    area: str = ""
    team: UUID | None = None
    unit: UUID | None = None
    device: UUID | None = None
    kind: str = ""
    channel: str = ""
    source: str = "linli"
    mine: bool = False
    overdue: bool | None = None
    urgent: bool | None = None
    pressing: bool = False
    soon: bool = False
    open: bool | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    closed_from: datetime | None = None
    closed_to: datetime | None = None
    q: str = ""


def conditions(actor: Actor, f: Filter) -> tuple[str, list[Any]]:
    """The WHERE of a list: what the actor sees, and of that what it asked for."""
    sql, params = visible.where(actor)
    parts = [sql]

    def add(text: str, *values: Any) -> None:
        parts.append(text)
        params.extend(values)

    if f.source != "all":
        add("c.source = %s", f.source)
    if f.state:
        add("c.state = ANY(%s)", list(f.state))
    for column, value in (("step", f.step), ("team_id", f.team), ("unit_id", f.unit), ("device_id", f.device),
                          ("kind", f.kind or None), ("channel", f.channel or None)):  # fmt: skip
        if value is not None:
            add(f"c.{column} = %s", value)
    if f.class_prefix:
        add("c.class_code LIKE %s", _like(f.class_prefix) + "%")
    if f.area:
        add("(c.area_path = %s OR c.area_path LIKE %s)", f.area, _like(f.area) + ".%")
    if f.urgent is not None:
        add("c.urgent" if f.urgent else "NOT c.urgent")
    if f.open is not None:
        add("c.closed_at IS NULL" if f.open else "c.closed_at IS NOT NULL")
    if f.overdue:
        add("c.closed_at IS NULL AND c.due_at < %s", clock.now())
    for asked, (text, values) in ((f.pressing, pressing()), (f.soon, soon())):
        if asked:
            add(f"c.closed_at IS NULL AND {text}", *values)
    if f.mine:
        me = actor.account_id
        add("(c.claimed_by = %s OR %s = ANY(c.handler_ids) OR c.created_by = %s OR c.team_id = ANY(%s))",
            me, me, me, list(actor.team_ids))  # fmt: skip
    for text, at in (("created_at >=", f.created_from), ("created_at <", f.created_to),
                     ("closed_at >=", f.closed_from), ("closed_at <", f.closed_to)):  # fmt: skip
        if at:
            add(f"c.{text} %s", at)
    if f.q.strip():
        _search(f.q.strip(), add)
    return " AND ".join(parts), params


def pressing() -> tuple[str, list[Any]]:
    """Of open cases those that somebody must see to now: urgent, or past their time."""
    return "(c.urgent OR coalesce(c.due_at < %s, false))", [clock.now()]


def soon() -> tuple[str, list[Any]]:
    """Of open cases those that will be pressing within two hours."""
    now = clock.now()
    return "(NOT c.urgent AND coalesce(c.due_at >= %s AND c.due_at < %s, false))", [now, now + SOON]


def _like(text: str) -> str:
    return text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")


def _search(q: str, add: Any) -> None:
    """By number, or by words: pairs of characters through the index, longer Chinese words checked letter by letter."""
    if NUMBER.fullmatch(q):
        add("c.number = %s", q)
        return
    entries, phrases = words.query_tokens(q)
    if not entries:
        raise Invalid("q", "holds no letter or digit to search for")
    add("c.tokens @> %s", entries)
    for phrase in phrases:
        classes = [c.code for c in tables.catalogue().classes.values() if phrase in c.zh]
        like = f"%{_like(phrase)}%"
        add("(c.text ILIKE %s OR c.address ILIKE %s OR c.class_code = ANY(%s))", like, like, classes)


def page(
    actor: Actor, f: Filter, *, sort: str = "newest", cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT
) -> dict[str, Any]:
    """One page: `newest` first, or what runs out first (`due`, open cases only)."""
    if not 1 <= limit <= paging.MAX_LIMIT:
        raise Invalid("limit", f"must be between 1 and {paging.MAX_LIMIT}")
    where, params = conditions(actor, f)
    if sort == "due":
        where += " AND c.closed_at IS NULL"
        key, order, after = _DUE, f"{_DUE}, c.id", f"({_DUE}, c.id) > (%s, %s)"
    elif sort == "newest":
        key, order, after = "c.created_at", "c.created_at DESC, c.id DESC", "(c.created_at, c.id) < (%s, %s)"
    else:
        raise Invalid("sort", "must be newest or due")
    if cursor:
        where += f" AND {after}"
        params += _cursor(cursor)
    rows = fast.rows(
        f"SELECT {_SELECT}, {ILLUSTRATIVE}, {key} FROM cases_case c WHERE {where} ORDER BY {order} LIMIT %s",
        [*params, limit + 1],
    )
    more, rows = len(rows) > limit, rows[:limit]
    return {
        "items": shown(rows),
        "next": paging.encode([rows[-1][-1].isoformat(), rows[-1][0]]) if more else None,
    }


def _cursor(cursor: str) -> list[Any]:
    values = paging.decode(cursor, 2)
    try:
        return [datetime.fromisoformat(values[0]), UUID(values[1])]
    except (TypeError, ValueError) as error:
        raise Invalid("cursor", "is not one that this list gave") from error


def shown(rows: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
    """Rows as the API shows them, with the names of classes, states, teams and claimers."""
    now, table, classes = clock.now(), tables.transitions(), tables.catalogue().classes
    teams = ports.team_names({r[17] for r in rows})
    people = ports.names({r[18] for r in rows if r[19] and r[19] > now})
    states = {code: {"zh": s.zh, "en": s.en} for code, s in table.states.items()}
    items = []
    for row in rows:
        item = dict(zip(COLUMNS, row, strict=False))
        known, team, due = classes.get(row[3]), row[17], row[20]
        item["class"] = {"zh": known.zh, "en": known.en} if known else None
        item["state_name"] = states.get(row[10])
        item["team"] = teams.get(team) if team else None
        claimed = row[18] is not None and row[19] is not None and row[19] > now
        item["claimed_by_name"] = people.get(row[18]) if claimed else None
        if not claimed:
            item["claimed_by"] = item["claimed_until"] = None
        item["overdue"] = due is not None and due < now and row[23] is None
        item["illustrative"] = bool(row[-2])
        items.append(item)
    return items


def by_ids(actor: Actor, case_ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """Of some cases those that the actor sees."""
    where, params = conditions(actor, Filter())
    sql = f"SELECT {_SELECT}, {ILLUSTRATIVE}, c.id FROM cases_case c WHERE c.id = ANY(%s) AND {where}"
    return shown(fast.rows(sql, [list(case_ids), *params]))


def all_rows(actor: Actor, f: Filter, limit: int) -> Iterator[dict[str, Any]]:
    """Everything a filter finds, newest first, for exports."""
    cursor: str | None = None
    left = limit
    while left > 0:
        found = page(actor, f, cursor=cursor, limit=min(left, paging.MAX_LIMIT))
        yield from found["items"]
        left -= len(found["items"])
        cursor = found["next"]
        if cursor is None:
            return
