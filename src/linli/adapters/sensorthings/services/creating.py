"""New entities, with those that stand in them, in one transaction."""

from __future__ import annotations

import re
from typing import Any

from linli.adapters.sensorthings.odata import times
from linli.adapters.sensorthings.odata.errors import Wrong
from linli.adapters.sensorthings.schema import ENTITIES, FEATURES, OBSERVATIONS, Entity
from linli.adapters.sensorthings.selectors import entities
from linli.adapters.sensorthings.selectors.frames import MANAGE
from linli.adapters.sensorthings.services import drafts, placing, storing
from linli.adapters.sensorthings.services.drafts import Draft
from linli.adapters.sensorthings.services.tables import home_area, insert, managed, quiet, run, update
from linli.devices import facade as devices
from linli.kernel import audit, clock
from linli.kernel.actor import Actor
from linli.telemetry import facade as telemetry

MAX_DEEP = 1_000
_TRUTH = "OM_TruthObservation"


def create(*, actor: Actor, entity: Entity, body: Any) -> Any:
    """The id of the new entity; all in the body, or nothing. Observations can be read when this returns."""
    actor.require(MANAGE)
    with quiet(), storing.Batch(actor) as batch:
        made = Maker(actor, batch)
        key = made.make(entity, body)
        if entity is not OBSERVATIONS:
            audit.record(actor=actor, action="sensorthings.create", kind=entity.single, ref=str(key),
                         area=home_area(actor), detail={"entities": made.count})  # fmt: skip
    return batch.ids[key] if entity is OBSERVATIONS else key


class Maker:
    """`make` gives the id of an entity, of an observation its place in the batch."""

    def __init__(self, actor: Actor, batch: storing.Batch) -> None:
        self.actor, self.batch = actor, batch
        self.count = 0

    def make(self, entity: Entity, body: Any) -> int:
        self.count += 1
        if self.count > MAX_DEEP:
            raise Wrong(f"one request makes at most {MAX_DEEP} entities; use CreateObservations for observations")
        draft = drafts.read(entity, body)
        return int(getattr(self, f"_{entity.single.lower()}")(draft))

    def of(self, draft: Draft, name: str, *, change: bool = False) -> int:
        """The one entity at the end of a link that must be there."""
        if name not in draft.links:
            raise Wrong(f'{draft.entity.single} needs a {name}: a whole entity or {{"@iot.id": …}}')
        return self.linked(draft.entity, name, draft.links[name], change=change)

    def linked(self, entity: Entity, name: str, body: dict[str, Any], *, change: bool = False) -> int:
        """An entity that is there, or a new one."""
        target = ENTITIES[entity.links[name].target]
        key = drafts.key_of(target, body)
        if key is None:
            return self.make(target, body)
        if entities.one(self.actor, target, key) is None:
            raise Wrong(f"{name}: there is no {target.single} with the id {key}")
        if change:
            managed(self.actor, target, key)
        return int(key)

    def all(self, draft: Draft, name: str, *, change: bool = False) -> list[int]:
        return [self.linked(draft.entity, name, one, change=change) for one in draft.links.get(name, [])]

    def inner(self, draft: Draft, name: str, back: str, key: int) -> None:
        """What lies under a new entity and belongs to it."""
        target = ENTITIES[draft.entity.links[name].target]
        for body in draft.links.get(name, []):
            if drafts.key_of(target, body) is not None and target is not OBSERVATIONS and len(body) == 1:
                from linli.adapters.sensorthings.services import changing

                changing.relink(self, target, int(drafts.key_of(target, body)), {back: {"@iot.id": key}})
            else:
                self.make(target, {**body, back: {"@iot.id": key}})

    # --- each set ---------------------------------------------------------------------------------------------------

    def row(self, draft: Draft, area: str, **more: Any) -> int:
        own = {"area_path": area, "created_at": clock.now()}
        return insert(draft.entity.table, own | drafts.columns(draft) | more)

    def _thing(self, draft: Draft) -> int:
        key = self.row(draft, home_area(self.actor))
        locations = self.all(draft, "Locations")
        point = run("SELECT lon, lat FROM sta_location WHERE id = ANY(%s) AND lon IS NOT NULL LIMIT 1", [locations])
        device, area = placing.make_device(self.actor, key, draft.values["name"], point[0] if point else None)
        update("sta_thing", key, {"device_id": device, "area_path": area})
        if locations:
            placing.stand(self.actor, key, locations)
        self.inner(draft, "HistoricalLocations", "Thing", key)
        self.inner(draft, "Datastreams", "Thing", key)
        return key

    def _location(self, draft: Draft) -> int:
        point = drafts.point_of(draft.values["location"])
        place = placing.places.locate(*point) if point else None
        area = place.area_path if place and self.actor.can(MANAGE, place.area_path) else home_area(self.actor)
        key = self.row(draft, area)
        for thing in self.all(draft, "Things", change=True):
            placing.stand(self.actor, thing, [key])
        for past in self.all(draft, "HistoricalLocations", change=True):
            run("INSERT INTO sta_past_location (past_id, location_id) VALUES (%s, %s)", [past, key])
        return key

    def _historicallocation(self, draft: Draft) -> int:
        thing = self.of(draft, "Thing", change=True)
        locations = self.all(draft, "Locations")
        at = times.moment(draft.values["time"])
        newest = run("SELECT max(time) FROM sta_historical_location WHERE thing_id = %s", [thing])[0][0]
        if locations and (newest is None or at > newest):
            placing.stand(self.actor, thing, locations, past=False)
        return placing.remember(thing, locations, at)

    def _sensor(self, draft: Draft) -> int:
        key = self.row(draft, home_area(self.actor))
        self.inner(draft, "Datastreams", "Sensor", key)
        return key

    def _observedproperty(self, draft: Draft) -> int:
        key = self.row(draft, home_area(self.actor))
        self.inner(draft, "Datastreams", "ObservedProperty", key)
        return key

    def _featureofinterest(self, draft: Draft) -> int:
        key = self.row(draft, home_area(self.actor))
        self.inner(draft, "Observations", "FeatureOfInterest", key)
        return key

    def _datastream(self, draft: Draft) -> int:
        thing = managed(self.actor, ENTITIES["Things"], self.of(draft, "Thing"))
        sensor, observed = self.of(draft, "Sensor"), self.of(draft, "ObservedProperty")
        code = enter(self.actor, thing, sensor, observed, draft.values)
        key = self.row(draft, thing["area_path"], thing_id=thing["id"], sensor_id=sensor, own=True,
                       observed_property_id=observed, device_id=thing["device_id"], property=code)  # fmt: skip
        self.inner(draft, "Observations", "Datastream", key)
        return key

    def _observation(self, draft: Draft) -> int:
        stream = self.of(draft, "Datastream")
        feature = self.of(draft, "FeatureOfInterest") if "FeatureOfInterest" in draft.links else None
        return self.batch.add(stream, draft.values, feature)


def enter(actor: Actor, thing: dict[str, Any], sensor: int, observed: int, values: dict[str, Any]) -> str:
    """The property of the thing's device that a new datastream is; its code is used by no other and has no readings."""
    device = thing["device_id"]
    if device is None:
        return ""
    name = run("SELECT name FROM sta_observed_property WHERE id = %s", [observed])[0][0]
    kind, model = run("SELECT name, model_code FROM sta_sensor WHERE id = %s", [sensor])[0]
    used = {r[0] for r in run("SELECT property FROM sta_datastream WHERE device_id = %s", [device])}
    used |= {r["property"] for r in telemetry.latest([device]).to_pylist()}
    stem = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or f"property-{observed}"
    code = next(c for n in range(1, 100_000) if (c := stem if n == 1 else f"{stem}-{n}") not in used)
    unit = (values.get("unitOfMeasurement") or {}).get("symbol")
    prop = {"code": code, "name": {"zh": name[:80] or code, "en": name[:80] or code}, "unit": str(unit or "")[:40],
            "type": "bool" if values["observationType"].endswith(_TRUTH) else "number"}  # fmt: skip
    entered = devices.enter_property(actor=actor, device_id=device, kind=str(sensor), name=kind, prop=prop)
    if model is None:
        run("UPDATE sta_sensor SET model_code = %s WHERE id = %s AND NOT EXISTS (SELECT 1 FROM sta_sensor"
            " WHERE model_code = %s)", [entered, sensor, entered])  # fmt: skip
    return code


__all__ = ["FEATURES", "Maker", "create"]
