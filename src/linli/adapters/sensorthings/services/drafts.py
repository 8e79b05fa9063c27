"""Bodies as they come in: which attributes and links they have, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from linli.adapters.sensorthings.odata import times
from linli.adapters.sensorthings.odata.errors import Wrong
from linli.adapters.sensorthings.schema import DATASTREAMS, ENTITIES, OBSERVATIONS, Attribute, Entity
from linli.adapters.sensorthings.selectors import shapes
from linli.kernel import clock

GEO = ("application/geo+json", "application/vnd.geo+json", "application/vnd.geo json")
Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Draft:
    """`values` by attribute, `links` by the link's name: a dict or a list of dicts."""

    entity: Entity
    values: dict[str, Any]
    links: dict[str, Any]


def read(entity: Entity, body: Any, *, whole: bool = True) -> Draft:
    """With `whole`, all that an entity must have is asked for (links are asked for where they are used)."""
    if not isinstance(body, dict):
        raise Wrong(f"the body must be a JSON object that describes a {entity.single}")
    values: dict[str, Any] = {}
    links: dict[str, Any] = {}
    for name, value in body.items():
        link = entity.link(name)
        if name in entity.attributes and name != "id":
            values[name] = checked(entity.attributes[name], value)
        elif link is not None:
            links[link.name] = _linked(entity, link.name, link.many, value)
        elif name != "id" and "@iot." not in name:
            raise Wrong(f"{entity.single} has no {name!r}")
    missing = [a.name for a in entity.attributes.values() if a.required and whole and a.name not in values]
    if missing:
        raise Wrong(f"{entity.single} needs {', '.join(missing)}")
    _together(entity, values)
    return Draft(entity, values, links)


def _linked(entity: Entity, name: str, many: bool, value: Any) -> Any:
    parts = value if isinstance(value, list) else [value]
    if value is None or (isinstance(value, list) and not many) or not all(isinstance(p, dict) for p in parts):
        kind = "a list of objects" if many else "an object"
        raise Wrong(f'{entity.single}.{name} must be {kind}: a whole entity or {{"@iot.id": …}}')
    return parts if many else value


def checked(attribute: Attribute, value: Any) -> Any:
    """The value as it is kept: times as (start, end) in microseconds."""
    name = attribute.name
    if value is None:
        if attribute.required and attribute.type != "any":
            raise Wrong(f"{name} must not be empty")
        return None
    if attribute.type == "str" and not isinstance(value, str):
        raise Wrong(f"{name} must be text")
    if attribute.type in ("time", "span"):
        if not isinstance(value, str):
            raise Wrong(f"{name} must be an ISO 8601 time")
        return times.span(value, name) if attribute.type == "span" else times.span(value, name)[0]
    if name in ("properties", "parameters", "unitOfMeasurement") and not isinstance(value, dict):
        raise Wrong(f"{name} must be an object")
    if name == "observedArea" and shapes.geometry(value) is None:
        raise Wrong("observedArea must be GeoJSON")
    return value


def _together(entity: Entity, values: dict[str, Any]) -> None:
    for name in ("location", "feature"):
        if name in values and name in entity.attributes and values.get("encodingType", GEO[0]) in GEO:
            found = shapes.geometry(values[name])
            if found is None or found.is_empty:
                raise Wrong(f"{name} must be GeoJSON, as its encodingType says")
    if entity is DATASTREAMS and values.get("observationType") == "":
        raise Wrong("observationType must not be empty")


def key_of(entity: Entity, body: Body) -> Any:
    """The id of a link to an entity that is there; None for one to be made."""
    key = body.get("@iot.id", body.get("id"))
    if key is None or isinstance(key, bool):
        return None
    if entity is OBSERVATIONS:
        return str(key)
    text = str(key)
    if not text.isascii() or not text.isdigit():
        raise Wrong(f"there is no {entity.single} with the id {text[:60]!r}")
    return int(text)


def columns(draft: Draft) -> dict[str, Any]:
    """Column → value of a row of the entity's table."""
    made: dict[str, Any] = {}
    for name, value in draft.values.items():
        parts = [c.removeprefix("{t}.") for c in draft.entity.attributes[name].column.split("|")]
        kind = draft.entity.attributes[name].type
        if len(parts) == 2:
            ends = (None, None) if value is None else (times.moment(value[0]), times.moment(value[1]))
            made |= dict(zip(parts, ends, strict=True))
        else:
            made[parts[0]] = times.moment(value) if kind == "time" and value is not None else value
    for name in ("location", "feature"):
        if name in made:
            point = point_of(made[name])
            made["lon"], made["lat"] = point or (None, None)
    return made


def point_of(value: Any) -> tuple[float, float] | None:
    found = shapes.geometry(value)
    if found is None or found.geom_type != "Point" or found.is_empty:
        return None
    return float(found.x), float(found.y)


def now_us() -> int:
    return times.micros_of(clock.now())


__all__ = ["ENTITIES", "Draft", "read"]
