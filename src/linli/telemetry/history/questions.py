"""The named questions, as SQL. Every value is a bound parameter or checked to be one of a few words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from linli.telemetry.batch import CLAMPED, DOUBTFUL, LATE, OUT_OF_RANGE
from linli.telemetry.tiers import ALL, Since

MAX_POINTS = 20_000
MAX_ROWS = 50_000
MAX_ARRIVALS = 1_000_000
_ARRIVED_AT_ONCE = 1_500  # readings: a question is text of at most 256 KiB
MAX_SIDE_BY_SIDE = 8
SHORT_MS = 26 * 3_600_000
STEPS = {"minute": 60_000, "hour": 3_600_000, "day": 86_400_000}
DEFAULT_ZONE = "Asia/Shanghai"
_COLUMNS = (
    "device, toString(property) AS property, toUnixTimestamp64Milli(ts) AS t, toUnixTimestamp64Milli(recv) AS recv,"
    " value, flags"
)


class BadQuestion(ValueError):
    """A question that cannot be asked. `field` names the parameter."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Question:
    sql: str
    parameters: dict[str, Any]


def _in(devices: Iterable[bytes]) -> str:
    ids = [f"unhex('{d.hex()}')" for d in devices]
    if not ids:
        raise BadQuestion("devices", "at least one is needed")
    return f"device IN ({', '.join(ids)})"


def _span(start: int, end: int) -> None:
    if end <= start:
        raise BadQuestion("end", "must be after start")
    if not 0 <= start < 1 << 43 or end >= 1 << 43:
        raise BadQuestion("start", "is not a time")


def readings(
    device: bytes, prop: str | None, start: int, end: int, cursor: tuple[int, str] | None, limit: int, newest: bool
) -> Question:
    """Rows of one device by (time, property). Rows of equal key are never split: a page may be a few rows longer."""
    _span(start, end)
    if not 1 <= limit <= MAX_ROWS:
        raise BadQuestion("limit", f"must be between 1 and {MAX_ROWS}")
    parameters: dict[str, Any] = {"start": start, "end": end, "limit": limit}
    where = [
        _in([device]),
        "ts >= fromUnixTimestamp64Milli({start:Int64})",
        "ts < fromUnixTimestamp64Milli({end:Int64})",
    ]
    if prop is not None:
        where.append("property = {prop:String}")
        parameters["prop"] = prop
    if cursor is not None:
        where.append(f"(ts, property) {'<' if newest else '>'} (fromUnixTimestamp64Milli({{ct:Int64}}), {{cp:String}})")
        parameters["ct"], parameters["cp"] = cursor
    order = "ts DESC, property DESC" if newest else "ts, property"
    sql = f"SELECT {_COLUMNS} FROM raw WHERE {' AND '.join(where)} ORDER BY {order} LIMIT {{limit:UInt32}} WITH TIES"
    return Question(sql, parameters)


def series(
    devices: list[bytes], prop: str, start: int, end: int, points: int, *, last: bool = False, since: Since = ALL
) -> Question:
    """At most `points` + 1 buckets a device with min, max, mean and count; exact for any start and end. With `last` the
    newest reading of each bucket too: `last` and its time `last_t`.

    Long spans take the inner part from a rollup and only the two edges from raw. Of a time whose raw readings are not
    kept any more (`since`), the whole minutes or hours that touch the span.
    """
    _span(start, end)
    if not 1 <= points <= MAX_POINTS:
        raise BadQuestion("points", f"must be between 1 and {MAX_POINTS}")
    step = max(1, -(-(end - start) // points))
    table, base = _finest(step, end - start, start, since)
    step = -(-step // base) * base
    origin = start // base * base
    inner = _inner(start, end, base, since)
    source = _rows(_in(devices), table, start, end, inner, last)
    newest = ", max(z).2 AS last, toUnixTimestamp64Milli(max(z).1) AS last_t" if last else ""
    sql = f"""SELECT device, {{origin:Int64}} + intDiv(ms - {{origin:Int64}}, {{step:Int64}}) * {{step:Int64}} AS t,
        min(l) AS min, max(h) AS max, sum(s) / sum(c) AS mean, sum(c) AS count{newest}
        FROM ({source}) GROUP BY device, t ORDER BY device, t"""
    return Question(
        sql,
        {"prop": prop, "start": start, "end": end, "a": inner[0], "b": inner[1], "step": step, "origin": origin},
    )


def _finest(step: int, span: int, start: int, since: Since) -> tuple[str, int]:
    """The table to read, and its bucket in ms: as coarse as the steps allow, or as what is kept of that time needs.
    A day is soonest read from raw: no edges."""
    for name, finer in (("hour", since.minute), ("minute", since.raw)):
        if (step >= STEPS[name] and span > SHORT_MS) or start < finer:
            return name, STEPS[name]
    return "raw", 1


def _inner(start: int, end: int, base: int, since: Since) -> tuple[int, int]:
    """What of the span comes from the table of such buckets; the rest, before and after, is raw."""
    a, b = -(-start // base) * base, end // base * base
    if start < since.raw:
        a = start // base * base
    if end <= since.raw:
        b = -(-end // base) * base
    return (a, b) if base > 1 and a < b else (start, start)


def side_by_side(asked: Sequence[tuple[bytes, str, int, int]], points: int, since: Since = ALL) -> Question:
    """Several series in one answer, each (device, property, start, end) over its own span: `i` is the place of a series
    in `asked`; then t, min, max, mean, count, last, last_t by (i, t)."""
    if not 1 <= len(asked) <= MAX_SIDE_BY_SIDE:
        raise BadQuestion("series", f"1 to {MAX_SIDE_BY_SIDE} are needed")
    parts, parameters = [], {}
    for i, (device, prop, start, end) in enumerate(asked):
        one = series([device], prop, start, end, points, last=True, since=since)
        own = re.sub(r"\{(\w+):", rf"{{\1_{i}:", one.sql)
        parts.append(f"SELECT toInt64({i}) AS i, t, min, max, mean, count, last, last_t FROM ({own})")
        parameters.update({f"{name}_{i}": value for name, value in one.parameters.items()})
    return Question(f"SELECT * FROM ({' UNION ALL '.join(parts)}) ORDER BY i, t", parameters)


def _rows(where: str, table: str, start: int, end: int, inner: tuple[int, int], last: bool) -> str:
    """Each table is read once, and only if something of the span is its."""
    mine, kept = (", tuple(ts, value) AS z", ", last AS z") if last else ("", "")
    a, b = inner
    spans = " OR ".join(
        f"(ts >= fromUnixTimestamp64Milli({{{first}:Int64}}) AND ts < fromUnixTimestamp64Milli({{{past}:Int64}}))"
        for first, past, some in (("start", "a", start < a), ("b", "end", b < end)) if some
    )  # fmt: skip
    raw = f"""SELECT device, toUnixTimestamp64Milli(ts) AS ms, value AS l, value AS h, value AS s,
        toUInt64(1) AS c{mine} FROM raw WHERE {where} AND property = {{prop:String}} AND ({spans})"""
    whole = f"""SELECT device, toInt64(toUnixTimestamp(t)) * 1000 AS ms, lo AS l, hi AS h, total AS s, n AS c{kept}
        FROM {table} WHERE {where} AND property = {{prop:String}} AND t >= toDateTime(intDiv({{a:Int64}}, 1000), 'UTC')
        AND t < toDateTime(intDiv({{b:Int64}}, 1000), 'UTC')"""
    return " UNION ALL ".join([whole] * (a < b) + [raw] * bool(spans))


def latest(devices: list[bytes]) -> Question:
    sql = f"""SELECT device, toString(property) AS property, toUnixTimestamp64Milli(max(last).1) AS t,
        max(last).2 AS value, max(last).3 AS flags FROM latest WHERE {_in(devices)} GROUP BY device, property
        ORDER BY device, property"""
    return Question(sql, {})


def arrived(rows: list[tuple[bytes, str, int]]) -> Iterator[Question]:
    """When the readings (device, property, t) of `latest` were received: device, property, t, recv; some at a time."""
    for at in range(0, len(rows), _ARRIVED_AT_ONCE):
        by: dict[str, list[str]] = {}
        for device, prop, t in rows[at : at + _ARRIVED_AT_ONCE]:
            by.setdefault(prop, []).append(f"(unhex('{device.hex()}'), fromUnixTimestamp64Milli({int(t)}))")
        where = [
            f"(property = {{p{n}:String}} AND (device, ts) IN ({', '.join(own)}))" for n, own in enumerate(by.values())
        ]
        sql = f"""SELECT device, toString(property) AS property, toUnixTimestamp64Milli(ts) AS t,
            toUnixTimestamp64Milli(argMax(recv, (value, flags))) AS recv FROM raw WHERE {" OR ".join(where)}
            GROUP BY device, property, ts"""
        yield Question(sql, {f"p{n}": prop for n, prop in enumerate(by)})


def rollup(
    devices: list[bytes], properties: list[str], start: int, end: int, step: str, zone: str = DEFAULT_ZONE
) -> Question:
    """Whole minutes, hours or (local) days: min, max, mean, count, last. The span is widened to whole buckets."""
    _span(start, end)
    if step not in STEPS:
        raise BadQuestion("step", f"must be one of {', '.join(STEPS)}")
    table = "minute" if step == "minute" else "hour"
    bucket = "toStartOfDay(t, {zone:String})" if step == "day" else "t"
    first = "toStartOfDay(x, {zone:String})" if step == "day" else f"toStartOfInterval(x, INTERVAL 1 {step})"
    sql = f"""SELECT device, toString(property) AS property, toInt64(toUnixTimestamp({bucket})) * 1000 AS b,
        min(lo) AS min, max(hi) AS max, sum(total) / sum(n) AS mean, sum(n) AS count, max(last).2 AS last
        FROM {table} WHERE {_in(devices)} AND property IN {{props:Array(String)}}
        AND t >= (SELECT {first} FROM (SELECT toDateTime(intDiv({{start:Int64}}, 1000), 'UTC') AS x))
        AND t < toDateTime(intDiv({{end:Int64}} + 999, 1000), 'UTC')
        GROUP BY device, property, b ORDER BY device, property, b"""
    return Question(sql, {"props": properties, "start": start, "end": end, "zone": zone})


def counts(devices: list[bytes], start: int, end: int) -> Question:
    """How many readings each series has in whole hours that touch the span."""
    _span(start, end)
    sql = f"""SELECT device, toString(property) AS property, sum(n) AS count,
        toUnixTimestamp64Milli(max(last).1) AS t FROM hour WHERE {_in(devices)}
        AND t >= toStartOfHour(toDateTime(intDiv({{start:Int64}}, 1000), 'UTC'))
        AND t < toDateTime(intDiv({{end:Int64}} + 999, 1000), 'UTC')
        GROUP BY device, property ORDER BY device, property"""
    return Question(sql.replace("AS t FROM", "AS newest FROM"), {"start": start, "end": end})


def flagged(devices: list[bytes] | None, start: int, end: int) -> Question:
    """How many readings each device (None: of all) has in the span, and how many of them carry which flag."""
    _span(start, end)
    bits = {"clamped": CLAMPED, "out_of_range": OUT_OF_RANGE, "late": LATE, "doubtful": DOUBTFUL}
    counted = ", ".join(f"countIf(bitAnd(flags, {bit}) > 0) AS {name}" for name, bit in bits.items())
    sql = f"""SELECT device, count() AS readings, {counted} FROM raw WHERE {"1" if devices is None else _in(devices)}
        AND ts >= fromUnixTimestamp64Milli({{start:Int64}}) AND ts < fromUnixTimestamp64Milli({{end:Int64}})
        GROUP BY device ORDER BY device"""
    return Question(sql, {"start": start, "end": end})


def arrivals(
    devices: list[bytes], properties: list[str], start: int, end: int, after: int | None, limit: int
) -> Question:
    """Readings of a span in the order in which the stream brought them (`seq`), after message `after`. Readings of one
    message are never split: an answer may be a few rows longer than `limit`. Without properties: of all."""
    _span(start, end)
    if not 1 <= limit <= MAX_ARRIVALS:
        raise BadQuestion("limit", f"must be between 1 and {MAX_ARRIVALS}")
    parameters: dict[str, Any] = {"start": start, "end": end, "limit": limit, "after": after or 0}
    where = [
        _in(devices), "ts >= fromUnixTimestamp64Milli({start:Int64})", "ts < fromUnixTimestamp64Milli({end:Int64})",
    ]  # fmt: skip
    if properties:
        where.append("property IN {props:Array(String)}")
        parameters["props"] = properties
    if after is not None:
        where.append("seq > {after:UInt64}")
    sql = f"SELECT {_COLUMNS}, seq FROM raw WHERE {' AND '.join(where)} ORDER BY seq LIMIT {{limit:UInt32}} WITH TIES"
    return Question(sql, parameters)


def ask(client: Any, question: Question) -> pa.Table:
    return _plain(client.query_arrow(question.sql, parameters=question.parameters))


def pages(
    client: Any, device: bytes, prop: str | None, start: int, end: int, *, size: int = 20_000
) -> Iterator[pa.Table]:
    """All readings of a device in the span, oldest first, page by page: memory stays flat."""
    cursor: tuple[int, str] | None = None
    while True:
        table = ask(client, readings(device, prop, start, end, cursor, size, False))
        if len(table):
            yield table
        if len(table) < size:
            return
        cursor = (table["t"][-1].as_py(), table["property"][-1].as_py())


def _plain(table: pa.Table) -> pa.Table:
    """Text columns as text, whatever the store calls them."""
    for i, column in enumerate(table.schema):
        if (
            pa.types.is_binary(column.type)
            or pa.types.is_large_binary(column.type)
            or pa.types.is_dictionary(column.type)
        ):
            table = table.set_column(i, column.name, table.column(i).cast(pa.string()))
    return table
