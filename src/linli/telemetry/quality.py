"""The quality rules of thing models over columns of readings: stuck values, jumps and spikes. Pure; times in ms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

STUCK, JUMP, SPIKE = 1, 2, 4
Marks = npt.NDArray[np.uint8]


def marks(t: npt.NDArray[np.int64], value: npt.NDArray[np.float64], rules: Mapping[str, Any]) -> Marks:
    """For each reading of one series, ordered by time, the rules that it breaks, as bits.

    stuck: it and those before it, or around it, are `stuck` or more equal ones in a row. spike: it stands out by more
    than `spike` from both neighbours, to the same side. jump: it differs from the one before it by more than `jump` a
    minute (what lies closer together than a minute counts as a minute apart); the way into a spike and back is no jump.
    """
    found = np.zeros(len(value), np.uint8)
    if len(value) < 2:
        return found
    step = np.diff(value)
    if limit := rules.get("spike"):
        out = (np.abs(step[:-1]) > limit) & (np.abs(step[1:]) > limit) & (np.sign(step[:-1]) != np.sign(step[1:]))
        found[1:-1][out] |= SPIKE
    if limit := rules.get("jump"):
        minutes = np.maximum(np.diff(t) / 60_000, 1.0)
        spiked = (found & SPIKE) > 0
        found[1:][(np.abs(step) > limit * minutes) & ~spiked[1:] & ~spiked[:-1]] |= JUMP
    if limit := rules.get("stuck"):
        edges = np.flatnonzero(np.concatenate(([True], step != 0, [True])))
        lengths = np.diff(edges)
        found[np.repeat(lengths >= limit, lengths)] |= STUCK
    return found
