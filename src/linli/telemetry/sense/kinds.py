"""The kinds of terms: what each puts into the columns of its row, and how columns compare.

A new kind is an entry of `KINDS`. One that looks at more than its newest reading has an `over` of its own and a step in
`Terms.say` (`terms.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from linli.telemetry.anomaly import SIDES

Term = Mapping[str, Any]
STRICT, INCLUSIVE, EQUAL, UNEQUAL, INSIDE, OUTSIDE = range(6)  # how a term compares; `sign` turns "below" into "above"
MODES = {"gt": (STRICT, 1), "ge": (INCLUSIVE, 1), "lt": (STRICT, -1), "le": (INCLUSIVE, -1), "eq": (EQUAL, 1),
         "ne": (UNEQUAL, 1)}  # fmt: skip
READING, RATE, COUNT, ODD = range(4)  # what is compared, or counted
PER_MS = {"minute": 60_000.0, "hour": 3_600_000.0}


def _threshold(term: Term) -> dict[str, Any]:
    mode, sign = MODES[term["op"]]
    clear = term.get("clear_value")
    return {"mode": mode, "sign": sign, "value": term["value"], "clear": np.nan if clear is None else clear}


def _range(term: Term) -> dict[str, Any]:
    mode, margin = (INSIDE, -term.get("margin", 0)) if term["op"] == "inside" else (OUTSIDE, term.get("margin", 0))
    return {"mode": mode, "value": term["low"], "high": term["high"], "clear": margin}


def _rate(term: Term) -> dict[str, Any]:
    return _threshold(term) | {"over": RATE, "window": term["window_s"] * 1000, "unit": PER_MS[term["per"]]}


def _count(term: Term) -> dict[str, Any]:
    return _threshold(term) | {"over": COUNT, "window": term["window_s"] * 1000, "times": term["times"]}


def _anomaly(term: Term) -> dict[str, Any]:
    return _threshold({**term, "op": "gt"}) | {"over": ODD, "side": SIDES.index(term["side"])}


KINDS: dict[str, Callable[[Term], dict[str, Any]]] = {
    "threshold": _threshold, "range": _range, "rate": _rate, "count": _count, "anomaly": _anomaly,
}  # fmt: skip


def compare(mode: Any, sign: Any, value: Any, clear: Any, high: Any, reading: Any) -> tuple[Any, Any]:
    """(whether it holds, whether what holds already goes on holding)"""
    over = (reading - value) * sign
    holds = np.where(mode == STRICT, over > 0, over >= 0)
    odd = mode >= EQUAL
    if odd.any():
        inside = (reading >= value) & (reading <= high)
        holds = np.where(odd, (over == 0) == (mode == EQUAL), holds)
        holds = np.where(mode >= INSIDE, inside == (mode == INSIDE), holds)
    stays = np.where(np.isnan(clear), holds, (reading - clear) * sign > 0)
    ranged = mode >= INSIDE
    if ranged.any():
        calm = (reading >= value + clear) & (reading <= high - clear)
        stays = np.where(ranged, calm == (mode == INSIDE), stays)
    return holds, stays
