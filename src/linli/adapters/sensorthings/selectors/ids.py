"""Ids of observations. A plain reading has none of its own: its id is its datastream and, in the last 13 digits, its
time in ms. One with a row has the number of that row, which has fewer digits.

They are numbers where every program can hold one (below 2^53), and the same digits as text where not. Those of before,
`12t1790000000000` and `12t1790000000000n7`, are read, too. Pure.
"""

from __future__ import annotations

import re
from typing import NamedTuple

TIMES = 10**13
EXACT = 1 << 53
MAX_T = 1 << 43
_OLD = re.compile(r"(\d{1,18})t(\d{1,13})(?:n(\d{1,18}))?")


class Key(NamedTuple):
    """`n`: the number of its row; None for a reading of `stream` at `t` (ms)."""

    stream: int
    t: int
    n: int | None = None


def of_reading(stream: int, t: int) -> int | str:
    return _sent(stream * TIMES + t)


def of_row(stream: int, t: int, bare: bool, n: int) -> int | str:
    """`bare`: it was a plain reading, and keeps that id."""
    return of_reading(stream, t) if bare else _sent(n)


def _sent(number: int) -> int | str:
    return number if number < EXACT else str(number)


def read(text: str) -> Key | None:
    """None for what is no id of an observation."""
    if old := _OLD.fullmatch(text):
        return Key(int(old[1]), int(old[2]), int(old[3]) if old[3] else None)
    if not text.isascii() or not text.isdigit() or len(text) > 32:
        return None
    stream, t = divmod(int(text), TIMES)
    if stream == 0:
        return Key(0, 0, t)
    return Key(stream, t) if t < MAX_T and stream < 1 << 63 else None
