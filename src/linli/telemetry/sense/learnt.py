"""What rules know of how a series usually goes: one detector a process, for the series that a term `anomaly` looks at.

It is fed in the order of the stream, once a reading, however many terms look. A series is learnt from while a rule
looks at it; when none does any more, it is forgotten.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from linli.telemetry.anomaly import SIDES, Detector, Verdicts, of_packs, strength
from linli.telemetry.sense.schedule import district

Ints = npt.NDArray[np.int64]
Key = Callable[[int], bytes]


class Learnt:
    """`key` names a series over restarts."""

    def __init__(self, key: Key) -> None:
        self.key = key
        self._made: Detector | None = None
        self._watched: dict[int, bytes] = {}  # by series
        self._row: Ints = np.full(0, -1, np.int64)  # the detector's row of each series

    def __bool__(self) -> bool:
        return bool(self._watched)

    @property
    def detector(self) -> Detector:
        if self._made is None:
            self._made = Detector(of_packs(), zone=district().zone.key)
        return self._made

    def watch(self, series: Ints) -> None:
        """These series, and no others."""
        wanted = {s: self._watched.get(s) or self.key(s) for s in np.unique(series).tolist()}
        if gone := self._watched.keys() - wanted.keys():
            self.detector.forget([self._watched[s] for s in gone])
        self._watched = wanted
        self._row = np.full(max(wanted, default=-1) + 1, -1, np.int64)
        if wanted:
            self._row[list(wanted)] = self.detector.rows(wanted.values())

    def take(self, series: Ints, ts: Ints, value: Any, good: Any) -> tuple[Ints, Verdicts]:
        """Readings by series, message and time → (the place of each among those judged, -1 without; what is said)."""
        row = np.where(series < len(self._row), self._row[np.minimum(series, len(self._row) - 1)], -1)
        mine = np.flatnonzero((row >= 0) & good)
        place = np.full(len(series), -1, np.int64)
        place[mine] = np.arange(len(mine))
        return place, self.detector.take(row[mine], ts[mine], value[mine])

    # --- over restarts ----------------------------------------------------------------------------------------------

    def forget(self, mine: Callable[[int], bool]) -> None:
        """The series of which `mine` says so begin anew."""
        if some := [key for series, key in self._watched.items() if mine(series)]:
            self.detector.forget(some)

    def save(self, mine: Callable[[int], bool]) -> bytes:
        some = [key for series, key in self._watched.items() if mine(series)]
        return self.detector.save(some) if some else b""

    def load(self, data: bytes) -> None:
        if data:
            self.detector.load(data)


def strengths(found: Verdicts, place: Ints, value: Any, side: Any) -> Any:
    """How far readings are from what was expected, each on its own `side` (a number of SIDES); see `strength`."""
    told = np.full(len(place), np.nan)
    for one in np.unique(side).tolist():
        mine = np.flatnonzero(side == one)
        at = place[mine]
        some = Verdicts(found.low[at], found.high[at], found.centre[at], found.score[at], found.kind[at],
                        found.told[at])  # fmt: skip
        told[mine] = strength(some, value[mine], SIDES[one])
    return told
