"""What is reckoned of a device's readings for people: indices and quality. Who may see the device may see them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np

from linli.devices import facade as devices
from linli.kernel import clock
from linli.kernel.actor import Actor
from linli.kernel.errors import Invalid
from linli.telemetry import indices, quality, selectors
from linli.telemetry.batch import DOUBTFUL, LATE, OUT_OF_RANGE

DAY = timedelta(days=1)
LONGEST = timedelta(days=7)


def indices_of(actor: Actor, device_id: UUID, *, at: datetime | None = None) -> dict[str, Any]:
    """{at, items}: every index of the device's model at a time; see `indices.told`."""
    kind = devices.kind(actor, device_id)
    moment = at or clock.now()
    _, end = selectors.span(None, moment)
    items = []
    for index in indices.of_model(kind.device.model):
        means = [_mean(kind, part, end) for part in index["parts"]]
        items.append(indices.told(index, means, kind.attributes))
    return {"at": moment, "items": items}


def _mean(kind: devices.Kind, part: dict[str, Any], end: int) -> tuple[float, float]:
    count = indices.buckets(part["mean_s"], kind.interval_s)
    prop = part["property"]
    table = selectors.ask(
        lambda: selectors.history().series([kind.device.id], prop, end - part["mean_s"] * 1000, end, count)
    )
    low, high, mean = (table[c].to_numpy().astype(np.float64) for c in ("min", "max", "mean"))
    span = next((p["range"] for p in kind.properties if p["code"] == prop and p.get("range")), (None, None))
    return indices.mean_of(low, high, mean, count, (span[0], span[1]), part["least"])


def quality_of(
    actor: Actor, device_id: UUID, *, start: datetime | None = None, end: datetime | None = None
) -> dict[str, Any]:
    """{start, end, items}: each property of the model with its counts, in the model's order."""
    kind = devices.kind(actor, device_id)
    until = end or clock.now()
    since = start or until - DAY
    first, last = selectors.span(since, until)
    if not timedelta() < until - since <= LONGEST:
        raise Invalid("start", "must lie before the end, by a week at most")
    pieces = list(selectors.ask(lambda: selectors.history().export(kind.device.id, None, first, last)))
    columns: dict[str, list[Any]] = {n: [] for n in ("property", "t", "value", "flags")}
    for piece in pieces:
        for name, column in columns.items():
            column.append(piece[name].to_numpy(zero_copy_only=False))
    prop, t, value, flags = (np.concatenate(c) if c else np.zeros(0) for c in columns.values())
    items = [
        _counts(p, t[mine], value[mine], flags[mine].astype(np.int64), (last - first) // (kind.interval_s * 1000))
        for p in kind.properties if p.get("type") != "text" for mine in [prop == p["code"]]
    ]  # fmt: skip
    return {"start": since, "end": until, "items": items}


def _counts(prop: dict[str, Any], t: Any, value: Any, flags: Any, expected: int) -> dict[str, Any]:
    found = quality.marks(t.astype(np.int64), value.astype(np.float64), prop.get("quality") or {})

    def count(column: Any, bit: int) -> int:
        return int(np.count_nonzero(column & bit))

    return {
        "property": prop["code"], "readings": len(value), "expected": int(expected),
        "out_of_range": count(flags, OUT_OF_RANGE), "doubtful": count(flags, DOUBTFUL), "late": count(flags, LATE),
        "stuck": count(found, quality.STUCK), "jump": count(found, quality.JUMP), "spike": count(found, quality.SPIKE),
    }  # fmt: skip
