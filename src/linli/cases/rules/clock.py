"""Working-time clocks: pure functions over a calendar. All instants are aware; results are UTC.

A limit is counted either on the wall (紧急工作时, 自然日) or in working time (工作时, 工作日). A working day counts as
much working time as an ordinary day has, so that every unit becomes seconds of one of the two ways of counting.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

UNITS = ("urgent_hour", "work_hour", "work_day", "calendar_day")
WALL_UNITS = ("urgent_hour", "calendar_day")
MAX_DAYS = 20_000  # no limit reaches so far; a guard against a calendar without working days


@dataclass(frozen=True, slots=True)
class Calendar:
    """Which local minutes of which days are worked. `windows` are (start, end) minutes of a working day."""

    zone: ZoneInfo
    windows: tuple[tuple[int, int], ...]
    days: Mapping[date, bool] = field(default_factory=dict)  # only the days that differ from Monday–Friday
    provisional_days: frozenset[date] = frozenset()
    known_until: date = date.max
    _spans: dict[date, list[tuple[datetime, datetime]]] = field(
        init=False, default_factory=dict, compare=False, repr=False
    )

    @property
    def day_seconds(self) -> int:
        return sum(end - start for start, end in self.windows) * 60

    def is_workday(self, day: date) -> bool:
        known = self.days.get(day)
        return day.isoweekday() <= 5 if known is None else known

    def spans(self, day: date) -> list[tuple[datetime, datetime]]:
        """The worked spans of a local day as UTC instants, remembered: screens ask for the same days all the time."""
        found = self._spans.get(day)
        if found is None:
            found = self._spans[day] = self._worked(day) if self.is_workday(day) else []
        return found

    def _worked(self, day: date) -> list[tuple[datetime, datetime]]:
        midnight = datetime.combine(day, time(), self.zone)
        return [
            ((midnight + timedelta(minutes=a)).astimezone(UTC), (midnight + timedelta(minutes=b)).astimezone(UTC))
            for a, b in self.windows
        ]


def budget(calendar: Calendar, limit: float, unit: str) -> int:
    """A limit as seconds of its own way of counting."""
    if unit not in UNITS:
        raise ValueError(f"unknown unit {unit}")
    size = {"urgent_hour": 3600, "work_hour": 3600, "calendar_day": 86_400, "work_day": calendar.day_seconds}[unit]
    return round(limit * size)


def elapsed(calendar: Calendar, start: datetime, end: datetime, unit: str) -> int:
    """Counted seconds between two instants."""
    if end <= start:
        return 0
    if unit in WALL_UNITS:
        return int((end - start).total_seconds())
    total = 0.0
    day, last = start.astimezone(calendar.zone).date(), end.astimezone(calendar.zone).date()
    while day <= last:
        for a, b in calendar.spans(day):
            low, high = max(a, start), min(b, end)
            if high > low:
                total += (high - low).total_seconds()
        day += timedelta(days=1)
    return int(total)


def add_seconds(calendar: Calendar, start: datetime, seconds: float, unit: str) -> datetime:
    """The instant at which `seconds` more have been counted from `start`."""
    if unit in WALL_UNITS:
        return start.astimezone(UTC) + timedelta(seconds=max(seconds, 0))
    left, day = float(max(seconds, 0)), start.astimezone(calendar.zone).date()
    for _ in range(MAX_DAYS):
        for a, b in calendar.spans(day):
            low = max(a, start.astimezone(UTC))
            here = (b - low).total_seconds()
            if here > 0 and left <= here:
                return low + timedelta(seconds=left)
            left -= max(here, 0)
        day += timedelta(days=1)
    raise ValueError("the calendar has no working days")


def is_provisional(calendar: Calendar, start: datetime, due: datetime, unit: str) -> bool:
    """Whether the way to `due` goes over days that are not settled yet."""
    if unit in WALL_UNITS:
        return False
    first, last = start.astimezone(calendar.zone).date(), due.astimezone(calendar.zone).date()
    return last > calendar.known_until or any(first <= day <= last for day in calendar.provisional_days)


def add_limit(calendar: Calendar, start: datetime, limit: float, unit: str) -> tuple[datetime, bool]:
    """(due instant, provisional) of a limit that starts now."""
    due = add_seconds(calendar, start, budget(calendar, limit, unit), unit)
    return due, is_provisional(calendar, start, due, unit)


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
