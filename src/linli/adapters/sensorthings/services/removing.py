"""Entities taken away, with what cannot be without them, as the standard lists it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from linli.adapters.sensorthings.odata import times
from linli.adapters.sensorthings.odata.query import Query
from linli.adapters.sensorthings.schema import ENTITIES, OBSERVATIONS, Entity
from linli.adapters.sensorthings.selectors import answers, observing
from linli.adapters.sensorthings.selectors.frames import MANAGE
from linli.adapters.sensorthings.services import pending, placing
from linli.adapters.sensorthings.services.tables import managed, quiet, run, update
from linli.devices import facade as devices
from linli.kernel import audit
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict

CHUNK = 10_000
MOST_IN_GROUP = 40_000


def remove(*, actor: Actor, entity: Entity, row: dict[str, Any]) -> None:
    """A device is retired and its readings stay in history; a deleted observation is gone from there, too."""
    actor.require(MANAGE)
    key = answers.key_of(entity, row)
    with quiet():
        if entity is OBSERVATIONS:
            seen = managed(actor, ENTITIES["Datastreams"], row["ds"])
            erase(actor, [row])
            told_by(actor, row["ds"])
        else:
            seen = managed(actor, entity, key)
            _REMOVE[entity.name](actor, seen)
        audit.record(actor=actor, action="sensorthings.delete", kind=entity.single, ref=str(key),
                     area=seen.get("area_path") or "")  # fmt: skip


def erase(actor: Actor, rows: Sequence[dict[str, Any]]) -> None:
    """Observations, out of both stores; rows as `observing` gives them."""
    run("DELETE FROM sta_observation WHERE id = ANY(%s)", [[r["n"] for r in rows if r["n"] is not None]])
    by: dict[int, list[int]] = defaultdict(list)
    for r in rows:
        t = r["t"] if r["n"] is None else r["kept_at"]
        if t is not None:
            by[r["ds"]].append(t)
    for stream, at in by.items():
        device, prop = run("SELECT device_id, property FROM sta_datastream WHERE id = %s", [stream])[0]
        pending.forget(device, prop, at)


def told_by(actor: Actor, key: int) -> None:
    """What its observations tell of a datastream of ours, its times and its area, once one has gone or was changed;
    looked up once history has heard of it."""
    pending.afterwards(("told", key), lambda: _told_by(actor, key))


def _told_by(actor: Actor, key: int) -> None:
    stream = observing.of_streams(actor, [key]).streams.get(key)
    if stream is None or not stream["own"]:
        return
    found = observing.first_and_last([stream]).get(key)
    low, high, first, last = run(
        "SELECT min(phenomenon_start), max(phenomenon_end), min(result_time), max(result_time)"
        " FROM sta_observation WHERE datastream_id = %s", [key]
    )[0]  # fmt: skip
    if found:
        start, end = (times.moment(t * 1000) for t in found)
        low, high = min(low or start, start), max(high or end, end)
    of = {r[0] for r in run("SELECT DISTINCT feature_id FROM sta_observation WHERE datastream_id = %s", [key])}
    area = placing.area_of([f for f in of | ({stream["feature_id"]} if found else set()) if f is not None])
    update("sta_datastream", key, {"phenomenon_start": low, "phenomenon_end": high, "result_start": first,
                                   "result_end": last, "observed_area": area})  # fmt: skip


def _streams(where: str, key: int, *, whole: bool = False) -> None:
    """Datastreams with their observations. One that a thing model defines is hidden: the device still has it."""
    ids = [r[0] for r in run(f"SELECT id FROM sta_datastream WHERE {where} = %s", [key])]
    run("DELETE FROM sta_observation WHERE datastream_id = ANY(%s)", [ids])
    if not whole:
        run("UPDATE sta_datastream SET gone = true WHERE id = ANY(%s) AND NOT own", [ids])
    run("DELETE FROM sta_datastream WHERE id = ANY(%s) AND (own OR %s)", [ids, whole])


def _thing(actor: Actor, row: dict[str, Any]) -> None:
    key = row["id"]
    _streams("thing_id", key, whole=True)
    run("DELETE FROM sta_past_location p USING sta_historical_location h WHERE h.id = p.past_id AND h.thing_id = %s",
        [key])  # fmt: skip
    run("DELETE FROM sta_historical_location WHERE thing_id = %s", [key])
    run("DELETE FROM sta_thing_location WHERE thing_id = %s", [key])
    run("DELETE FROM sta_thing WHERE id = %s", [key])
    if row["device_id"] is not None:
        devices.retire_device(actor=actor, device_id=row["device_id"], reason="SensorThings")


def _location(actor: Actor, row: dict[str, Any]) -> None:
    past = [r[0] for r in run("SELECT past_id FROM sta_past_location WHERE location_id = %s", [row["id"]])]
    run("DELETE FROM sta_past_location WHERE past_id = ANY(%s)", [past])
    run("DELETE FROM sta_historical_location WHERE id = ANY(%s)", [past])
    run("DELETE FROM sta_thing_location WHERE location_id = %s", [row["id"]])
    run("UPDATE sta_feature SET location_id = NULL WHERE location_id = %s", [row["id"]])
    run("DELETE FROM sta_location WHERE id = %s", [row["id"]])


def _past(actor: Actor, row: dict[str, Any]) -> None:
    run("DELETE FROM sta_past_location WHERE past_id = %s", [row["id"]])
    run("DELETE FROM sta_historical_location WHERE id = %s", [row["id"]])


def _datastream(actor: Actor, row: dict[str, Any]) -> None:
    _streams("id", row["id"])


def _sensor(actor: Actor, row: dict[str, Any]) -> None:
    _streams("sensor_id", row["id"], whole=True)
    run("DELETE FROM sta_sensor WHERE id = %s", [row["id"]])


def _property(actor: Actor, row: dict[str, Any]) -> None:
    _streams("observed_property_id", row["id"], whole=True)
    run("DELETE FROM sta_observed_property WHERE id = %s", [row["id"]])


def _feature(actor: Actor, row: dict[str, Any]) -> None:
    """With its observations; those of devices that a pack defines are not taken along."""
    if run("SELECT 1 FROM sta_datastream WHERE feature_id = %s AND NOT own LIMIT 1", [row["id"]]):
        raise Conflict("devices of the district are observed here; their readings are not deleted by this")
    own = observing.of_feature(actor, row["id"])
    _erase_all(actor, own)
    run("UPDATE sta_datastream SET feature_id = NULL WHERE feature_id = %s", [row["id"]])
    run("DELETE FROM sta_observation WHERE feature_id = %s", [row["id"]])
    run("DELETE FROM sta_feature WHERE id = %s", [row["id"]])
    for key in own.streams:
        told_by(actor, key)


def _erase_all(actor: Actor, own: observing.Series) -> None:
    """Page by page; in a group all pages are read first, for nothing is gone before its end."""
    if not pending.waiting():
        while found := observing.page(actor, own, Query(top=1_000))[0]:
            erase(actor, found)
        return
    rows: list[dict[str, Any]] = []
    while found := observing.page(actor, own, Query(top=1_000, skip=len(rows)))[0]:
        rows += found
        if len(rows) > MOST_IN_GROUP:
            raise Conflict(f"more than {MOST_IN_GROUP} observations go along: delete it outside of a group")
    pending.untold((s["device_id"], s["property"]) for s in own.plain)
    if rows:
        erase(actor, rows)


_REMOVE = {
    "Things": _thing, "Locations": _location, "HistoricalLocations": _past, "Datastreams": _datastream,
    "Sensors": _sensor, "ObservedProperties": _property, "FeaturesOfInterest": _feature,
}  # fmt: skip
