"""Lists of cases: raw SQL and plain rows, because this is what dispatchers look at all day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from linli.cases import ports, tables
from linli.cases.models import NEVER
from linli.cases.selectors import fast, searching, visible
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


PLAIN = Filter()
Sql = tuple[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Order:
    """How a list is sorted: its first key, the words of ORDER BY, what comes after a cursor, what it is limited to."""

    key: str
    by: str
    after: str
    condition: str = ""


ORDERS = {
    "newest": Order("c.created_at", "{} DESC, {} DESC", "(c.created_at, c.id) < (%s, %s)"),
    "due": Order(_DUE, "{}, {}", f"({_DUE}, c.id) > (%s, %s)", "c.closed_at IS NULL"),
}


def conditions(actor: Actor, f: Filter) -> Sql:
    """The WHERE of a list: what the actor sees, and of that what it asked for."""
    return _all([_whole(actor, f), asked(f)])


def _whole(actor: Actor, f: Filter) -> Sql:
    """All reasons to be in the list in one condition."""
    if not f.mine:
        return visible.where(actor)
    ways = _mine(actor)
    return "(" + " OR ".join(f"({sql})" for sql, _ in ways) + ")", [v for _, own in ways for v in own]


def _all(parts: list[Sql]) -> Sql:
    return " AND ".join(sql for sql, _ in parts), [v for _, values in parts for v in values]


def asked(f: Filter) -> Sql:
    """What a filter asks for, whoever asks. Columns of `LISTED` only, where it can: the indexes of lists hold these."""
    parts: list[Sql] = []

    def add(text: str, *values: Any) -> None:
        parts.append((text, list(values)))

    _source(f, add)
    _states(f, add)
    for column, value in (("team_id", f.team), ("unit_id", f.unit), ("device_id", f.device),
                          ("channel", f.channel or None)):  # fmt: skip
        if value is not None:
            add(f"c.{column} = %s", value)
    if f.kind:
        add("c.kind = %s" if f.kind == "problem" else "c.kind <> 'problem' AND c.kind = %s", f.kind)
    if f.class_prefix:
        add("c.class_code LIKE %s", searching.like(f.class_prefix) + "%")
    if f.area:
        parts.append(visible.under("c.area_path", f.area))
    if f.urgent is not None:
        add("c.urgent" if f.urgent else "NOT c.urgent")
    if f.overdue:
        add(f"{_DUE} < %s", clock.now())
    for wanted, (text, values) in ((f.pressing, pressing()), (f.soon, soon())):
        if wanted:
            add(text, *values)
    _times(f, add)
    if f.q.strip():
        found = searching.search(f.q.strip())
        add(found.sql, *found.params)
    return _all(parts) if parts else ("true", [])


def _source(f: Filter, add: Any) -> None:
    if f.source == "linli":
        add("c.source = 'linli'")
    elif f.source != "all":
        add("c.source <> 'linli' AND c.source = %s", f.source)  # the first part names the index of imported ones


def _wanted(f: Filter) -> set[str] | None:
    """The states asked for by name or by step; None: any."""
    known, wanted = tables.transitions().states, set(f.state) if f.state else None
    if f.step is None:
        return wanted
    step = {code for code, state in known.items() if state.step == f.step}
    return step if wanted is None else wanted & step


def _only_open(f: Filter) -> bool:
    """Whether only open cases can be meant. Of our own cases the states say that too."""
    if f.open or f.overdue or f.pressing or f.soon:
        return True
    wanted = _wanted(f)
    ended = {code for code, state in tables.transitions().states.items() if state.final}
    return f.source == "linli" and f.open is None and wanted is not None and not wanted & ended


def _states(f: Filter, add: Any) -> None:
    wanted, only_open = _wanted(f), _only_open(f)
    if only_open:
        add("c.closed_at IS NULL")
    if f.open is False:
        add("c.closed_at IS NOT NULL")
    if wanted is None:
        return
    if only_open:  # the planner takes state and end for two reasons to be rare, so it is not told of the state
        add("CASE WHEN c.state = ANY(%s) THEN 1 ELSE 0 END <> 0", sorted(wanted))
    elif len(wanted) == 1:
        [state] = wanted
        add("c.state = %s" if state == "closed" else "c.state <> 'closed' AND c.state = %s", state)  # names its index
    else:
        add("c.state = ANY(%s)", sorted(wanted))


def _times(f: Filter, add: Any) -> None:
    for text, at in (("created_at >=", f.created_from), ("created_at <", f.created_to),
                     ("closed_at >=", f.closed_from), ("closed_at <", f.closed_to)):  # fmt: skip
        if at:
            add(f"c.{text} %s", at)
    if f.closed_to and f.source == "linli":  # ours end after they began: the walk may start there
        add("c.created_at < %s", f.closed_to)


def _mine(actor: Actor) -> list[Sql]:
    """The reasons for which a case is the actor's own, each with an index; what it made or its team has, it sees."""
    me, seen = actor.account_id, visible.where(actor)
    found = [_all([(way, [me]), seen]) for way in ("c.claimed_by = %s", "c.handler_ids @> ARRAY[%s]::uuid[]")]
    if actor.can(visible.VIEW):
        found += [("c.created_by = %s", [me]), *(("c.team_id = %s", [team]) for team in actor.team_ids)]
    return found


def pressing() -> tuple[str, list[Any]]:
    """Of open cases those that somebody must see to now: urgent, or past their time."""
    return f"(c.urgent OR {_DUE} < %s)", [clock.now()]


def soon() -> tuple[str, list[Any]]:
    """Of open cases those that will be pressing within two hours."""
    now = clock.now()
    return f"(NOT c.urgent AND {_DUE} >= %s AND {_DUE} < %s)", [now, now + SOON]


def page(
    actor: Actor, f: Filter, *, sort: str = "newest", cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT
) -> dict[str, Any]:
    """One page: `newest` first, or what runs out first (`due`, open cases only).

    In one statement two steps: ids in the order of an index that holds all the filter asks for, then these rows alone.
    """
    if not 1 <= limit <= paging.MAX_LIMIT:
        raise Invalid("limit", f"must be between 1 and {paging.MAX_LIMIT}")
    if sort not in ORDERS:
        raise Invalid("sort", "must be newest or due")
    order = ORDERS[sort]
    if sort == "due" and f.open is None:
        f = replace(f, open=True)
    after = _cursor(cursor) if cursor else []
    rows = _found(actor, f, order, after, limit + 1)
    more, rows = len(rows) > limit, rows[:limit]
    return {
        "items": shown(rows),
        "next": paging.encode([rows[-1][-1].isoformat(), rows[-1][0]]) if more else None,
    }


def _found(actor: Actor, f: Filter, order: Order, after: list[Any], limit: int) -> list[tuple[Any, ...]]:
    search = searching.search(f.q.strip()) if f.q.strip() else None
    if search is None or not search.guessed:
        return _rows(order, _ids(actor, f, order, after, limit), f == replace(PLAIN, open=f.open))
    rows = []
    if search.share >= searching.COMMON and order is ORDERS["newest"]:
        rows = _rows(order, _among_newest(actor, f, search, after, limit))
    return rows if len(rows) == limit else _rows(order, _among_all(actor, f, order, after, limit))


def _rows(order: Order, ids: Sql, always_the_same: bool = False) -> list[tuple[Any, ...]]:
    """The rows of a page by its ids. Planned anew each time, for the values asked for: one plan does not serve both a
    rare and a common one."""
    sql, params = ids
    return fast.rows(
        f"WITH found AS MATERIALIZED ({sql}) SELECT {_SELECT}, {ILLUSTRATIVE}, found.key FROM found"
        f" JOIN cases_case c ON c.id = found.id ORDER BY {order.by.format('found.key', 'found.id')}",
        params, prepare=always_the_same,
    )  # fmt: skip


def _among_newest(actor: Actor, f: Filter, search: searching.Search, after: list[Any], limit: int) -> Sql:
    """A search among as many of the newest cases as should hold two pages. A page less than full says nothing."""
    order, (base, values) = ORDERS["newest"], conditions(actor, replace(f, q=""))
    if after:
        base, values = f"{base} AND {order.after}", values + after
    by = order.by.format("c.created_at", "c.id")
    newest = f"SELECT c.* FROM cases_case c WHERE {base} ORDER BY {by} LIMIT {round(2 * limit / search.share)}"
    sql = f"SELECT c.id, c.created_at AS key FROM ({newest}) c WHERE {search.sql} ORDER BY {by} LIMIT {limit}"
    return sql, values + search.params


def _among_all(actor: Actor, f: Filter, order: Order, after: list[Any], limit: int) -> Sql:
    """A search in all cases that hold the words: first all of them, then their order (OFFSET keeps these apart)."""
    base, values = conditions(actor, f)
    base = " AND ".join(part for part in (base, order.condition, order.after if after else "") if part)
    every = f"SELECT c.id, {order.key} AS key FROM cases_case c WHERE {base} OFFSET 0"
    return f"SELECT id, key FROM ({every}) s ORDER BY {order.by.format('key', 'id')} LIMIT {limit}", values + after


def _ids(actor: Actor, f: Filter, order: Order, after: list[Any], limit: int) -> Sql:
    """Ids and sort keys of a page. Where several reasons let a case in (own area, own team, …), each is asked by
    itself, in the order of its own index."""
    base, values = asked(f)
    base = " AND ".join(part for part in (base, order.condition, order.after if after else "") if part)
    parts, params = [], []
    for way, own in _ways(actor, f):
        parts.append(
            f"(SELECT c.id, {order.key} AS key FROM cases_case c WHERE {way} AND {base}"
            f" ORDER BY {order.by.format(order.key, 'c.id')} LIMIT {limit})"
        )
        params += [*own, *values, *after]
    if len(parts) == 1:
        return parts[0], params
    union = " UNION ".join(parts)
    return f"SELECT id, key FROM ({union}) u ORDER BY {order.by.format('key', 'id')} LIMIT {limit}", params


def _ways(actor: Actor, f: Filter) -> list[Sql]:
    """The reasons for which cases are in the list; a search asks once, by its words, and so does a list of open cases,
    which are few and whose index holds all reasons."""
    if f.q.strip() or _only_open(f):
        return [_whole(actor, f)]
    return _mine(actor) if f.mine else visible.ways(actor)


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
