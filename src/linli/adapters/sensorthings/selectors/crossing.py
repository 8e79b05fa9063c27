"""Parts of a filter that lead from an entity into its observations: which series have such a reading is asked first."""

from __future__ import annotations

from typing import Any

from linli.adapters.sensorthings.odata.errors import Wrong
from linli.adapters.sensorthings.odata.grammar import Expr, leaves
from linli.adapters.sensorthings.schema import ENTITIES, Entity
from linli.kernel.actor import Actor

LOGIC = ("and", "or", "not")


def resolved(actor: Actor, entity: Entity, expr: Expr) -> Expr:
    """`expr` with ("ids", column, [...]) where it spoke of observations."""
    if entity.name == "Observations":
        return expr
    if expr[0] in LOGIC:
        return (expr[0], *(resolved(actor, entity, part) for part in expr[1:]))
    prefixes = {_prefix(entity, path) for path in leaves(expr)} - {None}
    if not prefixes:
        return expr
    if len(prefixes) > 1:
        raise Wrong("a comparison speaks of observations on two ways; write it as two")
    prefix = prefixes.pop()
    assert prefix is not None
    return ("within", prefix[:-1], streams(actor, _stripped(expr, len(prefix))))


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


def streams(actor: Actor, expr: Expr) -> list[int]:
    """The datastreams that have an observation for which `expr` holds."""
    from linli.adapters.sensorthings.selectors import observing

    return observing.having(actor, expr)
