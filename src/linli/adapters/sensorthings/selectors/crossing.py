"""Parts of a filter that lead from an entity into its observations: which series have such a reading is asked first."""

from __future__ import annotations

from typing import Any

from linli.adapters.sensorthings.odata.errors import Wrong
from linli.adapters.sensorthings.odata.grammar import Expr, leaves
from linli.adapters.sensorthings.schema import ENTITIES, Entity
from linli.kernel.actor import Actor

LOGIC = ("and", "or", "not")


def resolved(actor: Actor, entity: Entity, expr: Expr) -> Expr:
    """`expr` with ("within", links, ids) where it spoke of observations: ids of what lies at the end of the links. What
    is said of observations on one way and joined by `and` is said of one observation."""
    if entity.name == "Observations":
        return expr
    ways = {_prefix(entity, path) for path in leaves(expr)}
    if ways <= {None}:
        return expr
    if expr[0] == "any":
        return resolved(actor, entity, expr[1])
    if len(ways) == 1:
        return _within(actor, entity, ways.pop() or (), expr)
    if expr[0] == "and":
        return _joined(actor, entity, _conjuncts(expr))
    if expr[0] in LOGIC:
        return (expr[0], *(resolved(actor, entity, part) for part in expr[1:]))
    raise Wrong("a comparison speaks of observations on one way and of something else; that is not supported")


def _conjuncts(expr: Expr) -> list[Expr]:
    return [*_conjuncts(expr[1]), *_conjuncts(expr[2])] if expr[0] == "and" else [expr]


def _joined(actor: Actor, entity: Entity, parts: list[Expr]) -> Expr:
    groups: dict[Any, Expr] = {}
    for number, part in enumerate(parts):
        ways = {_prefix(entity, path) for path in leaves(part)}
        key = next(iter(ways)) if len(ways) == 1 and ways != {None} else number
        groups[key] = ("and", groups[key], part) if key in groups else part
    first, *rest = (resolved(actor, entity, part) for part in groups.values())
    for part in rest:
        first = ("and", first, part)
    return first


def _within(actor: Actor, entity: Entity, way: tuple[str, ...], expr: Expr) -> Expr:
    from linli.adapters.sensorthings.selectors import observing

    for name in way[:-1]:
        link = entity.link(name)
        assert link is not None
        entity = ENTITIES[link.target]
    having = observing.features_having if entity.name == "FeaturesOfInterest" else observing.having
    return ("within", way[:-1], having(actor, _stripped(expr, len(way))))


def _prefix(entity: Entity, path: tuple[str, ...]) -> tuple[str, ...] | None:
    """The links up to Observations, that one included."""
    for at, name in enumerate(path):
        link = entity.link(name)
        if name in entity.attributes or link is None:
            return None
        entity = ENTITIES[link.target]
        if entity.name == "Observations":
            return path[: at + 1]
    return None


def _stripped(expr: Any, cut: int) -> Any:
    if isinstance(expr, tuple):
        if len(expr) == 2 and expr[0] == "path":
            return ("path", expr[1][cut:]) if len(expr[1]) > cut else expr
        return tuple(_stripped(part, cut) for part in expr)
    return expr
