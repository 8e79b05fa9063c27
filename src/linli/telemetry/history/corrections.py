"""Taking readings out again: single ones from raw, and from the buckets, which are made anew; and what is past its
days. Runs in the writer's thread."""

from __future__ import annotations

import logging
import uuid
from typing import Any

from linli.telemetry.history.store import insert_settings, kept_in, on_cluster
from linli.telemetry.tiers import TABLES, Since

log = logging.getLogger("linli.history")

HOUR_MS = 3_600_000
MOST = 10_000


def forget(client: Any, device: bytes, prop: str, times: list[int]) -> None:
    """The readings of a series at these times (ms) are gone for every question; a new one may take their place."""
    if not 0 < len(times) <= MOST:
        raise ValueError(f"1 to {MOST} times")
    own = f"device = unhex('{device.hex()}') AND property = {{prop:String}}"
    given = {"prop": prop, "at": [int(t) for t in times]}
    hours = sorted({t // HOUR_MS * HOUR_MS for t in times})
    moments = ", ".join(f"fromUnixTimestamp64Milli({int(t)})" for t in times)
    touched = " OR ".join(f"(x >= {h} AND x < {h + HOUR_MS})" for h in hours)

    def inside(column: str) -> str:
        return f"({touched.replace('x ', f'{column} ')})"

    delete = "DELETE FROM {}" + on_cluster()
    client.command(f"{delete.format(kept_in('raw'))} WHERE {own} AND ts IN ({moments})", parameters=given)
    seconds = "toInt64(toUnixTimestamp(t)) * 1000"
    for table in ("minute", "hour"):
        client.command(f"{delete.format(kept_in(table))} WHERE {own} AND {inside(seconds)}", parameters=given)
    client.command(f"{delete.format(kept_in('latest'))} WHERE {own}", parameters=given)
    settings = {**insert_settings(), "insert_deduplicate": 0, "insert_deduplication_token": uuid.uuid4().hex}
    client.command(
        "INSERT INTO minute SELECT device, property, toStartOfMinute(ts) AS t, min(value) AS lo, max(value) AS hi,"
        f" sum(value) AS total, count() AS n, max((ts, value)) AS last FROM raw WHERE {own} AND"
        f" {inside('toUnixTimestamp64Milli(ts)')} GROUP BY device, property, t",
        parameters=given, settings=settings,
    )  # fmt: skip
    client.command(
        "INSERT INTO latest SELECT device, property, max((ts, value, flags)) AS last FROM raw"
        f" WHERE {own} GROUP BY device, property",
        parameters=given, settings=settings,
    )  # fmt: skip


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
