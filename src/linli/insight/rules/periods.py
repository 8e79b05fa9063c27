"""Periods of the district's own days: both ends belong to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

NAMES = ("day", "week", "month", "quarter", "year")
MAX_DAYS = 800


@dataclass(frozen=True, slots=True)
class Period:
    start: date
    end: date

    @property
    def days(self) -> int:
        return (self.end - self.start).days + 1


def of(name: str, day: date) -> Period:
    """The day, week (from Monday), month, quarter or year in which `day` lies."""
    if name == "week":
        monday = day - timedelta(days=day.weekday())
        return Period(monday, monday + timedelta(days=6))
    if name == "month":
        return Period(day.replace(day=1), _month_end(day))
    if name == "quarter":
        first = date(day.year, 3 * ((day.month - 1) // 3) + 1, 1)
        return Period(first, _month_end(date(day.year, first.month + 2, 1)))
    if name == "year":
        return Period(date(day.year, 1, 1), date(day.year, 12, 31))
    return Period(day, day)


def _month_end(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)


def before(period: Period, name: str = "") -> Period:
    """The period before: of the same name, or as many days."""
    last = period.start - timedelta(days=1)
    return of(name, last) if name in NAMES else Period(last - timedelta(days=period.days - 1), last)


def up_to(period: Period, previous: Period, today: date) -> Period:
    """As much of the previous period as has passed of this one: half a week is compared with half a week."""
    if today >= period.end or today < period.start:
        return previous
    end = previous.start + (today - period.start)
    return Period(previous.start, min(end, previous.end))
