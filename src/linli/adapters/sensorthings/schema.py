"""The eight entity sets: attributes, where they are kept, and the links between them.

`column` is SQL with `{t}` for the alias of the entity's table. Types: num, str, json, time, span, geo, any.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from linli.adapters.sensorthings.odata.errors import Wrong


@dataclass(frozen=True, slots=True)
class Attribute:
    name: str
    type: str
    column: str
    required: bool = False
    optional: bool = False  # left out of answers when empty


@dataclass(frozen=True, slots=True)
class Link:
    """`join` ties the alias `{a}` of the entity to the alias `{b}` of the target; `via` is a table between, `{m}`."""

    name: str
    target: str
    many: bool
    join: str
    via: str = ""
    back: str = ""  # the target's name for the way back
    required: bool = False


@dataclass(frozen=True, slots=True)
class Entity:
    name: str  # the set's: Things
    single: str
    table: str
    attributes: dict[str, Attribute]
    links: dict[str, Link] = field(default_factory=dict)
    pack: str = ""  # SQL: whether a pack defines the row
    used: str = ""  # SQL: whether a Datastream is of it

    def link(self, name: str) -> Link | None:
        """By its name, in the plural or the singular, or in small letters."""
        return self.links.get(name) or self.links.get(_ALIASES.get(name.lower(), ""))


def _attributes(*found: Attribute) -> dict[str, Attribute]:
    own = Attribute("id", "num", "{t}.id")
    return {a.name: a for a in (own, *found)}


def _links(*found: Link) -> dict[str, Link]:
    return {link.name: link for link in found}


A = Attribute
_NAMED = (A("name", "str", "{t}.name", True), A("description", "str", "{t}.description", True))
_OPEN = A("properties", "json", "{t}.properties", optional=True)
_ENCODING = A("encodingType", "str", "{t}.encoding_type", True)


def _span(name: str, start: str, end: str) -> Attribute:
    return A(name, "span", f"{{t}}.{start}|{{t}}.{end}", optional=True)


THINGS = Entity(
    "Things", "Thing", "sta_thing", _attributes(*_NAMED, _OPEN),
    _links(
        Link("Locations", "Locations", True, "{m}.thing_id = {a}.id AND {m}.location_id = {b}.id",
             "sta_thing_location", "Things"),
        Link("HistoricalLocations", "HistoricalLocations", True, "{b}.thing_id = {a}.id", back="Thing"),
        Link("Datastreams", "Datastreams", True, "{b}.thing_id = {a}.id", back="Thing"),
    ),
)  # fmt: skip
LOCATIONS = Entity(
    "Locations", "Location", "sta_location",
    _attributes(*_NAMED, _ENCODING, A("location", "geo", "{t}.location", True), _OPEN),
    _links(
        Link("Things", "Things", True, "{m}.location_id = {a}.id AND {m}.thing_id = {b}.id",
             "sta_thing_location", "Locations"),
        Link("HistoricalLocations", "HistoricalLocations", True,
             "{m}.location_id = {a}.id AND {m}.past_id = {b}.id", "sta_past_location", "Locations"),
    ),
)  # fmt: skip
PASTS = Entity(
    "HistoricalLocations", "HistoricalLocation", "sta_historical_location",
    _attributes(A("time", "time", "{t}.time", True)),
    _links(
        Link("Thing", "Things", False, "{b}.id = {a}.thing_id", back="HistoricalLocations", required=True),
        Link("Locations", "Locations", True, "{m}.past_id = {a}.id AND {m}.location_id = {b}.id",
             "sta_past_location", "HistoricalLocations"),
    ),
)  # fmt: skip
DATASTREAMS = Entity(
    "Datastreams", "Datastream", "sta_datastream",
    _attributes(
        *_NAMED, A("observationType", "str", "{t}.observation_type", True),
        A("unitOfMeasurement", "json", "{t}.unit", True),
        A("observedArea", "geo", "{t}.observed_area", optional=True),
        _span("phenomenonTime", "phenomenon_start", "phenomenon_end"),
        _span("resultTime", "result_start", "result_end"), _OPEN,
    ),
    _links(
        Link("Thing", "Things", False, "{b}.id = {a}.thing_id", back="Datastreams", required=True),
        Link("Sensor", "Sensors", False, "{b}.id = {a}.sensor_id", back="Datastreams", required=True),
        Link("ObservedProperty", "ObservedProperties", False, "{b}.id = {a}.observed_property_id",
             back="Datastreams", required=True),
        Link("Observations", "Observations", True, "{b}.datastream_id = {a}.id", back="Datastream"),
    ),
)  # fmt: skip
SENSORS = Entity(
    "Sensors",
    "Sensor",
    "sta_sensor",
    _attributes(*_NAMED, _ENCODING, A("metadata", "json", "{t}.metadata", True), _OPEN),
    _links(Link("Datastreams", "Datastreams", True, "{b}.sensor_id = {a}.id", back="Sensor")),
    "({t}.model_code IS NOT NULL AND {t}.metadata #>> '{{}}' = '/api/v1/thing-models/' || {t}.model_code)",
    "EXISTS (SELECT 1 FROM sta_datastream u WHERE u.sensor_id = {t}.id AND NOT u.gone)",
)
PROPERTIES = Entity(
    "ObservedProperties",
    "ObservedProperty",
    "sta_observed_property",
    _attributes(_NAMED[0], A("definition", "str", "{t}.definition", True), _NAMED[1], _OPEN),
    _links(Link("Datastreams", "Datastreams", True, "{b}.observed_property_id = {a}.id", back="ObservedProperty")),
    "({t}.key IS NOT NULL)",
    "EXISTS (SELECT 1 FROM sta_datastream u WHERE u.observed_property_id = {t}.id AND NOT u.gone)",
)
FEATURES = Entity(
    "FeaturesOfInterest",
    "FeatureOfInterest",
    "sta_feature",
    _attributes(*_NAMED, _ENCODING, A("feature", "geo", "{t}.feature", True), _OPEN),
    _links(Link("Observations", "Observations", True, "{b}.feature_id = {a}.id", back="FeatureOfInterest")),
)
_OBSERVATION_ID = (  # as selectors/ids.py has it
    "(CASE WHEN {t}.bare THEN {t}.datastream_id::numeric * 10000000000000 + {t}.t ELSE {t}.id END)::text"
)
OBSERVATIONS = Entity(
    "Observations", "Observation", "sta_observation",
    {
        a.name: a for a in (
            A("id", "str", _OBSERVATION_ID),
            A("phenomenonTime", "span", "{t}.phenomenon_start|{t}.phenomenon_end"),
            A("result", "any", "{t}.result", True),
            A("resultTime", "time", "{t}.result_time"),
            A("resultQuality", "json", "{t}.quality", optional=True),
            A("validTime", "span", "{t}.valid_start|{t}.valid_end", optional=True),
            A("parameters", "json", "{t}.parameters", optional=True),
        )
    },
    _links(
        Link("Datastream", "Datastreams", False, "{b}.id = {a}.datastream_id", back="Observations", required=True),
        Link("FeatureOfInterest", "FeaturesOfInterest", False, "{b}.id = {a}.feature_id", back="Observations"),
    ),
)  # fmt: skip
ENTITIES = {e.name: e for e in (THINGS, LOCATIONS, PASTS, DATASTREAMS, SENSORS, PROPERTIES, OBSERVATIONS, FEATURES)}
_ALIASES = {e.name.lower(): e.name for e in ENTITIES.values()} | {e.single.lower(): e.single for e in ENTITIES.values()}
SINGLES = {e.single: e for e in ENTITIES.values()}


def entity(name: str) -> Entity:
    found = ENTITIES.get(name)
    if found is None:
        raise Wrong(f"{name!r} is not an entity set: {', '.join(ENTITIES)}")
    return found
