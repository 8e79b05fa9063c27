"""When a point is due, and how well a plan was kept. Pure: times are aware, hours are the district's.

By point and grid, never by person.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from math import ceil, cos, hypot, radians

KINDS = ("round", "school", "joint")
SLACK_M = 60.0  # how much of a phone's own error is forgiven


@dataclass(frozen=True, slots=True)
class Kept:
    """Of `due` spells that have begun, `done` had a sign-on. `open` says that the spell of now has none yet."""

    due: int
    done: int
    open: bool = False


def window(day: date, begins: time, ends: time, zone: tzinfo) -> tuple[datetime, datetime]:
    """The hours of a plan on a day; one that ends before it begins goes past midnight."""
    start = datetime.combine(day, begins, zone)
    end = datetime.combine(day, ends, zone)
    return start, end if end > start else end + timedelta(days=1)


def runs_on(weekdays: Sequence[int], day: date) -> bool:
    return not weekdays or day.isoweekday() in weekdays


def kept(
    start: datetime, end: datetime, every: timedelta, visits: Sequence[datetime], now: datetime,
    since: datetime | None = None,
) -> Kept:  # fmt: skip
    """The window cut into spells of `every`: each that is over needs a sign-on; the one of now may still get it.

    Spells that were over before `since`, when the plan was made, ask for nothing.
    """
    times, due, done, waits = sorted(visits), 0, 0, False
    for i in range(max(ceil((end - start) / every), 0)):
        first, last = start + i * every, min(start + (i + 1) * every, end)
        if first > now:
            break
        if since is not None and last <= since:
            continue
        place = bisect_left(times, first)
        was = place < len(times) and times[place] < last
        if last > now and not was:
            waits = True
            break
        due, done = due + 1, done + was
    return Kept(due, done, waits)


def metres(lon: float, lat: float, lon2: float, lat2: float) -> float:
    """Flat distance: good to a per mille over the few hundred metres that matter here."""
    return 111_320 * hypot((lon2 - lon) * cos(radians(lat)), lat2 - lat)


def is_there(far: float, radius: float, accuracy: float | None) -> bool:
    return far <= radius + min(accuracy or 0.0, SLACK_M)
