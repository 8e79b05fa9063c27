"""Puts blocks of readings into the store, each once. Runs in one thread; knows nothing of NATS.

A reading is (device, property, its own time). Rows newer than the last of their series go straight in; the others are
looked up among the rows of earlier blocks first. So a block's rows depend only on the stream before it, and inserting
it again after a kill gives the same rows under the same token. Readings without a time of their own are all kept.
Those older than raw readings are kept (`tiers`) are left out.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from linli.telemetry import tiers
from linli.telemetry.batch import NO_TIME, PRIVATE, Batch
from linli.telemetry.history.journal import Intent
from linli.telemetry.history.store import QUERY_SETTINGS, Store, insert_settings

log = logging.getLogger("linli.history")
_EPOCH_BITS = 44  # seq in the store = epoch << 44 | sequence in the stream
_BEFORE_ALL = -(1 << 62)
Ints = npt.NDArray[np.int64]


class Writer:
    def __init__(self, store: Store) -> None:
        self.store = store
        self.client = store.client()
        store.prepare(self.client)
        self.devices: dict[bytes, int] = {}
        self.ids: list[bytes] = []
        self.props: dict[str, int] = {}
        self.names: list[str] = []
        self.last: dict[int, int] = {}  # series → its newest own time
        self.rows = self.dropped = self.checked = self.too_old = 0
        self._load_last()

    def _load_last(self) -> None:
        for newest, name in (("max(last).1", "latest"), ("max(ts)", "private")):
            table = self.client.query_arrow(
                f"SELECT device, toString(property) AS property, toUnixTimestamp64Milli({newest}) AS ms FROM {name}"
                " GROUP BY device, property"
            )
            for device, prop, ts in zip(*(table[c].to_pylist() for c in ("device", "property", "ms")), strict=True):
                series = self._series(device, _str(prop))
                self.last[series] = max(ts, self.last.get(series, _BEFORE_ALL))

    def _series(self, device: bytes, prop: str) -> int:
        return self._device(device) << 24 | self._prop(prop)

    def _device(self, device: bytes) -> int:
        slot = self.devices.get(device)
        if slot is None:
            slot = self.devices[device] = len(self.ids)
            self.ids.append(device)
        return slot

    def _prop(self, name: str) -> int:
        slot = self.props.get(name)
        if slot is None:
            slot = self.props[name] = len(self.names)
            self.names.append(name)
        return slot

    def write(self, intent: Intent, batches: Iterable[Batch]) -> int:
        """Insert the readings of `intent`'s messages; returns how many rows were new."""
        columns = self._of_age(self._join(intent.epoch, batches))
        if columns is None:
            return 0
        keep = self._new_rows(columns, intent.epoch << _EPOCH_BITS | intent.first)
        private = (columns["flags"] & PRIVATE) != 0
        rows = 0
        for name, mine, token in (("raw", ~private, intent.token), ("private", private, f"{intent.token}-private")):
            if (mine & keep).any():
                table = self._table(columns, mine & keep)
                settings = {**insert_settings(), "insert_deduplication_token": token}
                self.client.insert_arrow(name, table, settings=settings)
                rows += len(table)
        self.rows += rows
        self.dropped += len(keep) - rows
        return rows

    def _join(self, epoch: int, batches: Iterable[Batch]) -> dict[str, Any] | None:
        parts: list[tuple[Any, ...]] = []
        for b in batches:
            if not len(b):
                continue
            device = np.array([self._device(d) for d in b.devices], np.int64)[b.device]
            prop = np.array([self._prop(p) for p in b.properties], np.int64)[b.prop]
            seq = np.full(len(b), epoch << _EPOCH_BITS | b.sequence, np.uint64)
            parts.append((device, prop, b.ts, b.recv, b.value, b.flags, seq))
        if not parts:
            return None
        names = ("device", "prop", "ts", "recv", "value", "flags", "seq")
        return {name: np.concatenate(column) for name, column in zip(names, zip(*parts, strict=True), strict=True)}

    def _of_age(self, columns: dict[str, Any] | None) -> dict[str, Any] | None:
        """Without those older than readings are kept: nothing is left to tell whether one came before, and it would
        count again in its hour."""
        first = tiers.now().raw
        if columns is None or not first or (kept := columns["ts"] >= first).all():
            return columns
        self.too_old += int(len(kept) - kept.sum())
        return {name: column[kept] for name, column in columns.items()} if kept.any() else None

    def _new_rows(self, columns: dict[str, Any], before: int) -> npt.NDArray[np.bool_]:
        series: Ints = columns["device"] << 24 | columns["prop"]
        ts: Ints = columns["ts"]
        own = (columns["flags"] & NO_TIME) == 0
        keep = np.ones(len(ts), bool)
        order = np.lexsort((np.arange(len(ts)), ts, series))
        order = order[own[order]]
        if len(order) > 1:  # the same reading twice in one block: the first to arrive stays
            same = (series[order][1:] == series[order][:-1]) & (ts[order][1:] == ts[order][:-1])
            keep[order[1:][same]] = False
        unique, inverse = np.unique(series, return_inverse=True)
        last = np.fromiter((self.last.get(s, _BEFORE_ALL) for s in unique.tolist()), np.int64, len(unique))
        doubtful = np.flatnonzero(own & keep & (ts <= last[inverse]))
        if len(doubtful):
            tables = ("raw", "private") if (columns["flags"][doubtful] & PRIVATE).any() else ("raw",)
            keep[doubtful[self._stored(series[doubtful], ts[doubtful], before, tables)]] = False
        newest = np.full(len(unique), _BEFORE_ALL)
        np.maximum.at(newest, inverse, ts)
        for s, value, old in zip(unique.tolist(), newest.tolist(), last.tolist(), strict=True):
            if value > old:
                self.last[s] = value
        return keep

    def _stored(self, series: Ints, ts: Ints, before: int, tables: tuple[str, ...] = ("raw",)) -> npt.NDArray[np.bool_]:
        """Which of the readings (series, ts) an earlier block has put into the store."""
        self.checked += len(ts)
        unique, rank = np.unique(series, return_inverse=True)
        base = int(ts.min())
        wanted = rank.astype(np.int64) << 43 | (ts - base)
        rank_of = {s: i for i, s in enumerate(unique.tolist())}
        devices = sorted({s >> 24 for s in rank_of})
        found = [np.zeros(0, np.int64)]
        for name, start in product(tables, range(0, len(devices), 1_000)):
            ids = ", ".join(f"unhex('{self.ids[d].hex()}')" for d in devices[start : start + 1_000])
            sql = (
                "SELECT device, toString(property) AS property, toUnixTimestamp64Milli(ts) AS ms"
                f" FROM {name} WHERE device IN ({ids})"
                f" AND ({_spans(ts)}) AND seq < {before} AND bitAnd(flags, {NO_TIME}) = 0"
            )
            table = self.client.query_arrow(sql, settings={"max_query_size": 1 << 20, **_CHECK_SETTINGS})
            found.append(self._ranks(table, rank_of, base))
        return np.isin(wanted, np.concatenate(found))

    def _ranks(self, table: pa.Table, rank_of: dict[int, int], base: int) -> Ints:
        devices, props = table["device"].to_pylist(), table["property"].to_pylist()
        ranks = np.fromiter(
            (
                rank_of.get(self._series(d, _str(p)), -1) for d, p in zip(devices, props, strict=True)
            ), np.int64, len(devices),
        )  # fmt: skip
        ms = table["ms"].to_numpy().astype(np.int64)
        return (ranks << 43 | (ms - base))[ranks >= 0]

    def _table(self, columns: dict[str, Any], keep: npt.NDArray[np.bool_]) -> pa.Table:
        if not keep.all():
            columns = {name: column[keep] for name, column in columns.items()}
        unique, index = np.unique(columns["device"], return_inverse=True)
        ids = np.frombuffer(b"".join(self.ids[d] for d in unique.tolist()), np.uint8).reshape(-1, 16)[index]
        kinds, prop = np.unique(columns["prop"], return_inverse=True)
        names = pa.array([self.names[p] for p in kinds.tolist()], pa.string())
        instant = pa.timestamp("ms", "UTC")
        return pa.table(
            {
                "device": pa.FixedSizeBinaryArray.from_buffers(
                    pa.binary(16), len(index), [None, pa.py_buffer(np.ascontiguousarray(ids))]
                ),
                "property": pa.DictionaryArray.from_arrays(pa.array(prop, pa.int32()), names),
                "ts": pa.array(columns["ts"], pa.int64()).cast(instant),
                "recv": pa.array(columns["recv"], pa.int64()).cast(instant),
                "value": pa.array(columns["value"], pa.float64()),
                "flags": pa.array(columns["flags"], pa.uint8()),
                "seq": pa.array(columns["seq"], pa.uint64()),
            }
        )


_CHECK_SETTINGS = {**QUERY_SETTINGS, "max_execution_time": 0}


def _spans(ts: Ints) -> str:
    """The times to look at, as at most 100 ranges: neighbours within an hour share one."""
    times = np.unique(ts)
    cuts = np.flatnonzero(np.diff(times) > 3_600_000)
    if len(cuts) > 99:
        cuts = np.sort(np.argsort(np.diff(times))[-99:])
    starts, ends = times[np.r_[0, cuts + 1]], times[np.r_[cuts, len(times) - 1]]
    return " OR ".join(
        f"ts BETWEEN fromUnixTimestamp64Milli({a}) AND fromUnixTimestamp64Milli({b})"
        for a, b in zip(starts.tolist(), ends.tolist(), strict=True)
    )


def _str(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else value
