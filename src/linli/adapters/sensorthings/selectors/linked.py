"""What observations have of their Datastream and FeatureOfInterest: one value for each of these, by which readings in
history are compared and ordered as well as rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from linli.adapters.sensorthings.odata import times
from linli.adapters.sensorthings.odata.errors import Wrong
from linli.adapters.sensorthings.odata.grammar import Expr, leaves
from linli.adapters.sensorthings.schema import DATASTREAMS, FEATURES, OBSERVATIONS
from linli.adapters.sensorthings.selectors.frames import Frame, Params, rows, scope
from linli.kernel.actor import Actor

Row = dict[str, Any]
OF = {"Datastream": (DATASTREAMS, "datastream_id", "id"), "FeatureOfInterest": (FEATURES, "feature_id", "feature_id")}
"""A link: what it leads to, and where an observation's row and a datastream's keep its id."""


def link_of(path: tuple[str, ...]) -> str:
    """The link that a path begins with; "" for what is the observation's own."""
    if path[0] in OBSERVATIONS.attributes or path[0].startswith("@iot."):
        return ""
    link = OBSERVATIONS.link(path[0])
    if link is None:
        raise Wrong(f"Observation has no {path[0]!r}")
    return link.name


def links_of(expr: Expr) -> set[str]:
    return {link_of(path) for path in leaves(expr)}


def stripped(expr: Any) -> Any:
    """The expression as what the link leads to sees it."""
    if isinstance(expr, tuple):
        if len(expr) == 2 and expr[0] == "path":
            return ("path", expr[1][1:])
        return tuple(stripped(part) for part in expr)
    return expr


def ranks(actor: Actor, link: str, expr: Expr, falling: bool) -> dict[int, int]:
    """The place of each entity among all by `expr`: those that are alike have one place, those without a value none."""
    from linli.adapters.sensorthings.selectors.entities import directed, sort_keys

    entity, params = OF[link][0], Params()
    keys = sort_keys(actor, entity, stripped(expr), params)
    by = ", ".join(directed(keys, falling))
    place = f"CASE WHEN {keys[0][0]} IS NOT NULL THEN dense_rank() OVER (ORDER BY {by}) END"
    seen = scope(actor, entity, "r", params)
    found = rows(f"SELECT r.id, {place} AS place FROM {entity.table} r WHERE {seen}", params)
    return {r["id"]: r["place"] for r in found if r["place"] is not None}


def values(actor: Actor, path: tuple[str, ...]) -> tuple[str, dict[int, Any]]:
    """(num, str or time, the value of each entity) of a path such as Datastream/Thing/properties/limit."""
    from linli.adapters.sensorthings.selectors.filters import Filter

    entity = OF[link_of(path)][0]
    frame = Frame(actor, entity)
    found = Filter(frame).compile(("path", path[1:]))
    seen = scope(actor, entity, "r", frame.params)
    many = rows(f"SELECT r.id, {found.sql} AS v FROM {frame.source()} WHERE {seen}", frame.params)
    kept = {r["id"]: r["v"] for r in many if r["v"] is not None}
    if found.kind in ("time", "span"):
        return "time", {key: times.micros_of(at) for key, at in kept.items()}
    if found.kind == "num" or (found.kind == "json" and any(_number(v) for v in kept.values())):
        return "num", {key: float(v) for key, v in kept.items() if _number(v)}
    words = {key: str(v).lower() if isinstance(v, bool) else v for key, v in kept.items()}
    return "str", {key: v for key, v in words.items() if isinstance(v, str)}


def _number(value: Any) -> bool:
    return not isinstance(value, bool | str | dict | list)


def table(streams: Iterable[Row], link: str, kind: str, by: Mapping[int, Any]) -> Row:
    """The values as history takes them: for the series of datastreams."""
    of: dict[str, list[Any]] = {}
    for s in streams:
        value = by.get(s[OF[link][2]])
        if value is not None and s["device_id"] is not None:
            of.setdefault(s["property"], []).append([s["device_id"].hex, value])
    return {"kind": kind, "of": [list(one) for one in of.items()]}


def replaced(expr: Any, tables: list[Row], told: Mapping[tuple[str, ...], Row]) -> Any:
    """`expr` with ("linked", n) for its paths over links, and their tables behind the others."""
    if not isinstance(expr, tuple):
        return expr
    if len(expr) == 2 and expr[0] == "path" and expr[1] in told:
        tables.append(told[expr[1]])
        return ("linked", len(tables) - 1)
    return tuple(replaced(part, tables, told) for part in expr)
