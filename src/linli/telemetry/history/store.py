"""The reading store: ClickHouse, inside this process (chDB) or a server; the same client, only the engines differ."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import clickhouse_connect

DATABASE = "linli"
WINDOW = 20_000  # blocks whose tokens are remembered: more than two hours of one a second
_ROLLUP = """(
    device FixedString(16), property LowCardinality(String), t DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    lo SimpleAggregateFunction(min, Float64) CODEC(ZSTD(1)), hi SimpleAggregateFunction(max, Float64) CODEC(ZSTD(1)),
    total SimpleAggregateFunction(sum, Float64) CODEC(ZSTD(1)),
    n SimpleAggregateFunction(sum, UInt64) CODEC(T64, ZSTD(1)),
    last SimpleAggregateFunction(max, Tuple(ts DateTime64(3, 'UTC'), value Float64)) CODEC(ZSTD(1))
)"""
_RAW = """(
    device FixedString(16), property LowCardinality(String), ts DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    recv DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)), value Float64 CODEC(ZSTD(1)),
    flags UInt8 CODEC(ZSTD(1)), seq UInt64 CODEC(DoubleDelta, ZSTD(1))
)"""
# What is inserted: (name, columns, engine family, partition, order). `private` is about households, persons and
# vehicles: without rollups, and gone after 30 days.
TABLES = (
    ("raw", _RAW, "MergeTree", "toYYYYMM(ts)", "device, property, ts"),
    ("private", _RAW, "MergeTree", "toYYYYMMDD(ts)", "device, property, ts"),
    ("minute", _ROLLUP, "AggregatingMergeTree", "toYYYYMM(t)", "device, property, t"),
    ("hour", _ROLLUP, "AggregatingMergeTree", "toYear(t)", "device, property, t"),
    ("latest", """(
        device FixedString(16), property LowCardinality(String),
        last SimpleAggregateFunction(max, Tuple(ts DateTime64(3, 'UTC'), value Float64, flags UInt8))
    )""", "AggregatingMergeTree", "tuple()", "device, property"),
)  # fmt: skip
LIVES = {"private": "TTL toDateTime(ts) + INTERVAL 30 DAY DELETE"}
_SUMS = "min(lo) AS lo, max(hi) AS hi, sum(total) AS total, sum(n) AS n, max(last) AS last"
VIEWS = (
    ("minute", "raw", """SELECT device, property, toStartOfMinute(ts) AS t, min(value) AS lo, max(value) AS hi,
        sum(value) AS total, count() AS n, max((ts, value)) AS last FROM raw GROUP BY device, property, t"""),
    ("hour", "minute", f"""SELECT device, property, toStartOfHour(m.t) AS t, {_SUMS}
        FROM minute AS m GROUP BY device, property, t"""),
    ("latest", "raw", """SELECT device, property, max((ts, value, flags)) AS last FROM raw
        GROUP BY device, property"""),
)  # fmt: skip
INSERT_SETTINGS = {
    "insert_deduplicate": 1,
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "max_partitions_per_insert_block": 0,  # a recording of many years is one block
    "async_insert": 0,
    "materialized_views_ignore_errors": 0,
    "max_insert_threads": 1,
}
QUERY_SETTINGS = {
    "max_execution_time": 30, "max_memory_usage": 1_500_000_000, "max_threads": 2,
    "max_query_size": 64_000_000, "max_ast_elements": 2_000_000,  # a question may name all series of a district
}  # fmt: skip
_CONFIG = """<clickhouse>
  <backups><allowed_path>{backups}</allowed_path></backups>
  <mark_cache_size>33554432</mark_cache_size>
  <index_mark_cache_size>8388608</index_mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <primary_index_cache_size>33554432</primary_index_cache_size>
  <mmap_cache_size>100</mmap_cache_size>
  <query_cache><max_size_in_bytes>1048576</max_size_in_bytes></query_cache>
</clickhouse>
"""


class Store:
    """Where readings are kept. `client()` opens one client; a thread has its own."""

    def __init__(self, folder: Path | None = None, url: str = "") -> None:
        self.folder = folder
        self.url = url
        if folder is not None:
            (folder / "backup").mkdir(parents=True, exist_ok=True)
            (folder / "config.xml").write_text(_CONFIG.format(backups=folder.absolute() / "backup"))

    @property
    def embedded(self) -> bool:
        return not self.url

    def client(self, **settings: Any) -> Any:
        if self.embedded:
            assert self.folder is not None
            path = self.folder.absolute() / "store"
            client = clickhouse_connect.get_client(
                dsn=f"chdb://{path}", chdb_options={"config-file": str(self.folder.absolute() / "config.xml")}
            )
        else:
            client = _server_client(self.url)
        client.command(f"CREATE DATABASE IF NOT EXISTS {DATABASE}{on_cluster()}")
        client.database = DATABASE
        for name, value in settings.items():
            client.set_client_setting(name, value)
        return client

    def prepare(self, client: Any) -> None:
        """Make what is missing; harmless at every start."""
        for statement in statements(_cluster()):
            client.command(statement)
        for name in ("raw", "private"):  # stores made when values were packed otherwise; only new parts change
            client.command(f"ALTER TABLE {kept_in(name)}{on_cluster()} MODIFY COLUMN value Float64 CODEC(ZSTD(1))")


def of_environment(folder: Path) -> Store:
    """Embedded, unless LINLI_HISTORY_URL names a ClickHouse server."""
    url = os.environ.get("LINLI_HISTORY_URL", "")
    return Store(folder, url if url.startswith("clickhouse") else "")


def _server_client(url: str) -> Any:
    parts = urlsplit(url.removeprefix("clickhouse+"))
    return clickhouse_connect.get_client(
        interface=parts.scheme, host=parts.hostname, port=parts.port or 0, username=parts.username or "default",
        password=parts.password or "",
    )  # fmt: skip


def statements(cluster: str = "") -> list[str]:
    """What makes the tables and views. With the name of a cluster, each shard keeps its devices' part in `<name>_here`,
    replicated, with rollups beside it; `<name>` is all shards as one, for reading and for inserting."""
    on, found = on_cluster(cluster), []
    for name, columns, engine, partition, order in TABLES:
        found.append(
            f"CREATE TABLE IF NOT EXISTS {kept_in(name, cluster)}{on} {columns} ENGINE = {_engine(engine, cluster)}"
            f" PARTITION BY {partition} ORDER BY ({order}) {LIVES.get(name, '')} SETTINGS {_table_settings(cluster)}"
        )
        if cluster:
            here = kept_in(name, cluster)
            found.append(
                f"CREATE TABLE IF NOT EXISTS {name}{on} AS {here}"
                f" ENGINE = Distributed('{cluster}', '{DATABASE}', '{here}', sipHash64(device))"
            )
    for target, source, select in VIEWS:
        if cluster:
            select = re.sub(rf"\bFROM {source}\b", f"FROM {kept_in(source, cluster)}", select)
        found.append(
            f"CREATE MATERIALIZED VIEW IF NOT EXISTS {target}_from_{source}{on}"
            f" TO {kept_in(target, cluster)} AS {select}"
        )
    return found


def kept_in(table: str, cluster: str | None = None) -> str:
    """The table that holds the rows of `table`, for deleting: behind a cluster's table that is another one."""
    return f"{table}_here" if (_cluster() if cluster is None else cluster) else table


def on_cluster(cluster: str | None = None) -> str:
    """Said of what changes tables on all shards at once."""
    name = _cluster() if cluster is None else cluster
    return f" ON CLUSTER '{name}'" if name else ""


def insert_settings() -> dict[str, Any]:
    """An insert returns when the rows are there, on the shards too."""
    return INSERT_SETTINGS | ({"distributed_foreground_insert": 1} if _cluster() else {})


def checked(name: str) -> str:
    """The name of a cluster, or ''. Raises ValueError for anything else: it is written into SQL."""
    if name and not re.fullmatch(r"[0-9A-Za-z_.-]{1,80}", name):
        raise ValueError(f"{name!r} is not the name of a cluster")
    return name


def _cluster() -> str:
    return checked(os.environ.get("LINLI_HISTORY_CLUSTER", ""))


def _engine(family: str, cluster: str) -> str:
    return f"Replicated{family}" if cluster else family


def _table_settings(cluster: str) -> str:
    if cluster:
        return f"replicated_deduplication_window = {WINDOW}, replicated_deduplication_window_seconds = 604800"
    return f"non_replicated_deduplication_window = {WINDOW}, fsync_after_insert = 1, fsync_part_directory = 1"
