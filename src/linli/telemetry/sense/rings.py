"""What terms remember of the past: samples for a rate, times for a count. Columns, one row a term.

Both work on rows that stand by term and, within a term, by rising time: `first` says where a term's rows begin. What
they answer for a reading does not depend on how readings are cut into calls.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
NONE = -(1 << 60)  # no time yet
PARTS = 24  # a window's samples: one in each of so many parts of absolute time
KEPT = 32


class Bank:
    """Rows of `width` times (oldest first, `NONE` before them), with a value each if `valued`."""

    def __init__(self, width: int, *, valued: bool = False) -> None:
        self.width = width
        self.t: Ints = np.full((16, width), NONE, np.int64)
        self.v = np.zeros((16, width)) if valued else None
        self.free = list(range(15, -1, -1))

    def add(self) -> int:
        if not self.free:
            size = len(self.t)
            self.t = np.vstack([self.t, np.full_like(self.t, NONE)])
            if self.v is not None:
                self.v = np.vstack([self.v, np.zeros_like(self.v)])
            self.free = list(range(2 * size - 1, size - 1, -1))
        row = self.free.pop()
        self.t[row] = NONE
        return row

    def drop(self, row: int) -> None:
        self.free.append(row)

    def join(self, ring: Ints, first: Any, add: Any, t: Ints, v: Any = None) -> tuple[Ints, Any, Ints, Ints]:
        """Rings and the rows of `add` after each other, term by term; the rings keep the newest. Returns (times,
        values, where each term begins, each row's term)."""
        term = np.cumsum(first) - 1
        mine = ring[first]
        added = np.bincount(term[add], minlength=len(mine))
        begins = np.append(0, np.cumsum(added + self.width))
        kept = begins[:-1, None] + np.arange(self.width)
        rank = np.cumsum(add) - 1
        place = begins[term[add]] + self.width + rank[add] - np.append(0, np.cumsum(added))[term[add]]
        times = np.empty(begins[-1], np.int64)
        times[kept], times[place] = self.t[mine], t[add]
        newest = begins[1:, None] - self.width + np.arange(self.width)
        self.t[mine] = times[newest]
        values = None
        if self.v is not None:
            values = np.empty(begins[-1])
            values[kept], values[place] = self.v[mine], v[add]
            self.v[mine] = values[newest]
        return times, values, begins, term


def rates(bank: Bank, ring: Ints, first: Any, t: Ints, v: Any, before: Ints, window: Ints) -> Any:
    """The change a millisecond since the oldest sample within `window` before each reading; NaN while the samples do
    not yet reach over half of it. `before`: the time of the term's reading before this one."""
    part = np.maximum(window // PARTS, 1)
    times, values, begins, term = bank.join(ring, first, t // part > before // part, t, v)
    low = int((t - window).min()) - 1
    reach = int(t.max()) - low + 2
    key = np.repeat(np.arange(len(begins) - 1), np.diff(begins)) * reach + np.clip(times - low, 0, reach - 1)
    at = np.searchsorted(key, term * reach + (t - window - low))
    at = np.minimum(at, begins[term + 1] - 1)
    gap = t - times[at]
    known = (gap <= window) & (2 * gap >= window)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(known, (v - values[at]) / gap, np.nan)


def counts(bank: Bank, ring: Ints, first: Any, held: Any, t: Ints, window: Ints) -> Any:
    """Whether at least `bank.width` readings within `window` held, this one included."""
    times, _, begins, term = bank.join(ring, first, held, t)
    total = np.cumsum(held)
    start = np.flatnonzero(first)
    mine = total - (total[start] - held[start])[term]  # of the term, up to this row
    return t - times[begins[term] + mine] <= window
