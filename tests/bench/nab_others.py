"""What the detector is compared with: plain detectors of streams, each a function (t, x) -> scores."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from linli.telemetry import anomaly
from linli.telemetry.anomaly import Detector, Settings


def gaussian(t: Any, x: Any, *, window: int = 6400, step: int = 100) -> Any:
    """NAB's windowed Gaussian: one minus the tail probability under mean and deviation of the last 6,400 readings; once
    the window is full it moves by 100."""
    out, kept = np.zeros(len(x)), 0
    mean, deviation, start = 0.0, 1.0, 0
    for i, value in enumerate(x.tolist()):
        if i:
            z = abs(value - mean) / deviation
            out[i] = 1.0 - 0.5 * math.erfc(z / math.sqrt(2.0))
        if kept < window:
            kept += 1
        elif (i + 1 - window - start) == step:
            start += step
        else:
            continue
        seen = x[start : start + kept]
        mean, deviation = float(seen.mean()), float(seen.std()) or 1e-6
    return out


def average(t: Any, x: Any, *, share: float = 0.01) -> Any:
    """Distance from an exponentially weighted mean, in deviations that are weighted so too."""
    out = np.zeros(len(x))
    mean, square = float(x[0]), 0.0
    for i, value in enumerate(x.tolist()):
        off = value - mean
        out[i] = abs(off) / math.sqrt(square) if square > 0 else 0.0
        mean += share * off
        square += share * (off * off - square)
    return out


def median(t: Any, x: Any, *, days: int = 14) -> Any:
    """Distance from the median of the same half hour of the last days, in median absolute deviations."""
    out = np.zeros(len(x))
    held: dict[int, list[tuple[int, float]]] = {}
    for i, (at, value) in enumerate(zip(t.tolist(), x.tolist(), strict=True)):
        seen = held.setdefault(at // 1_800_000 % 48, [])
        while seen and seen[0][0] < at - days * 86_400_000:
            seen.pop(0)
        if len(seen) >= 5:
            old = np.array([v for _, v in seen])
            middle = float(np.median(old))
            spread = float(np.median(np.abs(old - middle)))
            out[i] = abs(value - middle) / max(spread, 1e-3 * abs(middle), 1e-9)
        seen.append((at, value))
    return out


def trees(t: Any, x: Any, *, many: int = 25, depth: int = 8, window: int = 250) -> Any:
    """Half-space trees (Tan, Ting & Liu 2011) over the value, the one before it and the time of day."""
    rng = np.random.default_rng(1)
    low, high = float(x[:window].min()), float(x[:window].max())
    wide = (high - low) or 1.0
    day = (t % 86_400_000) / 86_400_000
    points = np.clip(np.column_stack([(x - low) / wide, (np.append(x[0], x[:-1]) - low) / wide, day]), -0.5, 1.5)
    nodes = 2 ** (depth + 1) - 1
    path = np.zeros((many, len(x), depth + 1), np.int32)
    for tree in range(many):
        path[tree] = _paths(rng, points, depth)
    out = np.zeros(len(x))
    told, counting = np.zeros((many, nodes)), np.zeros((many, nodes))
    numbers, heights = np.arange(many)[:, None], 2.0 ** np.arange(depth + 1)
    for i in range(len(x)):
        at = path[:, i]
        mass = told[numbers, at]
        full = mass > 0.1 * window
        deepest = np.where(full.any(1), depth - np.argmax(full[:, ::-1], 1), 0)
        out[i] = -float((mass[np.arange(many), deepest] * heights[deepest]).sum())
        counting[numbers, at] += 1
        if (i + 1) % window == 0:
            told, counting = counting, np.zeros((many, nodes))
    out[:window] = out.min()
    return out - out.min()


def _paths(rng: Any, points: Any, depth: int) -> Any:
    """The node of each point at each depth of one tree."""
    lows, highs = np.full((1, 3), -0.5), np.full((1, 3), 1.5)
    found = np.zeros((len(points), depth + 1), np.int32)
    place = np.zeros(len(points), np.int64)
    for level in range(depth):
        axis = rng.integers(0, 3, 2**level)
        rows = np.arange(2**level)
        middle = lows[rows, axis] + (highs[rows, axis] - lows[rows, axis]) * rng.uniform(0.35, 0.65, 2**level)
        right = points[np.arange(len(points)), axis[place]] > middle[place]
        lows, highs = np.repeat(lows, 2, axis=0), np.repeat(highs, 2, axis=0)
        highs[2 * rows, axis] = middle
        lows[2 * rows + 1, axis] = middle
        place = place * 2 + right
        found[:, level + 1] = 2 ** (level + 1) - 1 + place
    return found


def once(t: Any, scores: Any, *, told_ms: float = 86_400_000.0) -> Any:
    """The detector's own rule of what is news, over any scores."""
    out, peak, before = np.zeros(len(scores)), 0.0, int(t[0])
    for i, (at, score) in enumerate(zip(t.tolist(), scores.tolist(), strict=True)):
        peak *= told_ms / (told_ms + at - before)
        before = at
        out[i] = score if score > 1.1 * peak else 0.0
        peak = max(peak, score)
    return out


def ours(t: Any, x: Any, settings: Settings | None = None, *, zone: str = "UTC") -> anomaly.Verdicts:
    detector = Detector(settings or anomaly.of_packs(), zone=zone)
    return detector.take(np.repeat(detector.rows(["series"]), len(t)), t, x)
