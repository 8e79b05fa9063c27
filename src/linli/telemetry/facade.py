"""What other rooms may ask of readings. Whoever calls has asked `devices` first whose readings the actor may see.

Errors are those of the kernel: Invalid for a question that cannot be asked, Unavailable when history does not answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pyarrow as pa

from linli.devices.contracts import RegistryRow
from linli.telemetry import batch, selectors, told
from linli.telemetry.batch import CODED, LATE, OUT_OF_RANGE, TOLD
from linli.telemetry.payloads import Row
from linli.telemetry.sense.schedule import district

__all__ = ["CODED", "LATE", "OUT_OF_RANGE", "TOLD"]
MAX_WRITE = 100_000


def observations(ask: str, asked: dict[str, Any]) -> pa.Table:
    """Any filter, order and page over given series: see `telemetry.history.observations` for `asked` and the columns
    of the answer. `ask` is page, count, series or times."""
    return selectors.ask(lambda: selectors.history().observations(ask, asked))


def latest(device_ids: Sequence[UUID]) -> pa.Table:
    """device, property, t (ms), value, flags: the newest reading of each series."""
    return selectors.ask(lambda: selectors.history().latest(device_ids))


def newest(device_ids: Sequence[UUID]) -> list[dict[str, tuple[int, float, int, int]]]:
    """For each device, property → (t in ms, value, flags, when received in ms) of its newest reading."""
    return selectors.ask(lambda: selectors.history().newest(device_ids))


def write(rows: Sequence[tuple[UUID, str, int, int, float, int]]) -> None:
    """Readings as (device, property, its own time in ms, when received in ms, value, flags), at most MAX_WRITE. They go
    the way of all readings; this returns when they can be read. A reading that is there already changes nothing."""
    devices = {d: i for i, d in enumerate(dict.fromkeys(r[0] for r in rows))}
    props = {p: i for i, p in enumerate(dict.fromkeys(r[1] for r in rows))}
    _, _, ts, recv, value, flags = zip(*rows, strict=True)
    made = batch.make(
        [d.bytes for d in devices], list(props), [devices[r[0]] for r in rows], [props[r[1]] for r in rows],
        ts, recv, value, flags,
    )  # fmt: skip
    selectors.ask(lambda: selectors.history().write(made))


def take(spoken: Sequence[tuple[RegistryRow, list[Row]]]) -> dict[UUID, int]:
    """Readings that others tell of devices, as if these had sent them: translated, checked, private where the thing
    model is; stored when it returns. Device → how many. Raises payloads' Wrong, and then stores nothing."""
    found = told.readings(spoken)
    for at in range(0, len(found), MAX_WRITE):
        write(found[at : at + MAX_WRITE])
    return dict(Counter(one[0] for one in found))


def zone() -> ZoneInfo:
    """The district's, as readings are told in it."""
    return district().zone


def forget(device_id: UUID, prop: str, times: Sequence[int]) -> None:
    """Take the readings of a series at these times (ms) out of history for good, and out of its rollups."""
    selectors.ask(lambda: selectors.history().forget(device_id, prop, times))
