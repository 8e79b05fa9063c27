"""A filter on observations, cut in two: one for history, which knows readings only, one for the table of the others.

What it says of Datastream or FeatureOfInterest is asked in Postgres first and becomes a set of series; what compares an
observation with them, a value for each series.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from linli.adapters.sensorthings.odata.errors import Wrong
from linli.adapters.sensorthings.odata.grammar import Expr, leaves
from linli.adapters.sensorthings.schema import OBSERVATIONS, Entity
from linli.adapters.sensorthings.selectors import ids as keys
from linli.adapters.sensorthings.selectors import linked
from linli.adapters.sensorthings.selectors.filters import Filter
from linli.adapters.sensorthings.selectors.frames import Frame, Params, rows, scope
from linli.kernel.actor import Actor

NEVER: Expr = ("lit", "bool", False)
LOGIC = ("and", "or", "not")
Sets = list[list[Any]]


@dataclass(slots=True)
class Halves:
    """`sets` and `tables`: what the half of history names by number."""

    history: Expr | None = None
    side: Expr | None = None
    sets: Sets = field(default_factory=list)
    tables: list[dict[str, Any]] = field(default_factory=list)


def grouped(streams: Iterable[dict[str, Any]]) -> list[Any]:
    """Series by property, as history is asked for them."""
    by: dict[str, list[str]] = {}
    for s in streams:
        by.setdefault(s["property"], []).append(s["device_id"].hex)
    return [[name, ids] for name, ids in by.items()]


def halve(actor: Actor, expr: Expr | None, streams: Iterable[dict[str, Any]]) -> Halves:
    """For observations of these datastreams. Raises Wrong for what no half can be asked."""
    found = Halves()
    if expr is not None:
        found.history, found.side = _cut(actor, expr, found, list(streams))
    return found


def _cut(actor: Actor, expr: Expr, into: Halves, streams: list[dict[str, Any]]) -> tuple[Expr, Expr]:
    if expr[0] in LOGIC:
        pairs = [_cut(actor, part, into, streams) for part in expr[1:]]
        return (expr[0], *(p[0] for p in pairs)), (expr[0], *(p[1] for p in pairs))
    if expr[0] == "any":
        return _cut(actor, expr[1], into, streams)
    kinds = linked.links_of(expr)
    if "" in kinds or not kinds:
        Filter(Frame(actor, OBSERVATIONS)).where(expr)  # refuses what cannot be asked, though there may be no rows
    if kinds - {""} == set():
        return _by_id(actor, expr, into.sets) if ("id",) in _names(expr) else (expr, expr)
    if len(kinds) > 1:
        return _compared(actor, expr, into, streams), expr
    entity, column, own = linked.OF[kinds.pop()]
    ids, empty = _ids(actor, entity, linked.stripped(expr))
    where = f"(CASE WHEN r.{own} IS NULL THEN {empty} ELSE r.{own} = ANY(%(ids)s) END)"
    return _streams(where, ids, into.sets), ("ids", column, ids, empty)


READINGS = {"result", "phenomenonTime", "resultTime"}


def _compared(actor: Actor, expr: Expr, into: Halves, streams: list[dict[str, Any]]) -> Expr:
    """An observation against what it belongs to; a reading has nothing but these."""
    paths = set(leaves(expr))
    if any(path[0] not in READINGS for path in paths if linked.link_of(path) == ""):
        return ("lit", "null", None)
    told = {}
    for path in paths:
        if link := linked.link_of(path):
            told[path] = linked.table(streams, link, *linked.values(actor, path))
    return linked.replaced(expr, into.tables, told)


def _names(expr: Expr) -> set[tuple[str, ...]]:
    return {("id",) if path in (("id",), ("@iot.id",)) else path for path in leaves(expr)}


def _ids(actor: Actor, entity: Entity, expr: Expr) -> tuple[list[int], bool]:
    """The entities for which `expr` holds, and whether it does where there is none."""
    from linli.adapters.sensorthings.selectors.entities import condition

    params = Params()
    where = condition(actor, entity, expr, params)
    none = rows(f"SELECT {where} AS empty FROM (SELECT 1) x LEFT JOIN {entity.table} r ON FALSE", params)
    where = f"{scope(actor, entity, 'r', params)} AND {where}"
    found = [r["id"] for r in rows(f"SELECT r.id FROM {entity.table} r WHERE {where}", params)]
    return found, bool(none[0]["empty"])


def _streams(where: str, ids: list[int], sets: Sets) -> Expr:
    found = rows(
        f"SELECT r.device_id, r.property FROM sta_datastream r WHERE {where} AND r.device_id IS NOT NULL",
        Params({"ids": ids}),
    )
    if not found:
        return NEVER
    sets.append(grouped(found))
    return ("series", len(sets) - 1)


def _by_id(actor: Actor, expr: Expr, sets: Sets) -> tuple[Expr, Expr]:
    """The id of a reading is its series and its time."""
    if expr[0] == "in":
        pairs = [_by_id(actor, ("cmp", "eq", expr[1], one), sets) for one in expr[2]]
        made: list[Expr] = [NEVER, NEVER]
        for pair in pairs:
            made = [("or", made[0], pair[0]), ("or", made[1], pair[1])]
        return made[0], made[1]
    if expr[0] != "cmp" or expr[1] not in ("eq", "ne"):
        raise Wrong("ids of observations are compared by eq, ne and in only")
    text = next((str(part[2]) for part in expr[2:] if part[0] == "lit"), "")
    found = keys.read(text)
    if found is None or found.n is not None:
        half: Expr = NEVER
    else:
        at = ("cmp", "eq", ("path", ("phenomenonTime",)), ("lit", "time", found.t * 1000))
        half = ("and", _streams("r.id = ANY(%(ids)s)", [found.stream], sets), at)
    return (half if expr[1] == "eq" else ("not", half)), _row_by_id(expr[1], found)


def _row_by_id(op: str, key: keys.Key | None) -> Expr:
    """Of those with a row, one that was a plain reading keeps that id."""
    number = -1 if key is None else key.n if key.n is not None else key.stream * keys.TIMES + key.t
    return ("cmp", op, ("path", ("id",)), ("lit", "str", str(number)))


def check_order(expr: Expr) -> None:
    if ("id",) in _names(expr):
        raise Wrong("observations are ordered by their id as it is, or not at all")
