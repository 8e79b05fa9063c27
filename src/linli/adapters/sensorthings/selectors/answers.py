"""Entities as the standard shows them: attributes, links, and what `$expand` puts inside."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from linli.adapters.sensorthings.odata import times
from linli.adapters.sensorthings.odata.errors import Wrong
from linli.adapters.sensorthings.odata.query import Query, spelt
from linli.adapters.sensorthings.schema import DATASTREAMS, ENTITIES, FEATURES, Attribute, Entity, Link
from linli.adapters.sensorthings.selectors import entities, observing, stretches
from linli.adapters.sensorthings.selectors.frames import Params, rows, scope
from linli.kernel.actor import Actor

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Context:
    """Who asks, and what addresses begin with: `https://…/sta/v1.1`."""

    actor: Actor
    base: str

    def link(self, entity: Entity, key: Any) -> str:
        return f"{self.base}/{path_of(entity, key)}"


def path_of(entity: Entity, key: Any) -> str:
    if isinstance(key, int):
        return f"{entity.name}({key})"
    text = str(key)
    return f"{entity.name}('{text if text.isalnum() else quote(text)}')"


def key_of(entity: Entity, row: Row) -> Any:
    return row["_id"] if entity.name == "Observations" else row["id"]


def shaped(
    context: Context, entity: Entity, found: Sequence[Row], query: Query, *, inside: bool = False
) -> list[Row]:  # fmt: skip
    """Rows as they are sent, with what is expanded; those `inside` of another tell no addresses of links unasked."""
    check_select(entity, query)
    if entity is DATASTREAMS and (not query.select or "phenomenonTime" in query.select):
        _tell_times(found)
    expanded = {}
    for name, inner in query.expand.items():
        link = entity.link(name)
        if link is None:
            raise Wrong(f"$expand: {entity.single} has no {name!r}")
        expanded[link.name] = _expanded(context, entity, link, found, inner)
    plan = _plan(entity.name, query.select, tuple(expanded), inside)
    return [_shape(f"{context.base}/", entity, row, plan, expanded) for row in found]


def check_select(entity: Entity, query: Query) -> None:
    for name in query.select:
        top = name.split("/")[0]
        if top not in entity.attributes and entity.link(top) is None and not top.startswith("@iot."):
            raise Wrong(f"$select: {entity.single} has no {name!r}")


class Plan(NamedTuple):
    """What of an entity is sent. `parts`: name, type ("" for what is in the row as it is sent), columns, whether it is
    left out when empty; `expanded`: link and whether it is many; `addresses`: links whose address is told."""

    key: bool
    address: bool
    parts: tuple[tuple[str, str, tuple[str, ...], bool], ...]
    expanded: tuple[tuple[str, bool], ...]
    addresses: tuple[str, ...]


@functools.lru_cache(maxsize=2_000)
def _plan(name: str, select: tuple[str, ...], expanded: tuple[str, ...], inside: bool) -> Plan:
    entity, wanted = ENTITIES[name], {s.split("/")[0] for s in select}
    parts = []
    for attribute in entity.attributes.values():
        if attribute.name != "id" and (not wanted or attribute.name in wanted):
            made = name == "Observations"
            kind = attribute.type if attribute.type in ("span", "time") and not made else ""
            columns = (attribute.name,) if made else _columns(attribute)
            parts.append((attribute.name, kind, columns, attribute.optional))
    links = entity.links.values()
    named = {link.name for name in wanted if (link := entity.link(name))}
    return Plan(
        not wanted or bool(wanted & {"id", "@iot.id"}), not wanted or "@iot.selfLink" in wanted, tuple(parts),
        tuple((link.name, link.many) for link in links if link.name in expanded),
        tuple(link.name for link in links if link.name in named or not (wanted or inside)),
    )  # fmt: skip


def _shape(base: str, entity: Entity, row: Row, plan: Plan, expanded: dict[str, dict[Any, Row]]) -> Row:
    key = key_of(entity, row)
    at = base + path_of(entity, key)
    made: Row = {}
    if plan.key:
        made["@iot.id"] = key
    if plan.address:
        made["@iot.selfLink"] = at
    for name, kind, columns, optional in plan.parts:
        value = row.get(columns[0])
        if value is None:
            if optional:
                continue
        elif kind:
            value = _instant(row, kind, columns)
        made[name] = value
    for name, many in plan.expanded:
        made |= expanded[name].get(key) or {name: [] if many else None}
    for name in plan.addresses:
        made[f"{name}@iot.navigationLink"] = f"{at}/{name}"
    return made


def _columns(attribute: Attribute) -> tuple[str, ...]:
    return tuple(c.removeprefix("{t}.") for c in attribute.column.split("|"))


def _instant(row: Row, kind: str, columns: tuple[str, ...]) -> str:
    start = row[columns[0]]
    if kind == "time" or start == row[columns[1]]:
        return times.told(start)
    return f"{times.told(start)}/{times.told(row[columns[1]])}"


def value_of(entity: Entity, row: Row, name: str) -> Any:
    """An attribute of a row, as JSON."""
    attribute = entity.attributes[name]
    if entity.name == "Observations":
        return row.get(name)
    columns = _columns(attribute)
    if row[columns[0]] is None or attribute.type not in ("span", "time"):
        return row[columns[0]]
    return _instant(row, attribute.type, columns)


def _tell_times(streams: Sequence[Row]) -> None:
    """Devices' own readings are told by history: until the latest one."""
    found = stretches.told(streams)
    for s in streams:
        if s["id"] in found:
            first, last = (times.moment(ms * 1000) for ms in found[s["id"]])
            s["phenomenon_start"] = s["phenomenon_start"] or first
            s["phenomenon_end"] = max(s["phenomenon_end"] or last, last)


# --- what is expanded -----------------------------------------------------------------------------------------------


def _expanded(context: Context, entity: Entity, link: Link, found: Sequence[Row], inner: Query) -> dict[Any, Row]:
    """For each row's key, the members it gets."""
    target = ENTITIES[link.target]
    if entity.name == "Observations":
        return _of_observations(context, link, found, inner)
    if target.name == "Observations":
        return _observations(context, entity, link, found, inner)
    many = entities.linked(context.actor, entity, link, [r["id"] for r in found], inner)
    flat = [row for own in many.values() for row in (own[: inner.size] if link.many else own[:1])]
    sent = iter(shaped(context, target, flat, inner, inside=True))
    counted = inner.count and link.many
    counts = entities.linked_counts(context.actor, entity, link, [r["id"] for r in found], inner) if counted else {}
    made: dict[Any, Row] = {}
    for key, own in many.items():
        if link.many:
            part = [next(sent) for _ in own[: inner.size]]
            made[key] = _members(context, entity, key, link, part, inner, len(own) > inner.size, counts.get(key, 0))
        else:
            made[key] = {link.name: next(sent)}
    if counted:
        for row in found:
            made.setdefault(row["id"], {f"{link.name}@iot.count": counts.get(row["id"], 0), link.name: []})
    return made


def _members(
    context: Context, entity: Entity, key: Any, link: Link, part: list[Row], inner: Query, more: bool, count: int
) -> Row:  # fmt: skip
    made: Row = {}
    if inner.count:
        made[f"{link.name}@iot.count"] = count
    made[link.name] = part
    if more and part:
        at = f"{context.link(entity, key)}/{link.name}"
        then = [*spelt(inner), ("$top", str(inner.size)), ("$skip", str(inner.skip + inner.size))]
        made[f"{link.name}@iot.nextLink"] = f"{at}?" + urlencode(then)
    return made


def _observations(
    context: Context, entity: Entity, link: Link, found: Sequence[Row], inner: Query
) -> dict[Any, Row]:  # fmt: skip
    target, made = ENTITIES["Observations"], {}
    if entity is FEATURES:
        for row in found:
            own = observing.of_feature(context.actor, row["id"])
            many, more = observing.page(context.actor, own, inner)
            count = observing.count(context.actor, own, inner) if inner.count else 0
            part = shaped(context, target, many, inner, inside=True)
            made[row["id"]] = _members(context, entity, row["id"], link, part, inner, more, count)
        return made
    own = observing.Series({r["id"]: r for r in found})
    pages = observing.pages(context.actor, own, inner)
    counts = observing.counts(context.actor, own, inner) if inner.count else {}
    flat = [o for many in pages.values() for o in many[: inner.size]]
    sent = iter(shaped(context, target, flat, inner, inside=True))
    for row in found:
        many = pages.get(row["id"], [])
        part = [next(sent) for _ in many[: inner.size]] if many else []
        made[row["id"]] = part
    return {
        r["id"]: _members(context, entity, r["id"], link, made[r["id"]], inner,
                          len(pages.get(r["id"], [])) > inner.size, counts.get(r["id"], 0)) for r in found
    }  # fmt: skip


def _of_observations(context: Context, link: Link, found: Sequence[Row], inner: Query) -> dict[Any, Row]:
    """The Datastream or FeatureOfInterest of each observation."""
    target = ENTITIES[link.target]
    column = "ds" if link.name == "Datastream" else "feature_id"
    wanted = sorted({r[column] for r in found if r[column] is not None})
    read = _by_ids(context, target, wanted)
    by = {r["id"]: s for r, s in zip(read, shaped(context, target, read, inner, inside=True), strict=True)}
    return {r["_id"]: {link.name: by.get(r[column])} for r in found}


def _by_ids(context: Context, target: Entity, wanted: list[int]) -> list[Row]:
    params = Params()
    seen = scope(context.actor, target, "r", params)
    return rows(
        f"SELECT r.* FROM {target.table} r WHERE r.id = ANY({params.bind(wanted)}::bigint[]) AND {seen}", params
    )
