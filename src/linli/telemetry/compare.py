"""Several series of several devices over one span, side by side: drawn and taken along. In one question to history.

A series is `device:property`, or `device:property:shift`: its readings of so many seconds before the span, drawn as if
they were of the span, so that last week lies over this one.
"""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from linli.devices import facade as devices
from linli.devices.facade import DeviceInfo
from linli.kernel import sheets
from linli.kernel.actor import Actor
from linli.kernel.errors import Invalid
from linli.telemetry import selectors
from linli.telemetry.history.questions import MAX_SIDE_BY_SIDE as MOST

MAX_POINTS = 2_000
MAX_SHIFT_S = 10 * 366 * 86_400
COLUMNS = ("t", "min", "max", "mean", "count")


@dataclass(frozen=True, slots=True)
class Wanted:
    device_id: UUID
    prop: str
    shift_s: int

    @classmethod
    def of(cls, text: str) -> Wanted:
        """Raises Invalid for what is no series."""
        device, _, rest = text.partition(":")
        prop, _, shift = rest.partition(":")
        try:
            found = cls(UUID(device), prop, int(shift or 0))
        except ValueError as error:
            raise Invalid("series", "each must be device:property or device:property:seconds") from error
        if not prop or not 0 <= found.shift_s <= MAX_SHIFT_S:
            raise Invalid("series", f"each needs a property, and a shift of 0 to {MAX_SHIFT_S} seconds")
        return found


@dataclass(frozen=True, slots=True)
class Drawn:
    """A series as it is drawn: columns of equal length, `t` in ms of its own time."""

    wanted: Wanted
    device: DeviceInfo
    columns: dict[str, list[Any]]
    summary: dict[str, Any]


def compared(
    actor: Actor, series: str, *, start: datetime | None, end: datetime | None, points: int
) -> tuple[int, int, list[Drawn]]:
    """The span in ms, and what of `series` (with commas between) the actor may see, in its order."""
    asked = list(dict.fromkeys(Wanted.of(one) for one in series.split(",") if one))
    if not 1 <= len(asked) <= MOST:
        raise Invalid("series", f"1 to {MOST} are needed")
    if not 1 <= points <= MAX_POINTS:
        raise Invalid("points", f"must be between 1 and {MAX_POINTS}")
    since, until = selectors.span(start, end)
    if until <= since:
        raise Invalid("end", "must be after start")
    if since < max(one.shift_s for one in asked) * 1000:
        raise Invalid("series", "a shift reaches back before 1970")
    seen = devices.visible_devices(actor, {one.device_id for one in asked})
    shown = [one for one in asked if one.device_id in seen]
    if not shown:
        return since, until, []
    spans = [(one.device_id, one.prop, since - one.shift_s * 1000, until - one.shift_s * 1000) for one in shown]
    table = selectors.ask(lambda: selectors.history().compared(spans, points))
    return since, until, _cut(table, shown, seen)


def _cut(table: pa.Table, shown: list[Wanted], seen: dict[UUID, DeviceInfo]) -> list[Drawn]:
    """The one answer as its series."""
    held = {name: table[name].to_numpy() for name in ("i", *COLUMNS, "last", "last_t")}
    edges = np.searchsorted(held["i"], np.arange(len(shown) + 1))
    found = []
    for place, one in enumerate(shown):
        mine = {name: column[edges[place] : edges[place + 1]] for name, column in held.items()}
        columns = {name: mine[name].tolist() for name in COLUMNS}
        found.append(Drawn(one, seen[one.device_id], columns, _summary(mine)))
    return found


def _summary(mine: dict[str, Any]) -> dict[str, Any]:
    """Of all readings in the span: the mean is of readings, not of buckets."""
    count = mine["count"].astype(np.float64)
    if not len(count):
        return {"count": 0, "min": None, "max": None, "mean": None, "last": None, "last_at": None}
    return {
        "count": int(count.sum()), "min": float(mine["min"].min()), "max": float(mine["max"].max()),
        "mean": float((mine["mean"] * count).sum() / count.sum()), "last": float(mine["last"][-1]),
        "last_at": selectors.at(int(mine["last_t"][-1])),
    }  # fmt: skip


def told(one: Drawn) -> dict[str, Any]:
    device = one.device
    return {
        "device": {"id": device.id, "code": device.code, "model": device.model, "area_path": device.area_path,
                   "name": {"zh": device.name_zh, "en": device.name_en or device.name_zh}},
        "property": one.wanted.prop, "shift_s": one.wanted.shift_s, **one.columns, "summary": one.summary,
    }  # fmt: skip


# --- as files: exactly what is drawn ----------------------------------------------------------------------------------

HEAD = ("drawn_at", "at", "device", "name", "property", "shift_s", "min", "max", "mean", "count")


def sheet_csv(drawn: list[Drawn]) -> Iterator[bytes]:
    """A row for each drawn place of each series (UTF-8 with BOM); made as it is sent."""
    yield b"\xef\xbb\xbf" + ",".join(HEAD).encode() + b"\r\n"
    for one in drawn:
        out = io.StringIO()
        write = csv.writer(out).writerow
        shift = one.wanted.shift_s
        names = [sheets.disarmed(text) for text in (one.device.code, one.device.name_zh, one.wanted.prop)]
        for t, low, high, mean, count in zip(*(one.columns[c] for c in COLUMNS), strict=True):
            write((_iso(t + shift * 1000), _iso(t), *names, shift, low, high, mean, count))
        yield out.getvalue().encode()


def _iso(ms: int) -> str:
    return selectors.at(ms).isoformat(timespec="milliseconds")


def sheet_parquet(drawn: list[Drawn]) -> IO[bytes]:
    """The same rows as Parquet, in a temporary file that is gone when it is closed."""
    times = pa.timestamp("ms", "UTC")
    kinds = (times, times, pa.string(), pa.string(), pa.string(), pa.int64(), *([pa.float64()] * 3), pa.int64())
    schema = pa.schema(list(zip(HEAD, kinds, strict=True)))
    file = tempfile.TemporaryFile()  # noqa: SIM115 - whoever sends it closes it
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for one in drawn:
            t = one.columns["t"]
            shift, n = one.wanted.shift_s, len(t)
            columns = [
                [at + shift * 1000 for at in t], t, [one.device.code] * n, [one.device.name_zh] * n,
                [one.wanted.prop] * n, [shift] * n, *(one.columns[c] for c in COLUMNS[1:]),
            ]  # fmt: skip
            writer.write_batch(pa.record_batch([pa.array(c, k) for c, k in zip(columns, kinds, strict=True)],
                                               schema=schema))  # fmt: skip
    file.seek(0)
    return file
