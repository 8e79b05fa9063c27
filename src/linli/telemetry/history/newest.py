"""The newest readings of devices that somebody asked for lately, kept right as blocks come in: asked again, they cost
no query. Only the event loop's thread touches it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from linli.telemetry.batch import PRIVATE, Batch

MOST = 20_000
UNKNOWN = -1
Row = tuple[int, float, int, int]  # time (ms), value, flags, when it was received (ms) or UNKNOWN: `latest` lacks that
SCHEMA = pa.schema([("device", pa.binary(16)), ("property", pa.string()), ("t", pa.int64()), ("value", pa.float64()),
                    ("flags", pa.uint8())])  # fmt: skip


class Newest:
    def __init__(self) -> None:
        self.version = 0  # rises with every block: what was asked before one may lack it
        self._known: dict[bytes, dict[str, Row]] = {}

    def find(self, devices: list[bytes]) -> pa.Table | None:
        """As the question `latest` answers, when all devices are known; else None."""
        found = [(d, self._known.get(d)) for d in sorted(set(devices))]
        if any(own is None for _, own in found):
            return None
        rows = [(d, name, *row[:3]) for d, own in found for name, row in sorted((own or {}).items())]
        columns = list(zip(*rows, strict=True)) if rows else [[]] * len(SCHEMA)
        arrays = [pa.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)]
        return pa.table(arrays, schema=SCHEMA)

    def known(self, devices: list[bytes]) -> list[dict[str, Row]] | None:
        """Property → row for each of the devices, when all are known; else None."""
        found = [own for d in devices if (own := self._known.get(d)) is not None]
        return found if len(found) == len(devices) else None

    def fill(self, devices: list[bytes], table: pa.Table, version: int) -> None:
        """Remember an answer, unless a block has come in since it was asked."""
        if version != self.version or len(devices) > MOST:
            return
        if len(self._known) + len(devices) > MOST:
            self._known.clear()
        for d in devices:
            self._known[d] = {}
        columns = (table[name].to_pylist() for name in ("device", "property", "t", "value", "flags"))
        for d, name, *row in zip(*columns, strict=True):
            self._known[bytes(d)][name] = (row[0], row[1], row[2], UNKNOWN)

    def begin(self) -> None:
        """A block is about to be inserted."""
        self.version += 1

    def stored(self, batches: Iterable[Batch]) -> None:
        """A block has been inserted."""
        self.version += 1
        for b in batches:
            for at, d in enumerate(b.devices):
                own = self._known.get(d)
                if own is not None:
                    self._take(own, b, np.flatnonzero((b.device == at) & ((b.flags & PRIVATE) == 0)))

    def _take(self, own: dict[str, Row], b: Batch, rows: Any) -> None:
        for at in rows.tolist():
            name, t = b.properties[b.prop[at]], int(b.ts[at])
            old = own.get(name)
            if old is None or t > old[0]:
                own[name] = (t, float(b.value[at]), int(b.flags[at]), int(b.recv[at]))

    def arrived(self, device: bytes, name: str, t: int, recv: int) -> None:
        """Remember when the newest reading of a series was received, if it still is the newest."""
        own = self._known.get(device, {})
        row = own.get(name)
        if row is not None and row[0] == t:
            own[name] = (*row[:3], recv)

    def drop(self, device: bytes) -> None:
        self.version += 1
        self._known.pop(device, None)


Found = dict[bytes, dict[str, Row]]


def lacking(found: Found) -> list[tuple[bytes, str, int]]:
    """(device, property, t) of those rows of which nobody knows yet when they were received."""
    return [(d, name, row[0]) for d, own in found.items() for name, row in own.items() if row[3] == UNKNOWN]


def of_table(devices: Iterable[bytes], table: pa.Table) -> Found:
    """The answer to `latest`, by device and property."""
    found: Found = {d: {} for d in devices}
    columns = (table[name].to_pylist() for name in ("device", "property", "t", "value", "flags"))
    for d, name, t, value, flags in zip(*columns, strict=True):
        found[d][name] = (t, value, flags, UNKNOWN)
    return found


def complete(found: Found, tables: Iterable[pa.Table]) -> Iterator[tuple[bytes, str, int, int]]:
    """Enter what `questions.arrived` answered into `found`; yields it: (device, property, t, recv). A reading that the
    store has no more was received when it was made, as far as anybody knows."""
    for d, name, t in lacking(found):
        found[d][name] = (*found[d][name][:3], t)
    for table in tables:
        columns = (table[name].to_pylist() for name in ("device", "property", "t", "recv"))
        for d, name, t, recv in zip(*columns, strict=True):
            found[d][name] = (*found[d][name][:3], recv)
            yield d, name, t, recv
