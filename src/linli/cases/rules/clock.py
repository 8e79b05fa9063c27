"""A stage's clock: runs, stands still, goes on. Pure; the counting itself is in `calendar`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from linli.cases.rules.calendar import (
    UNITS,
    WALL_UNITS,
    Calendar,
    add_limit,
    add_seconds,
    budget,
    elapsed,
    is_provisional,
)

__all__ = ["UNITS", "WALL_UNITS", "Calendar", "Clock", "add_limit", "add_seconds", "budget", "elapsed",
           "is_provisional"]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Clock:
    """One stage's clock. `since` is set while it runs; `segments` keep [start, end, counted seconds] of runs."""

    unit: str
    limit: float
    budget_s: int
    used_s: int = 0
    since: datetime | None = None
    due: datetime | None = None
    paused: bool = False
    stopped: bool = False
    illustrative: bool = False
    provisional: bool = False
    extended_s: int = 0
    segments: tuple[tuple[str, str, int], ...] = ()

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {s: getattr(self, s) for s in self.__slots__}
        found["since"] = self.since.isoformat() if self.since else None
        found["due"] = self.due.isoformat() if self.due else None
        found["segments"] = [list(s) for s in self.segments]
        return found

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Clock:
        values = dict(data)
        for name in ("since", "due"):
            values[name] = datetime.fromisoformat(values[name]) if values.get(name) else None
        values["segments"] = tuple((a, b, int(s)) for a, b, s in values.get("segments", ()))
        return cls(**values)


def start(calendar: Calendar, clock: Clock, at: datetime) -> Clock:
    """Run (again) from `at`; what was used before counts on."""
    if clock.since:
        return clock
    due = add_seconds(calendar, at, clock.budget_s + clock.extended_s - clock.used_s, clock.unit)
    return replace(
        clock, since=at, due=due, paused=False, stopped=False,
        provisional=is_provisional(calendar, at, due, clock.unit),
    )  # fmt: skip


def _halt(calendar: Calendar, clock: Clock, at: datetime) -> Clock:
    if not clock.since:
        return clock
    used = elapsed(calendar, clock.since, at, clock.unit)
    segment = (clock.since.isoformat(), at.isoformat(), used)
    return replace(clock, used_s=clock.used_s + used, since=None, segments=(*clock.segments, segment))


def pause(calendar: Calendar, clock: Clock, at: datetime) -> Clock:
    """Stand still with no deadline, until started again."""
    return replace(_halt(calendar, clock, at), paused=True, due=None)


def stop(calendar: Calendar, clock: Clock, at: datetime) -> Clock:
    """The stage is over; the deadline stays to be read."""
    return replace(_halt(calendar, clock, at), stopped=True, paused=False)


def change_limit(calendar: Calendar, clock: Clock, limit: float, unit: str, illustrative: bool, at: datetime) -> Clock:
    """Another limit for a clock: what was used and paused is kept when the way of counting is the same."""
    same = (clock.unit in WALL_UNITS) == (unit in WALL_UNITS)
    halted = _halt(calendar, clock, at)
    used = (
        halted.used_s
        if same
        else sum(
            elapsed(calendar, datetime.fromisoformat(a), datetime.fromisoformat(b), unit) for a, b, _ in halted.segments
        )
    )
    fresh = replace(
        halted, unit=unit, limit=limit, budget_s=budget(calendar, limit, unit), used_s=used, illustrative=illustrative
    )
    return start(calendar, fresh, at) if clock.since else fresh


def extend(calendar: Calendar, clock: Clock, seconds: int, at: datetime) -> Clock:
    """More time, approved; the used part stays."""
    more = replace(_halt(calendar, clock, at), extended_s=clock.extended_s + seconds)
    return start(calendar, more, at) if clock.since else more


def recompute(calendar: Calendar, clock: Clock) -> Clock:
    """The deadline after a correction of the calendar."""
    if not clock.since:
        return clock
    due = add_seconds(calendar, clock.since, clock.budget_s + clock.extended_s - clock.used_s, clock.unit)
    return replace(clock, due=due, provisional=is_provisional(calendar, clock.since, due, clock.unit))
