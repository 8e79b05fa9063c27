"""Readings that are taken out again, or take the place of others: in raw, and in the buckets, which are made anew; and
what is past its days. Runs in the writer's thread."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from linli.telemetry.history.store import insert_settings, kept_in, on_cluster
from linli.telemetry.tiers import TABLES, Since

log = logging.getLogger("linli.history")

HOUR_MS = 3_600_000
MOST = 10_000
MAX_QUERY = 1 << 20  # bytes: so many times and hours are listed in one statement


# Rows that take the place of others: those with `keep` are told again, of the others only the time counts.
ROWS = pa.schema([("t", pa.int64()), ("recv", pa.int64()), ("value", pa.float64()), ("flags", pa.uint8()),
                  ("seq", pa.uint64()), ("keep", pa.bool_())])  # fmt: skip


def forget(client: Any, device: bytes, prop: str, times: list[int]) -> None:
    """The readings of a series at these times (ms) are gone for every question; a new one may take their place."""
    put(client, device, prop, times, None)


def put(client: Any, device: bytes, prop: str, times: list[int], rows: pa.Table | None) -> None:
    """At these times (ms) the series has these rows (`ROWS`) and no others. Cut off anywhere, the same again completes
    it: rows first, then the buckets of the touched hours, made anew from raw, then the newest."""
    if not 0 < len(times) <= MOST:
        raise ValueError(f"1 to {MOST} times")
    own, given = f"device = unhex('{device.hex()}') AND property = {{prop:String}}", {"prop": prop}
    hours = _listed({t // HOUR_MS for t in times})

    def command(sql: str, **settings: Any) -> None:
        client.command(sql, parameters=given, settings={"max_query_size": MAX_QUERY, **settings})

    delete = "DELETE FROM {}" + on_cluster()
    span = f"ts BETWEEN fromUnixTimestamp64Milli({min(times)}) AND fromUnixTimestamp64Milli({max(times)})"
    command(
        f"{delete.format(kept_in('raw'))} WHERE {own} AND {span} AND toUnixTimestamp64Milli(ts) IN ({_listed(times)})"
    )
    settings = {**insert_settings(), "insert_deduplicate": 0, "insert_deduplication_token": uuid.uuid4().hex}
    if rows is not None and len(rows):
        client.insert_arrow("raw", _raw(device, prop, rows), settings=settings)
    for table in ("minute", "hour"):
        command(
            f"{delete.format(kept_in(table))} WHERE {own} AND intDiv(toInt64(toUnixTimestamp(t)), 3600) IN ({hours})"
        )
    command(f"{delete.format(kept_in('latest'))} WHERE {own}")
    first, end = min(times) // HOUR_MS * HOUR_MS, (max(times) // HOUR_MS + 1) * HOUR_MS
    command(
        "INSERT INTO minute SELECT device, property, toStartOfMinute(ts) AS t, min(value) AS lo, max(value) AS hi,"
        f" sum(value) AS total, count() AS n, max((ts, value)) AS last FROM raw WHERE {own}"
        f" AND ts >= fromUnixTimestamp64Milli({first}) AND ts < fromUnixTimestamp64Milli({end})"
        f" AND intDiv(toUnixTimestamp64Milli(ts), {HOUR_MS}) IN ({hours}) GROUP BY device, property, t",
        **settings,
    )
    command(
        "INSERT INTO latest SELECT device, property, max((ts, value, flags)) AS last FROM raw"
        f" WHERE {own} GROUP BY device, property",
        **settings,
    )


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(str(int(n)) for n in sorted(set(numbers)))


def _raw(device: bytes, prop: str, rows: pa.Table) -> pa.Table:
    instant = pa.timestamp("ms", "UTC")
    return pa.table({
        "device": pa.array([device] * len(rows), pa.binary(16)),
        "property": pa.array([prop] * len(rows), pa.string()),
        "ts": rows["t"].cast(instant), "recv": rows["recv"].cast(instant), "value": rows["value"],
        "flags": rows["flags"], "seq": rows["seq"],
    })  # fmt: skip


def expire(client: Any, since: Since) -> dict[str, str]:
    """The oldest partition of each table goes when all in it is past its days; their names. One at a time: a clock that
    is wrong for a while costs little."""
    gone: dict[str, str] = {}
    for table in TABLES:
        if name := _oldest(client, table, getattr(since, table)):
            client.command(f"ALTER TABLE {kept_in(table)}{on_cluster()} DROP PARTITION ID '{name}'")
            gone[table] = name
    if gone:
        log.info("readings past their days are gone: %s", gone)
    return gone


def _oldest(client: Any, table: str, since: int) -> str:
    if not since:
        return ""
    before = f"{'ts' if table == 'raw' else 't'} < toDateTime({since // 1000}, 'UTC')"
    return str(client.query(f"SELECT min(_partition_id) FROM {table} WHERE {before}").result_rows[0][0])
