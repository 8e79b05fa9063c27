"""Observations into the district: numbers at an instant are readings, what is more has a row of its own besides."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import orjson
from django.db import connection
from psycopg.types.json import Jsonb

from linli.adapters.sensorthings.odata import times
from linli.adapters.sensorthings.odata.errors import Wrong
from linli.adapters.sensorthings.schema import DATASTREAMS
from linli.adapters.sensorthings.selectors import ids as keys
from linli.adapters.sensorthings.selectors.frames import VIEW
from linli.adapters.sensorthings.services import drafts, pending, placing
from linli.adapters.sensorthings.services.tables import managed, managed_of, run
from linli.kernel import events
from linli.kernel.actor import Actor
from linli.telemetry import facade as telemetry

MAX_MS = 1 << 43
NO_FEATURE = "an Observation needs a FeatureOfInterest: its Thing has no Location to make one of"
TOLD_AT_ONCE = 500
EXACT = 1 << 53
COLUMNS = ("datastream_id", "feature_id", "t", "kept_at", "bare", "phenomenon_start", "phenomenon_end", "result",
           "result_time", "valid_start", "valid_end", "quality", "parameters")  # fmt: skip


@dataclass(slots=True)
class Item:
    """One observation; times in microseconds. `bare`: it was a plain reading and keeps its id, whose time is `t`."""

    stream: int
    start: int
    end: int
    result: Any
    result_time: int | None = None
    valid: tuple[int, int] | None = None
    quality: Any = None
    parameters: Any = None
    feature: int | None = None
    t: int | None = None
    bare: bool = False


class Batch:
    """Collects observations and stores them at the end of the `with`; `ids` are then theirs, in order."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self.items: list[Item] = []
        self.ids: list[int | str] = []

    def __enter__(self) -> Batch:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None and self.items:
            self.ids = store(self.actor, self.items)

    def add(self, stream: int, values: dict[str, Any], feature: int | None) -> int:
        """Attributes as `drafts.checked` gives them."""
        self.items.append(item(stream, values, feature))
        return len(self.items) - 1


def item(stream: int, values: dict[str, Any], feature: int | None) -> Item:
    now = drafts.now_us() // 1000 * 1000
    start, end = values.get("phenomenonTime") or (now, now)
    return Item(stream, start, end, values.get("result"), values.get("resultTime"), values.get("validTime"),
                values.get("resultQuality"), values.get("parameters") or None, feature)  # fmt: skip


def store(actor: Actor, items: list[Item]) -> list[int | str]:
    """Their ids, once they can be read. Within a transaction: the readings go last."""
    by: dict[int, list[int]] = defaultdict(list)
    for number, one in enumerate(items):
        by[one.stream].append(number)
    ids: list[int | str] = [0] * len(items)
    readings: list[Any] = []
    rows: list[tuple[int, tuple[Any, ...]]] = []
    streams = _streams(actor, by)
    given = {key: [items[n] for n in numbers] for key, numbers in by.items()}
    _features(streams, given)
    taken = pending.taken([(streams[key], at) for key, own in given.items() if (at := _fit(streams[key], own))])
    ranges = _ranges([s for s in streams.values() if not s["own"] and s["device_id"] is not None])
    for key, numbers in by.items():
        sort = _Sort(streams[key], taken.get(key, set()), ranges.get(key), ids, readings, rows)
        sort.take([(n, items[n]) for n in numbers])
    _stretch([(s, given[key]) for key, s in streams.items() if s["own"]])
    for number, key in zip([n for n, _ in rows], _copy([r for _, r in rows]), strict=True):
        one = items[number]
        ids[number] = keys.of_row(one.stream, _t(one), one.bare, key)
    told: dict[int, list[tuple[int | str, int | None]]] = defaultdict(list)
    for n, _ in rows:
        told[items[n].stream].append((ids[n], items[n].feature))
    for key, those in told.items():
        tell(key, streams[key]["area_path"], those)
    pending.write(readings)
    return ids


def tell(stream: int, area: str, told: list[tuple[int | str, int | None]]) -> None:
    """Who listens to a datastream hears of these (id, feature); of plain readings, from the stream of readings."""
    sent = [(str(key), feature) for key, feature in told]
    for at in range(0, len(sent), TOLD_AT_ONCE):
        events.emit(
            type="observation.kept", kind="observation", ref=str(stream), area=area, permission=VIEW,
            data={"datastream": stream, "observations": sent[at : at + TOLD_AT_ONCE]},
        )  # fmt: skip


def _t(one: Item) -> int:
    return one.t if one.t is not None else one.start // 1000


def _streams(actor: Actor, wanted: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Their rows, as they are wanted; locked in the order of their ids, so that no two writers wait for each other."""
    found = managed_of(actor, DATASTREAMS, wanted)
    own = [key for key, row in found.items() if row["own"]]
    if len(own) > 1:
        run("SELECT id FROM sta_datastream WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", [own])
    return {key: found[key] if key in found else managed(actor, DATASTREAMS, key) for key in wanted}


def _features(streams: dict[int, dict[str, Any]], given: dict[int, list[Item]]) -> None:
    """Where none is named, the one made of the thing's place; the first becomes that of the plain readings."""
    lacking = {key for key, items in given.items() if any(one.feature is None for one in items)}
    usual = placing.features_of({streams[key]["thing_id"] for key in lacking}) if lacking else {}
    first: dict[int, int] = {}
    for key, items in given.items():
        stream = streams[key]
        feature = usual.get(stream["thing_id"])
        if feature is None and any(one.feature is None and one.t is None for one in items):
            raise Wrong(NO_FEATURE)
        for one in items:
            one.feature = feature if one.feature is None else one.feature
        if stream["feature_id"] is None and items[0].feature is not None:
            stream["feature_id"] = first[key] = items[0].feature
    if first:
        run("UPDATE sta_datastream d SET feature_id = v.feature FROM unnest(%s::bigint[], %s::bigint[]) v(id, feature)"
            " WHERE d.id = v.id", [list(first), list(first.values())])  # fmt: skip


def _number(value: Any) -> bool:
    kind = type(value)
    return kind is bool or (kind is int and abs(value) < EXACT) or (kind is float and math.isfinite(value))


def _fit(stream: dict[str, Any], items: list[Item]) -> list[int]:
    """The times (ms) at which readings may stand."""
    if stream["device_id"] is None:
        return []
    return [one.start // 1000 for one in items if _number(one.result) and 0 <= one.start < MAX_MS * 1000]


@dataclass(slots=True)
class _Sort:
    """Which observations of a datastream are readings, which rows, which both."""

    stream: dict[str, Any]
    taken: set[int]
    ranges: tuple[float, float] | None
    ids: list[int | str]
    readings: list[Any]
    rows: list[tuple[int, tuple[Any, ...]]]

    def take(self, items: list[tuple[int, Item]]) -> None:
        device, now = self.stream["device_id"], drafts.now_us() // 1000
        for number, one in items:
            t = one.start // 1000
            reading = device is not None and _number(one.result) and 0 <= t < MAX_MS and t not in self.taken
            plain = reading and self._plain(one, t)
            if reading:
                self.taken.add(t)
                flags = self._flags(one, now - t, plain)
                self.readings.append((device, self.stream["property"], t, now, float(one.result), flags))
            if plain:
                self.ids[number] = keys.of_reading(self.stream["id"], t)
            else:
                self.rows.append((number, _row(one, t if reading else None)))

    def _plain(self, one: Item, t: int) -> bool:
        return one.start % 1000 == 0 and one.start == one.end and (
            one.result_time is None and one.valid is None and one.quality is None and one.parameters is None
            and one.feature == self.stream["feature_id"] and (one.t is None or (one.bare and one.t == t)))  # fmt: skip

    def _flags(self, one: Item, age_ms: int, plain: bool) -> int:
        flags = (telemetry.CODED if isinstance(one.result, bool) else 0) | (0 if plain else telemetry.TOLD)
        flags |= telemetry.LATE if age_ms > 3_600_000 else 0
        out = self.ranges is not None and not self.ranges[0] <= one.result <= self.ranges[1]
        return flags | (telemetry.OUT_OF_RANGE if out else 0)


def _ranges(streams: list[dict[str, Any]]) -> dict[int, tuple[float, float]]:
    """What the thing models of these datastreams of devices say is possible."""
    if not streams:
        return {}
    found = run(
        "SELECT s.id, (p->'range'->>0)::float8, (p->'range'->>1)::float8 FROM sta_datastream s"
        " JOIN devices_device d ON d.id = s.device_id JOIN devices_thing_model m ON m.code = d.model_id,"
        " jsonb_array_elements(m.properties) p WHERE s.id = ANY(%s) AND p->>'code' = s.property"
        " AND jsonb_typeof(p->'range') = 'array'",
        [[s["id"] for s in streams]],
    )
    return {key: (low, high) for key, low, high in found if low is not None and high is not None}


def _row(one: Item, kept_at: int | None) -> tuple[Any, ...]:
    def json(value: Any) -> Any:
        return None if value is None else Jsonb(value)

    try:
        valid = (None, None) if one.valid is None else tuple(times.moment(v) for v in one.valid)
        at = None if one.result_time is None else times.moment(one.result_time)
        return (one.stream, one.feature, _t(one), kept_at, one.bare, times.moment(one.start), times.moment(one.end),
                json(one.result), at, *valid, json(one.quality), json(one.parameters))  # fmt: skip
    except OverflowError as error:
        raise Wrong("a time lies outside of the calendar") from error


def _copy(rows: list[tuple[Any, ...]]) -> list[int]:
    """Their ids, in order: drawn first, so that many rows go in by one COPY."""
    if not rows:
        return []
    keys = [r[0] for r in run("SELECT nextval(pg_get_serial_sequence('sta_observation', 'id'))"
                              " FROM generate_series(1, %s)", [len(rows)])]  # fmt: skip
    names = ", ".join(("id", *COLUMNS))
    connection.ensure_connection()
    with (
        connection.wrap_database_errors, connection.connection.cursor() as cursor,
        cursor.copy(f"COPY sta_observation ({names}) FROM STDIN") as copy,
    ):  # fmt: skip
        for key, row in zip(keys, rows, strict=True):
            copy.write_row((key, *row))
    return keys


def _stretch(given: list[tuple[dict[str, Any], list[Item]]]) -> None:
    """The times and the area of datastreams that were made here are those of their observations."""
    found = [_told_of(stream, items) for stream, items in given]
    if found:
        run(
            "UPDATE sta_datastream d SET phenomenon_start = least(d.phenomenon_start, v.a),"
            " phenomenon_end = greatest(d.phenomenon_end, v.b), result_start = least(d.result_start, v.c),"
            " result_end = greatest(d.result_end, v.e), observed_area = v.area::jsonb FROM unnest(%s::bigint[],"
            " %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::text[])"
            " v(id, a, b, c, e, area) WHERE d.id = v.id",
            [list(column) for column in zip(*found, strict=True)],
        )


def _told_of(stream: dict[str, Any], items: list[Item]) -> tuple[Any, ...]:
    area = stream["observed_area"]
    features = {i.feature for i in items if i.feature is not None}
    if area is None or features - {stream["feature_id"]}:
        area = placing.area_of(sorted(features), area)
    told = [i.result_time for i in items if i.result_time is not None]
    return (stream["id"], times.moment(min(i.start for i in items)), times.moment(max(i.end for i in items)),
            times.moment(min(told)) if told else None, times.moment(max(told)) if told else None,
            orjson.dumps(area).decode() if area else None)  # fmt: skip
