"""Columns that grow: numpy arrays of one length, addressed by row number; and what is asked of columns in groups."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


class Table:
    """`Table(dev="i4", ts="i8")`: attributes are arrays of at least `size` rows; rows beyond are blank.

    Hold no reference to a column across `add`: growing replaces the arrays.
    """

    def __init__(self, *, capacity: int = 1024, fill: dict[str, Any] | None = None, **columns: str) -> None:
        self.size = 0
        self._fill = fill or {}
        self._names = tuple(columns)
        self._capacity = capacity
        for name, kind in columns.items():
            setattr(self, name, np.full(capacity, self._fill.get(name, 0), dtype=kind))

    def __getattr__(self, name: str) -> Any:  # columns, for type checkers
        raise AttributeError(name)

    def column(self, name: str) -> npt.NDArray[Any]:
        """The used part of a column."""
        return getattr(self, name)[: self.size]  # type: ignore[no-any-return]

    def add(self, **values: Any) -> int:
        """A new row; columns not given keep their fill."""
        if self.size == self._capacity:
            self._grow()
        row = self.size
        self.size += 1
        for name, value in values.items():
            getattr(self, name)[row] = value
        return row

    def _grow(self) -> None:
        self._capacity *= 2
        for name in self._names:
            old = getattr(self, name)
            new = np.full(self._capacity, self._fill.get(name, 0), dtype=old.dtype)
            new[: len(old)] = old
            setattr(self, name, new)


def newest_before(ts: Any, before: Any, again: Any) -> Any:
    """For each reading the newest time of its series until then. Rows of a series stand together; `again` says which
    rows (but the first) belong to the series of the row above; `before` is the newest time before all of them."""
    low = int(ts.min()) - 1
    step = max(int(ts.max()), int(before.max())) - low + 1
    lift = np.append(0, np.cumsum(~again)) * step  # each series above the one before: one running maximum does for all
    base = np.maximum(before, low) + lift
    shifted = base.copy()
    shifted[1:] = np.where(again, np.maximum(ts[:-1] + lift[:-1], base[1:]), base[1:])
    found = np.maximum.accumulate(shifted) - lift
    return np.where(found > low, found, before)
