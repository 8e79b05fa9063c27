"""Entities changed: some attributes (PATCH), all of them (PUT), by JSON Patch; and links to others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from linli.adapters.sensorthings.odata import patches, times
from linli.adapters.sensorthings.odata.errors import Wrong
from linli.adapters.sensorthings.schema import DATASTREAMS, ENTITIES, OBSERVATIONS, Entity
from linli.adapters.sensorthings.selectors import answers, observing
from linli.adapters.sensorthings.selectors.frames import MANAGE
from linli.adapters.sensorthings.services import drafts, pending, placing, storing
from linli.adapters.sensorthings.services.creating import Maker
from linli.adapters.sensorthings.services.removing import erase, told_by
from linli.adapters.sensorthings.services.tables import managed, quiet, run, update
from linli.devices import facade as devices
from linli.kernel import audit, clock
from linli.kernel.actor import Actor

PATCH, MERGE, PUT, OPERATIONS = "patch", "merge", "put", "operations"
_ONE = {"Thing": "thing_id", "Sensor": "sensor_id", "ObservedProperty": "observed_property_id"}


def change(*, actor: Actor, entity: Entity, row: dict[str, Any], body: Any, how: str = PATCH) -> None:
    """`how`: `patch` takes the given attributes as they are, `merge` (RFC 7396) joins objects, `put` empties what is
    not given, `operations` is a JSON Patch."""
    key = answers.key_of(entity, row)
    actor.require(MANAGE)
    with quiet(), storing.Batch(actor) as batch:
        stream = row["ds"] if entity is OBSERVATIONS else None
        seen = managed(actor, ENTITIES["Datastreams"], stream) if stream else managed(actor, entity, key)
        draft = _draft(entity, row if stream else seen, body, how)
        _named(draft)
        if entity is OBSERVATIONS:
            _observation(actor, Maker(actor, batch), row, draft)
        else:
            update(entity.table, key, drafts.columns(draft))
            _follow(actor, entity, seen, draft)
            relink(Maker(actor, batch), entity, key, draft.links)
        fields = sorted([*draft.values, *draft.links])
        audit.record(actor=actor, action="sensorthings.update", kind=entity.single, ref=str(key),
                     area=seen.get("area_path") or "", detail={"fields": fields})  # fmt: skip
    if stream:
        told_by(actor, stream)


def _draft(entity: Entity, row: dict[str, Any], body: Any, how: str) -> drafts.Draft:
    now = {n: answers.value_of(entity, row, n) for n in entity.attributes if n != "id"}
    if how == OPERATIONS:
        made = patches.patched({k: v for k, v in now.items() if v is not None}, body)
        if not isinstance(made, dict):
            raise Wrong("a patch leaves an object")
        body = {k: made.get(k) for k in [*now, *made] if made.get(k) != now.get(k)}
    elif how == MERGE and isinstance(body, dict):
        body = {k: patches.merged(now.get(k), v) if k in now else v for k, v in body.items()}
    elif how == PUT and isinstance(body, dict):
        empty = {n: None for n, a in entity.attributes.items() if not a.required and n not in _kept(entity)}
        return drafts.read(entity, {**empty, **body})
    return drafts.read(entity, body, whole=False)


_KEPT = ("id", "phenomenonTime", "observedArea")  # a PUT without a time leaves the time


def _kept(entity: Entity) -> tuple[str, ...]:
    """What a PUT that does not name it leaves: of a Datastream, all that its Observations tell."""
    return (*_KEPT, "resultTime") if entity is DATASTREAMS else _KEPT


def _named(draft: drafts.Draft) -> None:
    """A change ties to entities that are there; new ones are made by POST."""
    for name, body in draft.links.items():
        target = ENTITIES[draft.entity.links[name].target]
        for one in body if isinstance(body, list) else [body]:
            if drafts.key_of(target, one) is None:
                raise Wrong(f'{draft.entity.single}.{name}: a change names a {target.single} that is there, as '
                            '{"@iot.id": …}; a new one is made by POST')  # fmt: skip


def _follow(actor: Actor, entity: Entity, row: dict[str, Any], draft: drafts.Draft) -> None:
    """The registry hears of a new name, and of a place that moved."""
    if entity.name == "Things" and row["device_id"] is not None and draft.values.get("name", "").strip():
        devices.update_device(actor=actor, device_id=row["device_id"], fields={"name_zh": draft.values["name"][:120]})
    if entity.name == "Locations" and "location" in draft.values:
        for (thing,) in run("SELECT thing_id FROM sta_thing_location WHERE location_id = %s", [row["id"]]):
            found = run("SELECT location_id FROM sta_thing_location WHERE thing_id = %s", [thing])
            placing.stand(actor, thing, [r[0] for r in found], past=False)


def relink(made: Maker, entity: Entity, key: int, links: dict[str, Any]) -> None:
    """Tie an entity to others; a Thing that gets Locations is there from now on."""
    for name, body in links.items():
        target = ENTITIES[entity.links[name].target]
        if entity.name == "Datastreams" and name in _ONE:
            other = made.linked(entity, name, body, change=name == "Thing")
            update(entity.table, key, {_ONE[name]: other})
        elif entity.name == "HistoricalLocations" and name == "Thing":
            update(entity.table, key, {"thing_id": made.linked(entity, name, body, change=True)})
        elif entity.name == "Things" and name == "Locations":
            placing.stand(made.actor, key, [made.linked(entity, name, one) for one in body])
        elif entity.name == "Locations" and name == "Things":
            for one in body:
                placing.stand(made.actor, made.linked(entity, name, one, change=True), [key])
        elif entity.links[name].via:
            _join(made, entity, key, name, body)
        else:
            _back(made, entity, key, name, target, body)


def _join(made: Maker, entity: Entity, key: int, name: str, body: list[dict[str, Any]]) -> None:
    for one in body:
        other = made.linked(entity, name, one)
        pair = (key, other) if entity.name == "HistoricalLocations" else (other, key)
        run("INSERT INTO sta_past_location (past_id, location_id) VALUES (%s, %s) ON CONFLICT DO NOTHING", pair)


def _back(made: Maker, entity: Entity, key: int, name: str, target: Entity, body: list[dict[str, Any]]) -> None:
    """The others take the link: they belong to this one from now on."""
    back = entity.links[name].back
    if target is OBSERVATIONS:
        raise Wrong(f"change {back} of each observation instead")
    for one in body:
        other = drafts.key_of(target, one)
        managed(made.actor, target, other)
        relink(made, target, other, {back: {"@iot.id": key}})


def _observation(actor: Actor, made: Maker, row: dict[str, Any], draft: drafts.Draft) -> None:
    """Taken out and told again under its id. What was a reading stays one where it can."""
    stream = made.linked(OBSERVATIONS, "Datastream", draft.links["Datastream"], change=True) \
        if "Datastream" in draft.links else row["ds"]  # fmt: skip
    if stream != row["ds"]:
        raise Wrong("an observation stays in its Datastream: its id says so")
    feature = row["feature_id"]
    if "FeatureOfInterest" in draft.links:
        feature = made.linked(OBSERVATIONS, "FeatureOfInterest", draft.links["FeatureOfInterest"])
    now = {n: drafts.checked(OBSERVATIONS.attributes[n], row.get(n)) for n in OBSERVATIONS.attributes if n != "id"}
    found = observing.of_streams(actor, [stream]).streams[stream]
    bare = row["n"] is None or row["bare"]
    given = dict(draft.values)
    if bare and not found["own"] and given.get("resultTime") is None:
        given.pop("resultTime", None)  # a device's came when it came, whatever is said of it later
    again = storing.item(stream, now | given, feature)
    if not bare:
        _update(row, again)
        area = managed(actor, ENTITIES["Datastreams"], stream)["area_path"]
        storing.tell(stream, area, [(row["_id"], again.feature)])
        return
    erase(actor, [row])
    made.batch.items.append(replace(again, t=row["t"], bare=True))


def _update(row: dict[str, Any], again: storing.Item) -> None:
    """In place; its reading in history goes when it no longer says the same."""
    kept = row["kept_at"]
    if kept is not None and (again.result != row["result"] or again.start // 1000 != kept):
        erase_reading(row)
        kept = None
    values = dict(zip(storing.COLUMNS, storing._row(replace(again, t=row["t"]), kept), strict=True))
    values.pop("bare")
    run(f"UPDATE sta_observation SET {', '.join(f'{c} = %s' for c in values)} WHERE id = %s",
        [*values.values(), row["n"]])  # fmt: skip


def erase_reading(row: dict[str, Any]) -> None:
    device, prop = run("SELECT device_id, property FROM sta_datastream WHERE id = %s", [row["ds"]])[0]
    pending.forget(device, prop, [row["kept_at"]])


__all__ = ["change", "clock", "relink", "times"]
