"""Observations into the district: numbers at an instant are readings, what is more has a row of its own besides."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from django.db import connection
from psycopg.types.json import Jsonb

from linli.adapters.sensorthings.odata import times
from linli.adapters.sensorthings.odata.errors import Wrong
from linli.adapters.sensorthings.schema import ENTITIES
from linli.adapters.sensorthings.selectors import ids as keys
from linli.adapters.sensorthings.selectors.frames import VIEW
from linli.adapters.sensorthings.services import drafts, pending, placing
from linli.adapters.sensorthings.services.tables import managed, run
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
    areas: dict[int, str] = {}
    for key, numbers in by.items():
        stream = managed(actor, ENTITIES["Datastreams"], key)
        areas[key] = stream["area_path"]
        _features(stream, [items[n] for n in numbers])
        _sort(stream, [(n, items[n]) for n in numbers], ids, readings, rows)
        _stretch(stream, [items[n] for n in numbers])
    for number, key in zip([n for n, _ in rows], _copy([r for _, r in rows]), strict=True):
        one = items[number]
        ids[number] = keys.of_row(one.stream, _t(one), one.bare, key)
    for key, area in areas.items():
        tell(key, area, [(ids[n], items[n].feature) for n, _ in rows if items[n].stream == key])
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


def _features(stream: dict[str, Any], items: list[Item]) -> None:
    """Where none is named, the one made of the thing's place; the first becomes that of the plain readings."""
    if any(one.feature is None for one in items):
        usual = placing.feature_of(stream["thing_id"])
        if usual is None and any(one.feature is None and one.t is None for one in items):
            raise Wrong(NO_FEATURE)
        for one in items:
            one.feature = usual if one.feature is None else one.feature
    if stream["feature_id"] is None and items[0].feature is not None:
        stream["feature_id"] = items[0].feature
        run("UPDATE sta_datastream SET feature_id = %s WHERE id = %s", [items[0].feature, stream["id"]])


def _number(value: Any) -> bool:
    kind = type(value)
    return kind is bool or (kind is int and abs(value) < EXACT) or (kind is float and math.isfinite(value))


def _sort(
    stream: dict[str, Any], items: list[tuple[int, Item]], ids: list[int | str], readings: list[Any],
    rows: list[tuple[int, tuple[Any, ...]]],
) -> None:  # fmt: skip
    """Which are readings, which rows, which both."""
    device, now = stream["device_id"], drafts.now_us() // 1000
    fit = [one.start // 1000 for _, one in items if device is not None and _number(one.result)
           and 0 <= one.start < MAX_MS * 1000]  # fmt: skip
    taken = pending.taken(stream, fit) if fit else set()
    ranges = _ranges(stream)
    for number, one in items:
        t = one.start // 1000
        reading = device is not None and _number(one.result) and 0 <= t < MAX_MS and t not in taken
        plain = reading and one.start % 1000 == 0 and one.start == one.end and (
            one.result_time is None and one.valid is None and one.quality is None and one.parameters is None
            and one.feature == stream["feature_id"] and (one.t is None or (one.bare and one.t == t)))  # fmt: skip
        if reading:
            taken.add(t)
            flags = (telemetry.CODED if isinstance(one.result, bool) else 0) | (0 if plain else telemetry.TOLD)
            flags |= telemetry.LATE if now - t > 3_600_000 else 0
            flags |= telemetry.OUT_OF_RANGE if ranges and not ranges[0] <= one.result <= ranges[1] else 0
            readings.append((device, stream["property"], t, now, float(one.result), flags))
        if plain:
            ids[number] = keys.of_reading(stream["id"], t)
        else:
            rows.append((number, _row(one, t if reading else None)))


def _ranges(stream: dict[str, Any]) -> tuple[float, float] | None:
    """What the thing model says is possible."""
    if stream["own"] or stream["device_id"] is None:
        return None
    found = run(
        "SELECT p->'range' FROM devices_device d JOIN devices_thing_model m ON m.code = d.model_id,"
        " jsonb_array_elements(m.properties) p WHERE d.id = %s AND p->>'code' = %s"
        " AND jsonb_typeof(p->'range') = 'array'",
        [stream["device_id"], stream["property"]],
    )
    if not found:
        return None
    import orjson

    low, high = orjson.loads(found[0][0]) if isinstance(found[0][0], str) else found[0][0]
    return float(low), float(high)


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


def _stretch(stream: dict[str, Any], items: list[Item]) -> None:
    """The times and the area of a datastream that was made here are those of its observations."""
    if not stream["own"]:
        return
    area = stream["observed_area"]
    features = {i.feature for i in items if i.feature is not None}
    if area is None or features - {stream["feature_id"]}:
        area = placing.area_of(sorted(features), area)
    start, end = min(i.start for i in items), max(i.end for i in items)
    told = [i.result_time for i in items if i.result_time is not None]
    first, last = (times.moment(min(told)), times.moment(max(told))) if told else (None, None)
    run(
        "UPDATE sta_datastream SET phenomenon_start = least(phenomenon_start, %s),"
        " phenomenon_end = greatest(phenomenon_end, %s), result_start = least(result_start, %s),"
        " result_end = greatest(result_end, %s), observed_area = %s WHERE id = %s",
        [times.moment(start), times.moment(end), first, last, Jsonb(area) if area else None, stream["id"]],
    )
