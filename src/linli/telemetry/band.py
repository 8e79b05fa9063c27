"""The expected range of a device's property over a charted span: the detector run over its history. Who may see the
device may see it; things of households, persons and vehicles are not there.

What a series has taught up to the midnight (UTC) before the span is kept in memory for some hours, so that a chart that
is drawn again, or moved, costs only the readings of its own days. When readings have come late into days that were
learnt, their number is another one, and all is learnt anew.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any
from uuid import UUID

import numpy as np
from django.conf import settings

from linli.devices import facade as devices
from linli.kernel import clock
from linli.kernel.actor import Actor
from linli.kernel.errors import Invalid
from linli.telemetry import anomaly, selectors
from linli.telemetry.batch import NOT_JUDGED

DAY_MS = 86_400_000
LEAD_MS = 28 * DAY_MS  # learnt from so long before the span: four visits of each hour of the week
SETTLED_MS = 900_000  # a day is learnt as a whole when it has been over for so long
MAX_READINGS = 4_500  # a quarter of a second of one core; more are taken as means
STEPS_MS = tuple(s * 1000 for s in (300, 600, 900, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400))
MAX_POINTS = 2_000
MAX_ODD = 100
SERIES = b"series"
Columns = tuple[Any, Any]  # times in ms, values


@dataclass(frozen=True, slots=True)
class Learnt:
    """What the detector knew at the beginning of a day, and the first reading that it took; none yet: None. `count`:
    how many readings there were from `begin` to that day."""

    state: bytes
    first: int | None
    begin: int
    count: int


class Kept:
    """What was learnt of series up to a day, the least used forgotten first, and all after some hours."""

    MOST, SECONDS, BACK = 2_000, 6 * 3_600.0, 7

    def __init__(self) -> None:
        self._held: OrderedDict[tuple[Any, int], tuple[float, Learnt]] = OrderedDict()
        self._lock = Lock()

    def clear(self) -> None:
        with self._lock:
            self._held.clear()

    def last(self, series: Any, day: int) -> tuple[int, Learnt] | None:
        """Of the days up to `day`, the newest that is known, of at most a week."""
        with self._lock:
            for back in range(self.BACK + 1):
                key = (series, day - back * DAY_MS)
                at, learnt = self._held.get(key, (0.0, None))
                if learnt is not None and time.monotonic() - at < self.SECONDS:
                    self._held.move_to_end(key)
                    return key[1], learnt
        return None

    def keep(self, series: Any, day: int, learnt: Learnt) -> None:
        with self._lock:
            self._held[(series, day)] = (time.monotonic(), learnt)
            while len(self._held) > self.MOST:
                self._held.popitem(last=False)


kept = Kept()


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
    none = said is not None and said.get("type") in ("bool", "text")
    day = min(since, int(clock.now().timestamp() * 1000) - SETTLED_MS) // DAY_MS * DAY_MS
    begin = max(0, day - LEAD_MS)
    count: Callable[[int, int], int] = lambda a, b: _count(device_id, prop, a, b)  # noqa: E731
    step = None if none else _step(count(begin, until), begin, until)
    detector = anomaly.Detector(anomaly.of_packs(), zone=settings.TIME_ZONE)
    empty = (np.zeros(0, np.int64), np.zeros(0))
    read: Callable[[int, int], Columns] = lambda a, b: _readings(device_id, prop, a, b, step)  # noqa: E731
    first = None if none else _learn(detector, (device_id, prop, step, detector.settings), begin, day, read, count)
    t, x = empty if none else read(day, until)
    found = detector.take(np.repeat(detector.rows([SERIES]), len(t)), t, x)
    odd = np.flatnonzero((found.told >= 1.0) & (t >= since))
    first = first if first is not None else int(t[0]) if len(t) else None
    return {
        "property": prop, "learnt_from": None if first is None else selectors.at(first),
        "step_s": step and step // 1000, **_drawn(t, found, since, until, points), "odd_total": len(odd),
        "odd": [_odd(int(t[i]), float(x[i]), found, i) for i in odd[::-1][:MAX_ODD].tolist()],
    }  # fmt: skip


def _learn(
    detector: anomaly.Detector, series: Any, begin: int, day: int, read: Callable[[int, int], Columns],
    count: Callable[[int, int], int],
) -> int | None:  # fmt: skip
    """Teach the detector the days before `day`; the time of the first reading that it ever took."""
    known = kept.last(series, day)
    if known and count(known[1].begin, known[0]) != known[1].count:
        known = None
    reached, first = (known[0], known[1].first) if known else (begin, None)
    if known:
        detector.load(known[1].state)
        begin = known[1].begin
    if reached < day:
        total = count(begin, day)  # before they are read: what comes meanwhile is seen next time
        t, x = read(reached, day)
        detector.take(np.repeat(detector.rows([SERIES]), len(t)), t, x)
        first = first if first is not None else int(t[0]) if len(t) else None
        kept.keep(series, day, Learnt(detector.save([SERIES]), first, begin, total))
    return first


def _count(device_id: UUID, prop: str, begin: int, until: int) -> int:
    rows = selectors.ask(lambda: selectors.history().counts([device_id], begin, until)).to_pylist()
    return int(sum(r["count"] for r in rows if r["property"] == prop))


def _step(count: int, begin: int, until: int) -> int | None:
    """Over how many ms means are taken, when there are too many readings."""
    if count <= MAX_READINGS:
        return None
    return next((s for s in STEPS_MS if (until - begin) / s <= MAX_READINGS), STEPS_MS[-1])


def _readings(device_id: UUID, prop: str, begin: int, until: int, step: int | None) -> Columns:
    """Readings that are judged, oldest first; means over `step` when there are too many of them."""
    history = selectors.history()
    if step is not None:
        count = -(-(until - begin) // step)
        table = selectors.ask(lambda: history.series([device_id], prop, begin, begin + count * step, count))
        t, mean = table["t"].to_numpy().astype(np.int64), table["mean"].to_numpy().astype(np.float64)
        return t[t < until], mean[t < until]
    pieces = list(selectors.ask(lambda: history.export(device_id, prop, begin, until)))
    if not pieces:
        return np.zeros(0, np.int64), np.zeros(0)
    t, x, flags = (
        np.concatenate([p[name].to_numpy(zero_copy_only=False) for p in pieces]) for name in ("t", "value", "flags")
    )
    fit = (flags.astype(np.int64) & NOT_JUDGED) == 0
    return t[fit].astype(np.int64), x[fit].astype(np.float64)


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
