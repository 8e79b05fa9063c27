"""Figures made of several properties of a device: readings in, readings of the figure out, as columns.

A figure has a reading when one of its properties has a fresh one, made of the newest of each; none before all were
heard, and none where it cannot be reckoned (divided by zero). Readings of one message and one time make one. Its times
rise always: what comes out of order counts a millisecond after the figure's newest, so that nothing of it is late.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from linli.devices import contracts
from linli.telemetry.sense.rings import NONE
from linli.telemetry.sense.table import newest_before

Ints = npt.NDArray[np.int64]
WIDTH = 8  # properties of one figure
Steps = tuple[tuple[str, Any], ...]


def _divided(one: Any, two: Any) -> Any:
    """By zero is no number, so that no min or max takes it for one."""
    return np.where(two == 0, np.nan, np.divide(one, two))


_TWO: dict[str, Callable[[Any, Any], Any]] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": _divided, "min": np.minimum, "max": np.maximum,
}  # fmt: skip
_ONE: dict[str, Callable[[Any], Any]] = {"neg": np.negative, "abs": np.abs}


def reckon(steps: Steps, columns: Sequence[Any]) -> Any:
    """A formula over columns, one an operand; NaN where something is missing or the result is no number."""
    stack: list[Any] = []
    with np.errstate(all="ignore"):
        for what, detail in steps:
            if what == "number":
                stack.append(np.float64(detail))
            elif what == "get":
                stack.append(columns[detail])
            elif what in _ONE:
                stack.append(_ONE[what](stack.pop()))
            else:
                parts = [stack.pop() for _ in range(detail)][::-1]
                found = parts[0]
                for part in parts[1:]:
                    found = _TWO[what](found, part)
                stack.append(found)
    (found,) = stack
    return np.where(np.isfinite(found), found, np.nan)


@dataclass(slots=True)
class Made:
    """Readings of figures, by figure and message and time. `shown`: the reading behind it that an alarm tells."""

    figure: Ints
    message: Ints
    ts: Ints
    recv: Ints
    value: Any
    shown: Any


class Figures:
    """Rows are figures: one a slot and term. For each property the newest time and value; `clock`: its own newest."""

    def __init__(self) -> None:
        self.term = np.full(16, -1, np.int64)
        self.series = np.full((16, WIDTH), -1, np.int64)
        self.ts = np.full((16, WIDTH), NONE, np.int64)
        self.value = np.full((16, WIDTH), np.nan)
        self.clock = np.full(16, NONE, np.int64)
        self.formula = np.zeros(16, np.int32)
        self.used = 0
        self._free: list[int] = []
        self._formulas: list[contracts.Formula] = []
        self._known: dict[str, int] = {}

    def __bool__(self) -> bool:
        return self.used > len(self._free)

    def read(self, text: str) -> contracts.Formula:
        return self._formulas[self._number(text)]

    def _number(self, text: str) -> int:
        if text not in self._known:
            self._known[text] = len(self._formulas)
            self._formulas.append(contracts.formula(text))
        return self._known[text]

    def add(self, term: int, text: str, series: Sequence[int]) -> int:
        """`series`: of the formula's operands, in their order."""
        row = self._free.pop() if self._free else self._grown()
        self.blank(row)
        self.term[row], self.formula[row] = term, self._number(text)
        self.series[row] = -1
        self.series[row, : len(series)] = series
        return row

    def _grown(self) -> int:
        self.used += 1
        if self.used > len(self.term):
            for name in ("term", "series", "ts", "value", "clock", "formula"):
                old = getattr(self, name)
                setattr(self, name, np.concatenate([old, old]))
        return self.used - 1

    def drop(self, row: int) -> None:
        self.series[row] = self.term[row] = -1
        self._free.append(row)

    def blank(self, row: int) -> None:
        self.ts[row], self.value[row], self.clock[row] = NONE, np.nan, NONE

    def heard(self, row: Any) -> bool:
        return bool((self.ts[row] > NONE).any())

    def links(self) -> tuple[Ints, Ints, Ints]:
        """(series, term, which of its properties) of all figures."""
        series = self.series[: self.used]
        row, part = np.nonzero(series >= 0)
        return series[row, part], self.term[row], part

    def state(self, row: int) -> list[Any]:
        return [int(self.clock[row]), self.ts[row].tolist(), self.value[row].tolist()]

    def restore(self, row: int, state: list[Any]) -> None:
        self.clock[row], self.ts[row], self.value[row] = state

    # --- readings ---------------------------------------------------------------------------------------------------

    def take(self, figure: Ints, part: Ints, message: Ints, ts: Ints, recv: Ints, value: Any) -> Made:
        """Readings that may be judged, in any order."""
        order = np.lexsort((ts, message, figure * WIDTH + part))
        figure, part, message, ts, recv, value = (c[order] for c in (figure, part, message, ts, recv, value))
        one = figure * WIDTH + part
        before = newest_before(ts, self.ts[figure, part], one[1:] == one[:-1])
        fresh = np.flatnonzero(ts > before)
        order = fresh[np.lexsort((part[fresh], ts[fresh], message[fresh], figure[fresh]))]
        figure, part, message, ts, recv, value = (c[order] for c in (figure, part, message, ts, recv, value))
        if not len(figure):
            return Made(figure, message, ts, recv, value, value)
        new = np.append(True, (np.diff(figure) != 0) | (np.diff(message) != 0) | (np.diff(ts) != 0))
        moment = np.cumsum(new) - 1
        np.maximum.at(self.ts, (figure, part), ts)
        at = np.flatnonzero(new)
        figure, message, ts, recv = figure[at], message[at], ts[at], recv[at]
        whole = self._newest(figure, moment, part, value)
        clock = self._clock(figure, ts)
        made = self._reckoned(figure, whole)
        known = np.flatnonzero(~np.isnan(made))
        return Made(figure[known], message[known], clock[known], recv[known], made[known], whole[known, 0])

    def _newest(self, figure: Ints, moment: Ints, part: Ints, value: Any) -> Any:
        """For each moment the newest value of each property until then; NaN before the first."""
        first = np.append(True, figure[1:] != figure[:-1])
        begins = np.flatnonzero(first)[np.cumsum(first) - 1]
        rows = np.full((len(figure), WIDTH), -1, np.int64)
        rows[moment, part] = moment
        rows = np.maximum.accumulate(rows, axis=0)
        said = np.full((len(figure), WIDTH), np.nan)
        said[moment, part] = value
        found = np.take_along_axis(said, np.maximum(rows, 0), axis=0)
        whole = np.where(rows >= begins[:, None], found, self.value[figure])
        last = np.append(first[1:], True)
        self.value[figure[last]] = whole[last]
        return whole

    def _clock(self, figure: Ints, ts: Ints) -> Ints:
        """Times that rise: each its own, or a millisecond after the one before."""
        again = figure[1:] == figure[:-1]
        first = np.append(True, ~again)
        rank = np.arange(len(ts)) - np.flatnonzero(first)[np.cumsum(first) - 1]
        pace = ts - rank
        newest = newest_before(pace, np.maximum(self.clock[figure], NONE) + 1, again)
        clock = np.maximum(pace, newest) + rank
        last = np.append(first[1:], True)
        self.clock[figure[last]] = clock[last]
        return clock

    def _reckoned(self, figure: Ints, whole: Any) -> Any:
        number = self.formula[figure]
        made = np.full(len(figure), np.nan)
        for one in np.unique(number).tolist():
            mine = np.flatnonzero(number == one)
            formula = self._formulas[one]
            made[mine] = reckon(formula.steps, [whole[mine, k] for k in range(len(formula.operands))])
        return made
