"""Geometry: the rows whose shape passes a test are found with shapely and named by their ids. Planar, in degrees."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from shapely.geometry import shape

from linli.adapters.sensorthings.odata.errors import Wrong
from linli.adapters.sensorthings.odata.grammar import Expr
from linli.adapters.sensorthings.schema import ENTITIES, Entity
from linli.adapters.sensorthings.selectors.frames import Params, rows, scope
from linli.adapters.sensorthings.selectors.typed import Typed, typed

if TYPE_CHECKING:
    from linli.adapters.sensorthings.selectors.filters import Filter

__all__ = ["ENTITIES"]
TESTS: dict[str, Callable[..., Any]] = {
    "geo.intersects": shapely.intersects, "st_intersects": shapely.intersects, "st_within": shapely.within,
    "st_contains": shapely.contains, "st_equals": shapely.equals, "st_disjoint": shapely.disjoint,
    "st_touches": shapely.touches, "st_overlaps": shapely.overlaps, "st_crosses": shapely.crosses,
    "st_relate": shapely.relate_pattern,
}  # fmt: skip
MEASURES = ("geo.distance", "geo.length", "st_distance", "st_length")
_COMPARE = {"eq": np.equal, "ne": np.not_equal, "gt": np.greater, "ge": np.greater_equal, "lt": np.less,
            "le": np.less_equal}  # fmt: skip
_FAR = ("st_disjoint", "st_relate")


def measured(expr: Expr) -> bool:
    return expr[0] == "call" and expr[1] in MEASURES


def _literal(expr: Expr) -> Any:
    if expr[0] != "lit" or expr[1] not in ("geo", "str"):
        return None
    try:
        found = shapely.from_wkt(expr[2].rpartition(";")[2])
    except shapely.errors.GEOSException:
        found = None
    if found is None:
        raise Wrong(f"{expr[2][:60]!r} is not a geometry in well-known text")
    return found


def _sides(name: str, given: tuple[Expr, ...]) -> tuple[Expr, Any, bool]:
    """(the path, the geometry, whether the path came first)"""
    if len(given) < 2:
        raise Wrong(f"{name} takes 2 values")
    for one, other, first in ((given[0], given[1], True), (given[1], given[0], False)):
        if one[0] == "path" and (found := _literal(other)) is not None:
            return one, found, first
    raise Wrong(f"{name} compares a geometry of an entity with one such as geography'POINT (117.2 31.9)'")


def test(into: Filter, name: str, given: tuple[Expr, ...]) -> Typed:
    path, geometry, first = _sides(name, given)
    more = []
    if name == "st_relate":
        if len(given) != 3 or given[2][0] != "lit" or not isinstance(given[2][2], str):
            raise Wrong("st_relate takes two geometries and a pattern such as 'T********'")
        more = [given[2][2]]

    def passes(found: Any) -> Any:
        return TESTS[name](found, geometry, *more) if first else TESTS[name](geometry, found, *more)

    return _matching(into, path, passes, None if name in _FAR else geometry.bounds)


def compare(into: Filter, op: str, call: Expr, other: Expr) -> Typed:
    """geo.distance and geo.length against a number."""
    _, name, given = call
    if other[0] != "lit" or other[1] != "num":
        raise Wrong(f"{name} is compared with a number")
    if name.endswith("length"):
        if len(given) != 1 or given[0][0] != "path":
            raise Wrong(f"{name} takes a geometry of an entity")
        return _matching(into, given[0], lambda found: _COMPARE[op](_lengths(found), other[2]), None)
    path, geometry, _ = _sides(name, given)
    return _matching(into, path, lambda found: _COMPARE[op](shapely.distance(found, geometry), other[2]), None)


def _lengths(found: Any) -> Any:
    """Of lines; an area has none: its edge is not what is asked for."""
    return np.where(shapely.get_dimensions(found) == 1, shapely.length(found), 0.0)


def _matching(into: Filter, path: Expr, passes: Callable[[Any], Any], bounds: Any) -> Typed:
    alias, entity, rest = into.found(path[1])
    attribute = entity.attributes.get(rest[0]) if len(rest) == 1 else None
    if attribute is None or attribute.type != "geo":
        raise Wrong(f"{'/'.join(path[1])} is not a geometry")
    ids, found = _candidates(into, entity, attribute.column.format(t="t"), bounds)
    try:
        hits = ids[np.asarray(passes(found), bool)] if len(ids) else ids
    except (shapely.errors.GEOSException, ValueError) as error:
        raise Wrong(f"the geometries cannot be compared: {error}") from error
    return typed(f"{alias}.id = ANY({into.bind(hits.tolist(), 'bigint[]')})", "bool")


def _candidates(into: Filter, entity: Entity, column: str, bounds: Any) -> tuple[Any, Any]:
    params = Params()
    seen = scope(into.frame.actor, entity, "t", params)
    flat = entity.name in ("Locations", "FeaturesOfInterest")
    near = ""
    if flat and bounds is not None and len(bounds) == 4 and not np.isnan(bounds).any():
        west, south, east, north = (params.bind(float(b)) for b in bounds)
        near = f" AND (t.lon IS NULL OR (t.lon BETWEEN {west} AND {east} AND t.lat BETWEEN {south} AND {north}))"
    point = (
        "t.lon, t.lat, CASE WHEN t.lon IS NULL THEN"
        if flat
        else "NULL::float8 AS lon, NULL AS lat, CASE WHEN TRUE THEN"
    )
    sql = f"SELECT t.id, {point} {column} END AS g FROM {entity.table} t WHERE {seen} AND {column} IS NOT NULL{near}"
    read = rows(sql, params)
    shaped = [(r["id"], shapely.Point(r["lon"], r["lat"]) if r["lon"] is not None else geometry(r["g"])) for r in read]
    shaped = [(i, g) for i, g in shaped if g is not None]
    return np.array([i for i, _ in shaped], np.int64), np.array([g for _, g in shaped], object)


def geometry(value: Any) -> Any:
    """The shape of GeoJSON, also of a Feature around it; None for anything else."""
    if isinstance(value, dict) and value.get("type") == "Feature":
        value = value.get("geometry")
    if not isinstance(value, dict) or "type" not in value:
        return None
    try:
        return shape(value)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, shapely.errors.ShapelyError):
        return None
