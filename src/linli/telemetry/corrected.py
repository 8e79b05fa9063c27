"""Readings as a correction makes them, as columns: a table of readings has t, recv, value, flags, seq. Pure; times in
ms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from linli.telemetry.batch import DOUBTFUL, OUT_OF_RANGE
from linli.telemetry.history.corrections import ROWS

COLUMNS = [name for name in ROWS.names if name != "keep"]


@dataclass(frozen=True, slots=True)
class Change:
    """`act`: remove, replace (value × factor + offset; `low` and `high` are the property's range, which decides anew
    what lies outside of it) or flag (marked as no measurement, which no rule judges)."""

    act: str
    factor: float = 1.0
    offset: float = 0.0
    low: float | None = None
    high: float | None = None

    def after(self, was: pa.Table) -> pa.Table:
        """What stands in the place of the readings; ValueError when a value leaves what a number can hold."""
        if self.act == "remove":
            return was.slice(0, 0)
        value, flags = was["value"].to_numpy(), was["flags"].to_numpy().astype(np.uint8)
        if self.act == "flag":
            return _with(was, value, flags | np.uint8(DOUBTFUL))
        with np.errstate(over="ignore", invalid="ignore"):
            made = value * self.factor + self.offset
        if not np.isfinite(made[np.isfinite(value)]).all():
            raise ValueError("makes values that are no numbers")
        outside = np.zeros(len(made), bool)
        if self.low is not None and self.high is not None:
            outside = (made < self.low) | (made > self.high)
        flags = np.where(outside, flags | OUT_OF_RANGE, flags & ~np.uint8(OUT_OF_RANGE)).astype(np.uint8)
        return _with(was, made, flags)


def _with(was: pa.Table, value: npt.NDArray[np.float64], flags: npt.NDArray[np.uint8]) -> pa.Table:
    columns = {name: was[name] for name in COLUMNS} | {"value": pa.array(value), "flags": pa.array(flags)}
    return pa.table(columns)


def extent(table: pa.Table) -> dict[str, Any]:
    """{count, min, max} of readings; without any, min and max are null."""
    value = table["value"].to_numpy()
    value = value[np.isfinite(value)]
    low, high = (float(value.min()), float(value.max())) if len(value) else (None, None)
    return {"count": len(table), "min": low, "max": high}


def rows(times: pa.Table, after: pa.Table) -> pa.Table:
    """What history is to put: `after` in the place of all that stands at the times of `times`."""
    gone = times.filter(~np.isin(times["t"].to_numpy(), after["t"].to_numpy()))
    parts = [_plain(table).append_column("keep", pa.array([keep] * len(table), pa.bool_()))
             for table, keep in ((after, True), (gone, False))]  # fmt: skip
    return pa.concat_tables(parts).cast(ROWS)


def unchanged(was: pa.Table, left: pa.Table, now: pa.Table) -> pa.Table:
    """Of the readings as they were, those whose times stand now as a correction left them (`left`)."""
    told = _by_time(left)
    stands = _by_time(now)
    same = [told.get(t) == stands.get(t) for t in was["t"].to_pylist()]
    return was.filter(pa.array(same, pa.bool_()))


def _by_time(table: pa.Table) -> dict[int, list[tuple[float, int]]]:
    found: dict[int, list[tuple[float, int]]] = {}
    columns = (table[name].to_pylist() for name in ("t", "value", "flags"))
    for t, value, flags in sorted(zip(*columns, strict=True)):
        found.setdefault(t, []).append((value, flags))
    return found


def packed(table: pa.Table) -> bytes:
    """The readings as bytes (Arrow, compressed)."""
    sink = pa.BufferOutputStream()
    plain = _plain(table)
    with pa.ipc.new_stream(sink, plain.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(plain)
    return sink.getvalue().to_pybytes()


def unpacked(data: bytes) -> pa.Table:
    return pa.ipc.open_stream(data).read_all()


def _plain(table: pa.Table) -> pa.Table:
    return table.select(COLUMNS).cast(pa.schema([ROWS.field(name) for name in COLUMNS])).combine_chunks()
