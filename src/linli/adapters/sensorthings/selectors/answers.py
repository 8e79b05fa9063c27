"""Entities as the standard shows them: attributes, links, and what `$expand` puts inside."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode

from linli.adapters.sensorthings.odata import times
from linli.adapters.sensorthings.odata.errors import Wrong
from linli.adapters.sensorthings.odata.query import Query
from linli.adapters.sensorthings.schema import DATASTREAMS, ENTITIES, FEATURES, Entity, Link
from linli.adapters.sensorthings.selectors import entities, observing
from linli.adapters.sensorthings.selectors.frames import Params, rows, scope
from linli.kernel.actor import Actor
from linli.telemetry import facade as telemetry

Row = dict[str, Any]
KNOWN_S, KNOWN_MOST = 600.0, 200_000
_known: dict[int, tuple[float, int]] = {}  # datastream → (good until, when its readings begin)


@dataclass(frozen=True, slots=True)
class Context:
    """Who asks, and what addresses begin with: `https://…/sta/v1.1`."""

    actor: Actor
    base: str

    def link(self, entity: Entity, key: Any) -> str:
        return f"{self.base}/{path_of(entity, key)}"


def path_of(entity: Entity, key: Any) -> str:
    return f"{entity.name}({key})" if isinstance(key, int) else f"{entity.name}('{quote(str(key))}')"


def key_of(entity: Entity, row: Row) -> Any:
    return row["_id"] if entity.name == "Observations" else row["id"]


def shaped(context: Context, entity: Entity, found: Sequence[Row], query: Query) -> list[Row]:
    """Rows as they are sent, with what is expanded."""
    check_select(entity, query)
    if entity is DATASTREAMS and (not query.select or "phenomenonTime" in query.select):
        _tell_times(found)
    expanded = {}
    for name, inner in query.expand.items():
        link = entity.link(name)
        if link is None:
            raise Wrong(f"$expand: {entity.single} has no {name!r}")
        expanded[link.name] = _expanded(context, entity, link, found, inner)
    return [_shape(context, entity, row, query, expanded) for row in found]


def check_select(entity: Entity, query: Query) -> None:
    for name in query.select:
        top = name.split("/")[0]
        if top not in entity.attributes and entity.link(top) is None and not top.startswith("@iot."):
            raise Wrong(f"$select: {entity.single} has no {name!r}")


def _shape(context: Context, entity: Entity, row: Row, query: Query, expanded: dict[str, dict[Any, Row]]) -> Row:
    key, wanted = key_of(entity, row), {s.split("/")[0] for s in query.select}
    made: Row = {}
    if not wanted or wanted & {"id", "@iot.id"}:
        made["@iot.id"] = key
    if not wanted or "@iot.selfLink" in wanted:
        made["@iot.selfLink"] = context.link(entity, key)
    for attribute in entity.attributes.values():
        if attribute.name == "id" or (wanted and attribute.name not in wanted):
            continue
        value = value_of(entity, row, attribute.name)
        if value is not None or not attribute.optional:
            made[attribute.name] = value
    for link in entity.links.values():
        if link.name in expanded:
            made |= expanded[link.name].get(key, {link.name: [] if link.many else None})
        elif not wanted or link.name in wanted:
            made[f"{link.name}@iot.navigationLink"] = f"{context.link(entity, key)}/{link.name}"
    return made


def value_of(entity: Entity, row: Row, name: str) -> Any:
    """An attribute of a row, as JSON."""
    attribute = entity.attributes[name]
    if entity.name == "Observations":
        return row.get(name)
    columns = [c.removeprefix("{t}.") for c in attribute.column.split("|")]
    value = row[columns[0]]
    if value is None:
        return None
    if attribute.type == "span":
        return times.iso_span(times.micros_of(value), times.micros_of(row[columns[1]]))
    return times.iso(times.micros_of(value)) if attribute.type == "time" else value


def _tell_times(streams: Sequence[Row]) -> None:
    """Devices' own readings are told by history: until the latest one."""
    devices = sorted({s["device_id"] for s in streams if s["device_id"] is not None})
    if not devices:
        return
    newest = {(r["device"], r["property"]): r["t"] for r in telemetry.latest(devices).to_pylist()}
    unknown = [s for s in streams if s["device_id"] is not None and (s["device_id"].bytes, s["property"]) in newest
               and s["phenomenon_start"] is None]  # fmt: skip
    first = _first(unknown)
    for s in streams:
        last = newest.get((s["device_id"].bytes, s["property"])) if s["device_id"] is not None else None
        if last is None:
            continue
        end = times.moment(last * 1000)
        s["phenomenon_start"] = s["phenomenon_start"] or times.moment(first.get(s["id"], last) * 1000)
        s["phenomenon_end"] = max(s["phenomenon_end"] or end, end)


def _first(streams: Sequence[Row]) -> dict[int, int]:
    """When their readings begin (ms). To ask costs a look at the whole series, and it hardly ever changes."""
    now = time.monotonic()
    lacking = [s for s in streams if _known.get(s["id"], (0.0, 0))[0] < now]
    if len(_known) > KNOWN_MOST:
        _known.clear()
    for key, (first, _) in observing.first_and_last(lacking).items():
        _known[key] = (now + KNOWN_S, first)
    return {s["id"]: _known[s["id"]][1] for s in streams if s["id"] in _known}


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
    sent = iter(shaped(context, target, flat, inner))
    made: dict[Any, Row] = {}
    for key, own in many.items():
        if link.many:
            part = [next(sent) for _ in own[: inner.size]]
            made[key] = _members(context, entity, key, link, part, inner, len(own) > inner.size,
                                 own[0]["_c"] if own else 0)  # fmt: skip
        else:
            made[key] = {link.name: next(sent)}
    if inner.count and link.many:
        for row in found:
            made.setdefault(row["id"], {f"{link.name}@iot.count": 0, link.name: []})
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
        made[f"{link.name}@iot.nextLink"] = f"{at}?" + urlencode({"$top": inner.size, "$skip": inner.skip + inner.size})
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
            part = shaped(context, target, many, inner)
            made[row["id"]] = _members(context, entity, row["id"], link, part, inner, more, count)
        return made
    own = observing.Series({r["id"]: r for r in found})
    pages = observing.pages(context.actor, own, inner)
    counts = observing.counts(context.actor, own, inner) if inner.count else {}
    flat = [o for many in pages.values() for o in many[: inner.size]]
    sent = iter(shaped(context, target, flat, inner))
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
    query = replace(inner, top=max(1, len(wanted)), skip=0, filter=None)
    read = _by_ids(context, target, wanted)
    by = {r["id"]: s for r, s in zip(read, shaped(context, target, read, query), strict=True)}
    return {r["_id"]: {link.name: by.get(r[column])} for r in found}


def _by_ids(context: Context, target: Entity, wanted: list[int]) -> list[Row]:
    params = Params()
    seen = scope(context.actor, target, "r", params)
    return rows(
        f"SELECT r.* FROM {target.table} r WHERE r.id = ANY({params.bind(wanted)}::bigint[]) AND {seen}", params
    )
