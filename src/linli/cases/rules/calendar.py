"""Working time: which minutes of which days count, and the instant at which so much of it has passed.

Pure. All instants are aware; results are UTC. A limit is counted either on the wall (紧急工作时 and 自然日, day and
night) or in working time (工作时, 工作日). A working day counts as much working time as an ordinary day has, so that
every unit becomes seconds of one of the two ways of counting. A calendar day is 24 hours, whatever a zone's clocks do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

UNITS = ("urgent_hour", "work_hour", "work_day", "calendar_day")
WALL_UNITS = ("urgent_hour", "calendar_day")
MAX_DAYS = 20_000  # no limit reaches so far; a guard against a calendar without working days
MINUTES = 24 * 60
Windows = tuple[tuple[int, int], ...]
Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Calendar:
    """Which local minutes of which days are worked. `windows` are (start, end) minutes of a working day."""

    zone: ZoneInfo
    windows: Windows
    days: Mapping[date, bool] = field(default_factory=dict)  # only the days that differ from the week's rule
    provisional_days: frozenset[date] = frozenset()
    known_until: date = date.max
    weekly: Mapping[int, Windows] = field(default_factory=dict)  # ISO weekdays with hours of their own
    hours: Mapping[date, Windows] = field(default_factory=dict)  # single days with hours of their own: half-days
    _spans: dict[date, list[Span]] = field(init=False, default_factory=dict, compare=False, repr=False)
    _seconds: dict[date, float] = field(init=False, default_factory=dict, compare=False, repr=False)

    @property
    def day_seconds(self) -> int:
        """What a limit of one working day is worth: an ordinary day, also where the day itself is shorter."""
        return sum(end - start for start, end in self.windows) * 60

    def windows_on(self, day: date) -> Windows:
        """The worked minutes of a day: its own hours, else what the notice says, else the week's rule."""
        if (own := self.hours.get(day)) is not None:
            return own
        known, weekday = self.days.get(day), day.isoweekday()
        if known is not None:
            return self.windows if known else ()
        if weekday in self.weekly:
            return self.weekly[weekday]
        return self.windows if weekday <= 5 else ()

    def is_workday(self, day: date) -> bool:
        return bool(self.windows_on(day))

    def spans(self, day: date) -> list[Span]:
        """The worked spans of a local day as UTC instants, remembered: screens ask for the same days all the time."""
        found = self._spans.get(day)
        if found is None:
            found = self._spans[day] = _worked(self.zone, day, self.windows_on(day))
        return found

    def seconds(self, day: date) -> float:
        """How long a local day is worked, remembered: a case may have waited for a thousand days."""
        found = self._seconds.get(day)
        if found is None:
            found = self._seconds[day] = sum((b - a).total_seconds() for a, b in self.spans(day))
        return found


def checked(windows: Iterable[tuple[int, int]], where: str) -> Windows:
    """Windows in order, within one day and apart; a shift over midnight is two windows."""
    found, last = tuple(windows), 0
    for start, end in found:
        if not last <= start < end <= MINUTES:
            raise ValueError(f"{where}: hours are spans of one day, in order and apart: {start // 60}:{start % 60:02}")
        last = end
    return found


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()


def _pieces(zone: ZoneInfo, day: date) -> list[tuple[datetime, datetime, timedelta]]:
    """The local day as UTC spans of one offset each: one, or two when the clocks are set on that day."""
    first = datetime.combine(day, time(), zone).astimezone(UTC)
    last = datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)
    before, after = _offset(zone, first), _offset(zone, last - timedelta(microseconds=1))
    if before == after:
        return [(first, last, before)]
    low, high = first, last  # the change lies in (low, high]
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        low, high = (middle, high) if _offset(zone, middle) == before else (low, middle)
    return [(first, high, before), (high, last, after)]


def _worked(zone: ZoneInfo, day: date, windows: Windows) -> list[Span]:
    """Spans in which the clock on the wall stands within a window: exact also on days when the clocks are set."""
    if not windows:
        return []
    found, midnight = [], datetime.combine(day, time(), UTC)
    for first, last, offset in _pieces(zone, day):
        for a, b in windows:
            low = max(first, midnight + timedelta(minutes=a) - offset)
            high = min(last, midnight + timedelta(minutes=b) - offset)
            if low < high:
                found.append((low, high))
    return found


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
    first, last = start.astimezone(calendar.zone).date(), end.astimezone(calendar.zone).date()
    total = 0.0
    for day in {first, last}:
        for a, b in calendar.spans(day):
            low, high = max(a, start), min(b, end)
            if high > low:
                total += (high - low).total_seconds()
    for number in range(first.toordinal() + 1, last.toordinal()):
        total += calendar.seconds(date.fromordinal(number))
    return int(total)


def add_seconds(calendar: Calendar, start: datetime, seconds: float, unit: str) -> datetime:
    """The instant at which `seconds` more have been counted from `start`: one step a day, however long the limit."""
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


def back_seconds(calendar: Calendar, end: datetime, seconds: float, unit: str) -> datetime:
    """The latest instant from which `seconds` have been counted until `end`: the other way round of `add_seconds`."""
    if unit in WALL_UNITS:
        return end.astimezone(UTC) - timedelta(seconds=max(seconds, 0))
    left, day = float(max(seconds, 0)), end.astimezone(calendar.zone).date()
    for _ in range(MAX_DAYS):
        for a, b in reversed(calendar.spans(day)):
            high = min(b, end.astimezone(UTC))
            here = (high - a).total_seconds()
            if here > 0 and left <= here:
                return high - timedelta(seconds=left)
            left -= max(here, 0)
        day -= timedelta(days=1)
    raise ValueError("the calendar has no working days")


def next_open(calendar: Calendar, at: datetime) -> datetime:
    """`at` itself when it is worked, else the beginning of the next span that is."""
    return add_seconds(calendar, at, 0, "work_hour")


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
