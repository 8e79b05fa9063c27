"""Rows of the entity sets but Observations: filtered, ordered, a page, or a page for each of many parents."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from linli.adapters.sensorthings.odata.errors import Wrong
from linli.adapters.sensorthings.odata.grammar import Expr
from linli.adapters.sensorthings.odata.query import Query
from linli.adapters.sensorthings.schema import ENTITIES, Entity, Link
from linli.adapters.sensorthings.selectors import crossing
from linli.adapters.sensorthings.selectors.filters import Filter
from linli.adapters.sensorthings.selectors.frames import VIEW, Frame, Params, rows, scope
from linli.adapters.sensorthings.selectors.typed import Typed, cast
from linli.kernel.actor import Actor

Row = dict[str, Any]
Key = tuple[str, bool]  # SQL to sort by, and whether it turns when the order falls
MAX_ID = (1 << 63) - 1


def condition(actor: Actor, entity: Entity, expr: Expr | None, params: Params) -> str:
    """SQL on the alias `r`."""
    if expr is None:
        return "TRUE"
    frame = Frame(actor, entity, params)
    where = Filter(frame).where(crossing.resolved(actor, entity, expr))
    if not frame.joins:
        return where
    return f"r.id IN (SELECT r.id FROM {frame.source()} WHERE {where})"


def ordering(actor: Actor, entity: Entity, query: Query, params: Params) -> list[str]:
    """Terms of ORDER BY on the alias `r`; ends with the id."""
    found = []
    for expr, falling in query.order:
        found += directed(sort_keys(actor, entity, expr, params), falling)
    return [*found, "r.id"]


def sort_keys(actor: Actor, entity: Entity, expr: Expr, params: Params) -> list[Key]:
    """What rows of the alias `r` are sorted by. Of several linked rows, the least counts."""
    frame = Frame(actor, entity, params)
    keys = sortable(Filter(frame).compile(expr))
    if not frame.joins:
        return keys
    inner = frame.source().replace(f"{entity.table} r ", f"{entity.table} r0 ", 1).replace("r.", "r0.")
    return [(f"(SELECT min({v.replace('r.', 'r0.')}) FROM {inner} WHERE r0.id = r.id)", turns) for v, turns in keys]


def directed(keys: Sequence[Key], falling: bool) -> list[str]:
    """Terms of ORDER BY; where there is nothing comes last either way."""
    return [f"{value} {'DESC' if falling and turns else 'ASC'} NULLS LAST" for value, turns in keys]


def sortable(found: Typed) -> list[Key]:
    """Values to sort by, one after the other; the first is null where there is nothing. JSON: numbers, then texts, then
    yes and no, then anything else, also when it falls."""
    if found.kind == "geo":
        raise Wrong("a geometry has no order")
    if found.kind == "span":
        return [(f"({found.sql})", True), (f"({found.end})", True)]
    if found.kind == "json":
        kind = f"jsonb_typeof({found.sql})"
        text = f"(CASE WHEN {kind} NOT IN ('number', 'null') THEN {found.sql} #>> '{{}}' END)"
        rank = f"array_position(ARRAY['number', 'string', 'boolean', 'array', 'object'], {kind})"
        return [(rank, False), (cast(found, "num").sql, True), (f'{text} COLLATE "C"', True)]
    return [(f'({found.sql}) COLLATE "C"' if found.kind == "str" else f"({found.sql})", True)]


_MORE = {"Datastreams": ("device_id", "property", "own", "feature_id")}


@functools.cache
def shown(name: str) -> str:
    """The columns by which an entity is sent."""
    parts = [c.removeprefix("{t}.") for a in ENTITIES[name].attributes.values() for c in a.column.split("|")]
    return ", ".join(f"r.{c}" for c in dict.fromkeys([*parts, *_MORE.get(name, ())]))


def _often(query: Query) -> bool:
    """Whether the words of the statement are not the caller's own."""
    return query.filter is None and not query.order


def listed(actor: Actor, entity: Entity, query: Query, parent: tuple[Entity, Link, int] | None) -> list[Row]:
    """One row more than the page holds when there are more; what is sent of each."""
    params = Params()
    where = _where(actor, entity, query, parent, params)
    order = ", ".join(ordering(actor, entity, query, params))
    page = f"LIMIT {params.bind(query.size + 1)} OFFSET {params.bind(query.skip)}"
    sql = f"SELECT {shown(entity.name)} FROM {entity.table} r WHERE {where} ORDER BY {order} {page}"
    return rows(sql, params, often=_often(query))


def counted(actor: Actor, entity: Entity, query: Query, parent: tuple[Entity, Link, int] | None) -> int:
    params = Params()
    where = _where(actor, entity, query, parent, params)
    return int(rows(f"SELECT count(*) AS n FROM {entity.table} r WHERE {where}", params)[0]["n"])


def _where(
    actor: Actor, entity: Entity, query: Query, parent: tuple[Entity, Link, int] | None, params: Params
) -> str:  # fmt: skip
    parts = [scope(actor, entity, "r", params), condition(actor, entity, query.filter, params)]
    if entity.pack:  # what a pack defines is listed once a device has it
        parts.append(f"(NOT {entity.pack} OR {entity.used})".format(t="r"))
    if parent is not None:
        source, link, key = parent
        tables = f"{source.table} a" + (f", {link.via} m" if link.via else "") + f", {entity.table} b"
        on = link.join.format(a="a", b="b", m="m")
        parts.append(f"r.id IN (SELECT b.id FROM {tables} WHERE {on} AND a.id = {params.bind(key)})")
    return " AND ".join(parts)


def linked(
    actor: Actor, source: Entity, link: Link, parents: Sequence[int], query: Query, *, whole: bool = False
) -> dict[int, list[Row]]:
    """For each parent its own page, ordered, with what is sent of each, or the `whole`."""
    entity = ENTITIES[link.target]
    params = Params()
    among = _linked(actor, source, link, parents, query, params)
    order = ", ".join(ordering(actor, entity, query, params))
    sql = f"""SELECT * FROM (
        SELECT a.id AS _p, row_number() OVER (PARTITION BY a.id ORDER BY {order}) AS _n,
               {"r.*" if whole else shown(entity.name)} FROM {among}
    ) x WHERE _n > {params.bind(query.skip)} AND _n <= {params.bind(query.skip + query.size + 1)} ORDER BY _p, _n"""
    found: dict[int, list[Row]] = {}
    for row in rows(sql, params, often=_often(query)):
        found.setdefault(row["_p"], []).append(row)
    return found


def linked_counts(actor: Actor, source: Entity, link: Link, parents: Sequence[int], query: Query) -> dict[int, int]:
    """How many each parent has, of those that have any."""
    params = Params()
    among = _linked(actor, source, link, parents, query, params)
    return {r["p"]: r["n"] for r in rows(f"SELECT a.id AS p, count(*) AS n FROM {among} GROUP BY a.id", params)}


def _linked(
    actor: Actor, source: Entity, link: Link, parents: Sequence[int], query: Query, params: Params
) -> str:  # fmt: skip
    entity = ENTITIES[link.target]
    tables = f"{source.table} a" + (f" JOIN {link.via} m ON TRUE" if link.via else "")
    on = link.join.format(a="a", b="r", m="m")
    where = f"{scope(actor, entity, 'r', params)} AND {condition(actor, entity, query.filter, params)}"
    return f"{tables} JOIN {entity.table} r ON {on} WHERE a.id = ANY({params.bind(list(parents))}) AND {where}"


def one(actor: Actor, entity: Entity, key: int, permission: str = VIEW) -> Row | None:
    if not 0 < key <= MAX_ID:
        return None
    params = Params()
    seen = scope(actor, entity, "r", params, permission)
    found = rows(f"SELECT r.* FROM {entity.table} r WHERE r.id = {params.bind(key)} AND {seen}", params, often=True)
    return found[0] if found else None
