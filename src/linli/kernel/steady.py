"""The wall clock without its jumps. Knows no Django.

A machine's clock may be set back or forward while devices speak. What counts seconds here (timers of alarms, the
arrival of readings) goes on by the monotonic clock, and follows PostgreSQL's, which all machines of a district ask: so
they have one time.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

SQL = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8"
SLACK_MS = 250.0  # so much is drift and the way of the answer: it is taken slowly
SLOW = 0.1


class SteadyClock:
    """Milliseconds UTC. Until somebody told it the district's time, that of this machine when it was made."""

    def __init__(self) -> None:
        self._ahead = time.time() * 1000 - time.monotonic() * 1000

    def now_ms(self) -> int:
        return int(time.monotonic() * 1000 + self._ahead)

    def agree(self, told_ms: float, doubt_ms: float = 0.0) -> None:
        """PostgreSQL says it is `told_ms` now, perhaps `doubt_ms` earlier or later."""
        off = told_ms - time.monotonic() * 1000 - self._ahead
        if abs(off) > max(SLACK_MS, doubt_ms):
            self._ahead += off
        elif doubt_ms <= SLACK_MS:
            self._ahead += off * SLOW

    async def ask(self, rows: Callable[[str], Awaitable[list[tuple[float]]]]) -> None:
        """Agree with what `rows(SQL)` answers."""
        began = time.monotonic()
        told = (await rows(SQL))[0][0]
        took = (time.monotonic() - began) * 1000
        self.agree(told + took / 2, took / 2)
