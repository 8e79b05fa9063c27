"""The expected range of a device's property over a charted span: the detector run over its history. Who may see the
device may see it; things of households, persons and vehicles are not there."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from django.conf import settings

from linli.devices import facade as devices
from linli.kernel.actor import Actor
from linli.kernel.errors import Invalid
from linli.telemetry import anomaly, selectors
from linli.telemetry.batch import NOT_JUDGED

LEAD_MS = 28 * 86_400_000  # learnt from so long before the span: four visits of each hour of the week
MAX_READINGS = 8_000  # four tenths of a second of one core; more are taken as means
MAX_POINTS = 2_000
MAX_ODD = 100


def expected(
    actor: Actor, device_id: UUID, *, prop: str, start: datetime | None, end: datetime | None, points: int
) -> dict[str, Any]:
    """`t`, `low`, `high` as columns (None while the series is still unknown) and the readings that were odd, newest
    first. `step_s` is set when there were too many readings, so that the range is that of means over so many s."""
    kind = devices.kind(actor, device_id)
    if not 1 <= points <= MAX_POINTS:
        raise Invalid("points", f"must be between 1 and {MAX_POINTS}")
    since, until = selectors.span(start, end)
    if until <= since:
        raise Invalid("end", "must be after start")
    said = next((p for p in kind.properties if p["code"] == prop), None)
    empty = said is not None and said.get("type") in ("bool", "text")
    t, x, step = (np.zeros(0, np.int64), np.zeros(0), None) if empty else _readings(device_id, prop, since, until)
    detector = anomaly.Detector(anomaly.of_packs(), zone=settings.TIME_ZONE)
    found = detector.take(np.repeat(detector.rows([prop]), len(t)), t, x)
    odd = np.flatnonzero((found.told >= 1.0) & (t >= since))
    return {
        "property": prop, "learnt_from": selectors.at(int(t[0])) if len(t) else None, "step_s": step,
        **_drawn(t, found, since, until, points), "odd_total": len(odd),
        "odd": [_odd(int(t[i]), float(x[i]), found, i) for i in odd[::-1][:MAX_ODD].tolist()],
    }  # fmt: skip


def _readings(device_id: UUID, prop: str, since: int, until: int) -> tuple[Any, Any, int | None]:
    """Readings that are judged from before the span to its end, oldest first; means when there are too many."""
    begin = max(0, since - LEAD_MS)
    history = selectors.history()
    rows = selectors.ask(lambda: history.counts([device_id], begin, until)).to_pylist()
    if sum(r["count"] for r in rows if r["property"] == prop) > MAX_READINGS:
        table = selectors.ask(lambda: history.series([device_id], prop, begin, until, MAX_READINGS))
        t = table["t"].to_numpy().astype(np.int64)
        step = int(np.diff(t).min()) if len(t) > 1 else 0
        return t, table["mean"].to_numpy().astype(np.float64), round(step / 1000)
    pieces = list(selectors.ask(lambda: history.export(device_id, prop, begin, until)))
    if not pieces:
        return np.zeros(0, np.int64), np.zeros(0), None
    t, x, flags = (
        np.concatenate([p[name].to_numpy(zero_copy_only=False) for p in pieces]) for name in ("t", "value", "flags")
    )
    fit = (flags.astype(np.int64) & NOT_JUDGED) == 0
    return t[fit].astype(np.int64), x[fit].astype(np.float64), None


def _drawn(t: Any, found: anomaly.Verdicts, since: int, until: int, points: int) -> dict[str, list[Any]]:
    """The range in at most `points` + 1 buckets, each at the time of its first reading: the mean of its edges."""
    mine = t >= since
    step = max(1, -(-(until - since) // points))
    bucket = (t[mine] - since) // step
    first = np.flatnonzero(np.append(True, np.diff(bucket) != 0)) if len(bucket) else np.zeros(0, np.int64)
    sizes = np.diff(np.append(first, len(bucket)))
    edges = {}
    for name, column in (("low", found.low[mine]), ("high", found.high[mine])):
        mean = np.add.reduceat(column, first) / sizes if len(first) else column
        edges[name] = [None if np.isnan(v) else round(v, 6) for v in mean.tolist()]
    return {"t": t[mine][first].tolist(), **edges}


def _odd(at: int, value: float, found: anomaly.Verdicts, i: int) -> dict[str, Any]:
    kind = int(found.kind[i])
    return {"at": selectors.at(at), "value": value, "score": round(float(found.score[i]), 2),
            "kind": anomaly.CODES[kind], "words": anomaly.WORDS[kind],
            "low": float(found.low[i]), "high": float(found.high[i])}  # fmt: skip
