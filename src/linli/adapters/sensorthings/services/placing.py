"""Things and their devices: where they are, and where they were."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from linli.adapters.sensorthings.selectors import boxes, shapes
from linli.adapters.sensorthings.services import drafts
from linli.adapters.sensorthings.services.tables import home_area, insert, run
from linli.devices import facade as devices
from linli.kernel import clock
from linli.kernel.actor import Actor
from linli.places import facade as places


def make_device(actor: Actor, thing: int, name: str, point: tuple[float, float] | None) -> tuple[Any, str]:
    """(device id, area path) of a new Thing; without any grid there is no device."""
    area = home_area(actor)
    place = places.locate(*point) if point else None
    if place is None and places.grid_at(area) is None:
        return None, area
    where = {"lon": point[0], "lat": point[1]} if place and point else {"area_path": area}
    fields = {"code": f"sta-{thing}", "name_zh": (name.strip() or f"Thing {thing}")[:120], **where}
    made = devices.open_device(actor=actor, fields=fields)
    return made.id, made.area_path


def stand(actor: Actor, thing: int, locations: Sequence[int], *, at: Any = None, past: bool = True) -> None:
    """The thing is there now: its links, a HistoricalLocation, and the point of its device."""
    run("DELETE FROM sta_thing_location WHERE thing_id = %s", [thing])
    for location in locations:
        run("INSERT INTO sta_thing_location (thing_id, location_id) VALUES (%s, %s) ON CONFLICT DO NOTHING",
            [thing, location])  # fmt: skip
    if past and locations:
        remember(thing, locations, at or clock.now())
    found = run(
        "SELECT t.device_id, l.lon, l.lat FROM sta_thing t, sta_location l WHERE t.id = %s"
        " AND l.id = ANY(%s) AND l.lon IS NOT NULL AND t.device_id IS NOT NULL LIMIT 1",
        [thing, list(locations)],
    )
    if found:
        device, lon, lat = found[0]
        if places.locate(lon, lat) is not None:
            devices.update_device(actor=actor, device_id=device, fields={"lon": lon, "lat": lat})


def remember(thing: int, locations: Sequence[int], at: Any) -> int:
    key = insert("sta_historical_location", {"thing_id": thing, "time": at})
    for location in locations:
        run("INSERT INTO sta_past_location (past_id, location_id) VALUES (%s, %s) ON CONFLICT DO NOTHING",
            [key, location])  # fmt: skip
    return key


def area_of(features: Sequence[int], known: Any = None) -> Any:
    """GeoJSON of the box around some features, and around what was known: a Point where it has no size; or None."""
    found = run("SELECT lon, lat, feature FROM sta_feature WHERE id = ANY(%s)", [list(features)])
    shaped = [boxes.point(lon, lat) if lon is not None else shapes.geometry(_json(given)) for lon, lat, given in found]
    return boxes.box([*shaped, shapes.geometry(known)])


def _json(value: Any) -> Any:
    return orjson.loads(value) if isinstance(value, str) else value


def placed(things: Iterable[int]) -> set[int]:
    """Those that have a Location, of which a feature can be made."""
    found = run("SELECT DISTINCT thing_id FROM sta_thing_location WHERE thing_id = ANY(%s)", [list(things)])
    return {row[0] for row in found}


def features_of(things: Iterable[int]) -> dict[int, int]:
    """For each thing with a Location, the feature made of where it is, made when first asked for."""
    found = run(
        "SELECT DISTINCT ON (m.thing_id) m.thing_id, l.id, f.id FROM sta_thing_location m"
        " JOIN sta_location l ON l.id = m.location_id LEFT JOIN sta_feature f ON f.location_id = l.id"
        " WHERE m.thing_id = ANY(%s) ORDER BY m.thing_id, l.lon IS NULL, l.encoding_type <> ALL(%s), l.id",
        [list(things), list(drafts.GEO)],
    )
    missing = sorted({location for _, location, feature in found if feature is None})
    made = dict(
        run(
            "INSERT INTO sta_feature (location_id, area_path, name, description, encoding_type, feature, lon, lat,"
            " created_at) SELECT id, area_path, name, description, encoding_type, location, lon, lat, now()"
            " FROM sta_location WHERE id = ANY(%s) ORDER BY id"
            " ON CONFLICT (location_id) DO UPDATE SET name = sta_feature.name RETURNING location_id, id",
            [missing],
        )
        if missing
        else ()
    )
    return {thing: feature if feature is not None else made[location] for thing, location, feature in found}
