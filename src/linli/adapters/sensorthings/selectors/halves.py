"""A filter on observations, cut in two: one for history, which knows readings only, one for the table of the others.

What it says of Datastream or FeatureOfInterest is asked in Postgres first and becomes a set of series.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from linli.adapters.sensorthings.odata.errors import Wrong
from linli.adapters.sensorthings.odata.grammar import Expr, leaves
from linli.adapters.sensorthings.schema import DATASTREAMS, FEATURES, OBSERVATIONS, Entity
from linli.adapters.sensorthings.selectors import ids as keys
from linli.adapters.sensorthings.selectors.frames import Params, rows, scope
from linli.kernel.actor import Actor

NEVER: Expr = ("lit", "bool", False)
LOGIC = ("and", "or", "not")
Sets = list[list[Any]]


@dataclass(slots=True)
class Halves:
    history: Expr | None = None
    side: Expr | None = None
    sets: Sets = field(default_factory=list)


def grouped(streams: Iterable[dict[str, Any]]) -> list[Any]:
    """Series by property, as history is asked for them."""
    by: dict[str, list[str]] = {}
    for s in streams:
        by.setdefault(s["property"], []).append(s["device_id"].hex)
    return [[name, ids] for name, ids in by.items()]


def halve(actor: Actor, expr: Expr | None) -> Halves:
    found = Halves()
    if expr is not None:
        found.history, found.side = _cut(actor, expr, found.sets)
    return found


def _cut(actor: Actor, expr: Expr, sets: Sets) -> tuple[Expr, Expr]:
    if expr[0] in LOGIC:
        pairs = [_cut(actor, part, sets) for part in expr[1:]]
        return (expr[0], *(p[0] for p in pairs)), (expr[0], *(p[1] for p in pairs))
    kinds = {_link(path) for path in leaves(expr)}
    if kinds - {""} == set():
        return _by_id(actor, expr, sets) if ("id",) in _names(expr) else (expr, expr)
    if len(kinds) > 1:
        raise Wrong("a comparison speaks of an observation and of what it belongs to; that is not supported")
    name = kinds.pop()
    inner = _stripped(expr)
    if name == "Datastream":
        ids = _ids(actor, DATASTREAMS, inner)
        return _streams("r.id = ANY(%(ids)s)", ids, sets), ("ids", "datastream_id", ids)
    ids = _ids(actor, FEATURES, inner)
    return _streams("r.feature_id = ANY(%(ids)s)", ids, sets), ("ids", "feature_id", ids)


def _names(expr: Expr) -> set[tuple[str, ...]]:
    return {("id",) if path in (("id",), ("@iot.id",)) else path for path in leaves(expr)}


def _link(path: tuple[str, ...]) -> str:
    if path[0] in OBSERVATIONS.attributes or path[0].startswith("@iot."):
        return ""
    link = OBSERVATIONS.link(path[0])
    if link is None:
        raise Wrong(f"Observation has no {path[0]!r}")
    return link.name


def _stripped(expr: Any) -> Any:
    if isinstance(expr, tuple):
        if len(expr) == 2 and expr[0] == "path":
            return ("path", expr[1][1:])
        return tuple(_stripped(part) for part in expr)
    return expr


def _ids(actor: Actor, entity: Entity, expr: Expr) -> list[int]:
    from linli.adapters.sensorthings.selectors.entities import condition

    params = Params()
    where = f"{scope(actor, entity, 'r', params)} AND {condition(actor, entity, expr, params)}"
    return [r["id"] for r in rows(f"SELECT r.id FROM {entity.table} r WHERE {where}", params)]


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
    for path in leaves(expr):
        if path[0] not in OBSERVATIONS.attributes or path[0] == "id":
            raise Wrong(f"observations cannot be ordered by {'/'.join(path)}")
