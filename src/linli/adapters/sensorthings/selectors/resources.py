"""What an address names: a set, an entity, a value; and the answer to a GET."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode

from linli.adapters.sensorthings.odata.errors import Wrong
from linli.adapters.sensorthings.odata.paths import Step
from linli.adapters.sensorthings.odata.query import Query
from linli.adapters.sensorthings.schema import ENTITIES, OBSERVATIONS, Entity, Link
from linli.adapters.sensorthings.selectors import entities, observing
from linli.adapters.sensorthings.selectors.answers import Context, Row, key_of, shaped, value_of
from linli.kernel.actor import Actor
from linli.kernel.errors import NotFound

PLAIN = "$(),;=':/@*"  # stands as it is in the addresses of pages: programs look for `$skip=` there
NO_SUCH = "nothing stands at this address"


@dataclass(frozen=True, slots=True)
class Resource:
    """`row` for one entity; else a set, of `parent` = (entity, link, row) where there is one. `rest`: what follows."""

    entity: Entity
    row: Row | None = None
    parent: tuple[Entity, Link, Row] | None = None
    rest: tuple[str, ...] = ()

    @property
    def many(self) -> bool:
        return self.row is None


def resolve(actor: Actor, steps: tuple[Step, ...]) -> Resource:
    """Follows the steps, each from what the one before named. NotFound says where it ends."""
    if not steps or steps[0].name not in ENTITIES:
        raise NotFound(f"{steps[0].name if steps else ''!r} is not an entity set")
    found = Resource(ENTITIES[steps[0].name])
    found = _keyed(actor, found, steps[0].key)
    for number, step in enumerate(steps[1:], 1):
        if found.row is None or step.name.startswith("$"):
            return _ended(found, steps[number:])
        link = found.entity.link(step.name)
        if link is None or step.name in found.entity.attributes:
            return _ended(found, steps[number:])
        found = _keyed(actor, _follow(actor, found, link), step.key)
    return found


def _ended(found: Resource, rest: tuple[Step, ...]) -> Resource:
    names = tuple(s.name for s in rest)
    if any(s.key is not None for s in rest):
        raise NotFound(f"{found.entity.single} has no {names[0]!r}")
    if found.many and names not in (("$ref",), ("$count",)):
        raise NotFound(f"a set has no {names[0]!r}")
    if not found.many and names[0] not in found.entity.attributes and names != ("$ref",):
        raise NotFound(f"{found.entity.single} has no {names[0]!r}")
    return replace(found, rest=names)


def _keyed(actor: Actor, found: Resource, key: str | None) -> Resource:
    if key is None:
        return found
    if not found.many:
        raise NotFound(f"{found.entity.single} is one and takes no id")
    row = _one(actor, found.entity, key)
    if row is None or (found.parent and not _belongs(actor, found, row)):
        raise NotFound(f"there is no {found.entity.single} with the id {key[:60]!r} here")
    return Resource(found.entity, row, found.parent)


def _one(actor: Actor, entity: Entity, key: str) -> Row | None:
    if entity is OBSERVATIONS:
        return observing.one(actor, key)
    return entities.one(actor, entity, int(key)) if key.isascii() and key.isdigit() else None


def row_of(actor: Actor, entity: Entity, key: Any) -> Row | None:
    return _one(actor, entity, str(key))


def _belongs(actor: Actor, found: Resource, row: Row) -> bool:
    assert found.parent is not None
    source, link, parent = found.parent
    if found.entity is OBSERVATIONS:
        return bool(row["ds" if source.name == "Datastreams" else "feature_id"] == parent["id"])
    same = Query(filter=("cmp", "eq", ("path", ("id",)), ("lit", "num", row["id"])), top=1)
    return bool(entities.listed(actor, found.entity, same, (source, link, parent["id"])))


def _follow(actor: Actor, found: Resource, link: Link) -> Resource:
    row, target = found.row, ENTITIES[link.target]
    assert row is not None
    if link.many:
        return Resource(target, None, (found.entity, link, row))
    if found.entity is OBSERVATIONS:
        key = row["ds" if link.name == "Datastream" else "feature_id"]
        one = entities.one(actor, target, key) if key is not None else None
    else:
        many = entities.linked(actor, found.entity, link, [row["id"]], Query(top=1), whole=True)
        one = many[row["id"]][0] if many else None
    if one is None:
        raise NotFound(f"this {found.entity.single} has no {link.name}")
    return Resource(target, one, (found.entity, link, row))


# --- answers --------------------------------------------------------------------------------------------------------


def read(context: Context, found: Resource, query: Query, address: str, given: list[tuple[str, str]]) -> Any:
    """What a GET gives: JSON, or a str for `$value` and `$count`."""
    if found.many:
        return _set(context, found, query, address, given)
    assert found.row is not None
    if found.rest == ("$ref",):
        return {"@iot.selfLink": context.link(found.entity, key_of(found.entity, found.row))}
    if found.rest:
        return _value(found)
    return shaped(context, found.entity, [found.row], query)[0]


def _value(found: Resource) -> Any:
    names = found.rest
    raw = names[-1] == "$value"
    if raw:
        names = names[:-1]
    assert found.row is not None
    value = key_of(found.entity, found.row) if names[0] == "id" else value_of(found.entity, found.row, names[0])
    for name in names[1:]:
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        else:
            raise NotFound(f"{names[0]} has no {name!r}")
    if value is None:
        raise NotFound(f"{'/'.join(names)} is empty", code="no-content")
    if not raw:
        return {names[-1]: value}
    return value if isinstance(value, str) else _Json(value)


class _Json(str):
    """A value that is not text, told as JSON."""

    def __new__(cls, value: Any) -> _Json:
        import orjson

        return super().__new__(cls, orjson.dumps(value).decode())


def series_of(actor: Actor, found: Resource) -> observing.Series:
    """Whose observations a set of them holds."""
    if found.parent is None:
        return observing.everything(actor)
    source, _, row = found.parent
    if source.name == "Datastreams":
        return observing.Series({row["id"]: row})
    return observing.of_feature(actor, row["id"])


def under(found: Resource, body: Any) -> Any:
    """A new entity of an address such as Things(1)/Datastreams belongs to that Thing. Wrong when it names another."""
    if found.parent is None or not isinstance(body, dict):
        return body
    source, link, row = found.parent
    back = found.entity.links[link.back or source.single]
    own = {"@iot.id": key_of(source, row)}
    named = [n for n in body if (tie := found.entity.link(n)) is not None and tie.name == back.name]
    rest = {n: v for n, v in body.items() if n not in named}
    if back.many:
        others = [one for n in named for one in (body[n] if isinstance(body[n], list) else [body[n]])]
        return {**rest, back.name: [own, *(one for one in others if not _is(one, own))]}
    if not all(_is(body[n], own) for n in named):
        raise Wrong(f"{back.name}: the address says {own['@iot.id']}, the body something else")
    return {**rest, back.name: own}


def _is(given: Any, own: dict[str, Any]) -> bool:
    """Whether a link in a body leads to this entity."""
    return isinstance(given, dict) and str(given.get("@iot.id", given.get("id"))) == str(own["@iot.id"])


def _set(context: Context, found: Resource, query: Query, address: str, given: list[tuple[str, str]]) -> Any:
    parent = (found.parent[0], found.parent[1], found.parent[2]["id"]) if found.parent else None
    own = series_of(context.actor, found) if found.entity is OBSERVATIONS else None
    if found.rest == ("$count",) or query.count:
        count = (observing.count(context.actor, own, query) if own is not None
                 else entities.counted(context.actor, found.entity, query, parent))  # fmt: skip
        if found.rest == ("$count",):
            return str(count)
    if query.size == 0:
        many, more = [], False
    elif own is not None:
        many, more = observing.page(context.actor, own, query)
    else:
        many = entities.listed(context.actor, found.entity, query, parent)
        many, more = many[: query.size], len(many) > query.size
    answer: Row = {"@iot.count": count} if query.count else {}
    if more:
        answer["@iot.nextLink"] = _next(address, given, query)
    answer["value"] = _listed(context, found, query, many)
    return answer


def _listed(context: Context, found: Resource, query: Query, many: list[Row]) -> list[Row]:
    if found.rest == ("$ref",):
        return [{"@iot.selfLink": context.link(found.entity, key_of(found.entity, row))} for row in many]
    sent = shaped(context, found.entity, many, query)
    if query.format != "dataArray":
        return sent
    if found.entity is not OBSERVATIONS:
        raise Wrong("the result format dataArray is for observations only")
    return data_array(context, query, many, sent)


def data_array(context: Context, query: Query, many: list[Row], sent: list[Row]) -> list[Row]:
    """Rows by datastream: components and values."""
    wanted = ["id" if n == "@iot.id" else n for n in query.select or OBSERVATIONS.attributes]
    names = list(dict.fromkeys(n for n in wanted if n in OBSERVATIONS.attributes))
    by: dict[int, list[list[Any]]] = {}
    for row, one in zip(many, sent, strict=True):
        by.setdefault(row["ds"], []).append([one.get("@iot.id" if n == "id" else n) for n in names])
    return [
        {"Datastream@iot.navigationLink": context.link(ENTITIES["Datastreams"], stream), "components": names,
         "dataArray@iot.count": len(values), "dataArray": values} for stream, values in by.items()
    ]  # fmt: skip


def _next(address: str, given: list[tuple[str, str]], query: Query) -> str:
    """This address with the skip of the page that follows."""
    kept = [(n, v) for n, v in given if n.lower().lstrip("$") not in ("skip", "top")]
    kept += [("$top", str(query.size)), ("$skip", str(query.skip + query.size))]
    return f"{address}?{urlencode(kept, quote_via=quote, safe=PLAIN)}"
