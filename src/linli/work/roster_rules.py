"""Hours of planned shifts. Pure: days and hours are the district's, results are aware."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta, tzinfo

from linli.work.patrol_rules import window

MOST_WEEKS = 12
WEEK = timedelta(days=7)
STATES = ("draft", "published", "withdrawn")
STANDING = ("draft", "published")


def days(first: date, weekdays: Sequence[int], weeks: int) -> list[date]:
    """The days of a weekly pattern: `weekdays` (1 is Monday; empty: that of `first`) from `first` on, over `weeks`."""
    wanted = set(weekdays) or {first.isoweekday()}
    found = [first + timedelta(days=i) for i in range(7 * weeks)]
    return [day for day in found if day.isoweekday() in wanted]


def monday(day: date) -> date:
    return day - timedelta(days=day.isoweekday() - 1)


def week(day: date, zone: tzinfo) -> tuple[datetime, datetime]:
    """The week in which a day lies, Monday to Monday, as the district's clocks show it."""
    first = monday(day)
    return datetime.combine(first, time(), zone), datetime.combine(first + WEEK, time(), zone)


def moved(start: datetime, end: datetime, weeks: int, zone: tzinfo) -> tuple[datetime, datetime]:
    """The same hours on the clock some weeks later, also when the clocks were changed in between."""
    a, b = start.astimezone(zone), end.astimezone(zone)
    return window(a.date() + weeks * WEEK, a.time(), b.time(), zone)


def overlaps(start: datetime, end: datetime, other_start: datetime, other_end: datetime) -> bool:
    """Whether two spells share a moment; one that begins when the other ends does not."""
    return start < other_end and other_start < end
