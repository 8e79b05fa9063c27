"""The score of the Numenta Anomaly Benchmark, written from its definition (Lavin & Ahmad 2015; standard profile).

A detector gives each row of each file a number; one threshold for all files, the one with the best total, makes
detections of them. In a labelled window only the earliest detection counts, the more the earlier it is; each detection
outside costs, less when it comes shortly after a window; a window without any costs 1. The first 15 % of a file (at
most 750 rows) do not count. The total is put between that of a detector which tells nothing (0) and a perfect one
(100).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

TP, FP, FN = 1.0, 0.11, 1.0  # the standard profile
FREE, PROBATION = -1, -2


def sigmoid(position: float) -> float:
    """1 far before the right edge of a window (-1 is its left edge), 0 at it, -1 far behind it."""
    return -1.0 if position >= 3.0 else 2.0 / (1.0 + math.exp(5.0 * position)) - 1.0


@dataclass
class Weighed:
    """For each row: which window it is in (FREE, PROBATION), and what a detection there is worth."""

    window: Any
    worth: Any
    windows: int


def probation(rows: int) -> int:
    return min(math.floor(0.15 * rows), 750)


def weigh(rows: int, windows: Sequence[tuple[int, int]]) -> Weighed:
    """`windows`: first and last row of each, in order."""
    window, worth = np.full(rows, FREE), np.full(rows, -FP)
    for number, (first, last) in enumerate(windows):
        width = last - first + 1
        for i in range(first, last + 1):
            window[i] = number
            worth[i] = TP * sigmoid(-(last - i + 1) / width) / sigmoid(-1.0)
        until = windows[number + 1][0] if number + 1 < len(windows) else rows
        for i in range(last + 1, until):
            worth[i] = FP * sigmoid((i - last) / max(width - 1, 1))
    window[: probation(rows)] = PROBATION
    return Weighed(window, worth, len({w for w in window.tolist() if w >= 0}))


@dataclass
class Told:
    """What a threshold makes of one file: windows found, detections inside and outside, and the raw score."""

    found: int = 0
    windows: int = 0
    inside: int = 0
    false: int = 0
    score: float = 0.0


def tell(weighed: Weighed, scores: Any, threshold: float) -> Told:
    on = (scores >= threshold) & (weighed.window != PROBATION)
    out = Told(windows=weighed.windows)
    free = on & (weighed.window == FREE)
    out.false, out.inside = int(free.sum()), int(on.sum() - free.sum())
    best = {w: weighed.worth[on & (weighed.window == w)].max() for w in set(weighed.window[on].tolist()) if w >= 0}
    out.found = len(best)
    out.score = float(weighed.worth[free].sum()) + sum(best.values()) - FN * (weighed.windows - len(best))
    return out


@dataclass
class Result:
    score: float
    threshold: float
    files: dict[str, Told] = field(default_factory=dict)

    @property
    def false(self) -> int:
        return sum(t.false for t in self.files.values())

    @property
    def found(self) -> int:
        return sum(t.found for t in self.files.values())


def best_threshold(weighed: Mapping[str, Weighed], scores: Mapping[str, Any]) -> float:
    """The threshold with the highest total over these files; infinity when telling nothing is best."""
    rows = []
    for name, one in weighed.items():
        for i in np.flatnonzero(one.window != PROBATION).tolist():
            rows.append((float(scores[name][i]), name, int(one.window[i]), float(one.worth[i])))
    rows.sort(key=lambda row: -row[0])
    windows: dict[tuple[str, int], float] = {}
    total, best, chosen = 0.0, 0.0, math.inf
    for i, (score, name, window, worth) in enumerate(rows):
        if window == FREE:
            total += worth
        else:
            before = windows.get((name, window), -FN)
            windows[name, window] = max(before, worth)
            total += windows[name, window] - before
        ends = i + 1 == len(rows) or rows[i + 1][0] != score
        if ends and total > best:
            best, chosen = total, score
    return chosen


def normal(total: float, windows: int) -> float:
    """`total` between a detector that tells nothing (0) and a perfect one (100)."""
    return 100.0 * (total + FN * windows) / (windows * (TP + FN)) if windows else 0.0


def score(weighed: Mapping[str, Weighed], scores: Mapping[str, Any], threshold: float | None = None) -> Result:
    """With the best threshold of these files, or with a given one."""
    at = best_threshold(weighed, scores) if threshold is None else threshold
    files = {name: tell(one, scores[name], at) for name, one in weighed.items()}
    windows = sum(one.windows for one in weighed.values())
    return Result(normal(sum(t.score for t in files.values()), windows), at, files)


def left_out(weighed: Mapping[str, Weighed], scores: Mapping[str, Any]) -> float:
    """Each file at the threshold that is best for the others."""
    total = 0.0
    for name, one in weighed.items():
        others = {n: w for n, w in weighed.items() if n != name}
        total += tell(one, scores[name], best_threshold(others, scores)).score
    return normal(total, sum(one.windows for one in weighed.values()))
