"""When rules count: windows of the district's days, as instants. Days off and holidays are those of the calendar packs.

Pure but for `district()`, which reads the packs once. What people corrected in the calendar of cases is not known here.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from linli.kernel import packs

NEVER = 1 << 60
FAR = 40  # days; further on nothing is looked for: then it is looked again
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Days:
    """A district's days: those that differ from Monday to Friday, and whether they are worked."""

    zone: ZoneInfo
    known: Mapping[date, bool] = field(default_factory=dict)

    def fits(self, day: date, which: str | list[int]) -> bool:
        if isinstance(which, list):
            return day.isoweekday() in which
        if which == "every":
            return True
        if which == "holiday":
            return self._holiday(day)
        return self.worked(day) == (which == "workday")

    def worked(self, day: date) -> bool:
        return self.known.get(day, day.isoweekday() <= 5)

    def _holiday(self, day: date) -> bool:
        """A day off that hangs together with one that the notice names: the weekend within a long holiday too."""
        for step in (timedelta(days=1), timedelta(days=-1)):
            near = day
            while not self.worked(near):
                if near in self.known:
                    return True
                near += step
        return False

    def at(self, day: date, minutes: int) -> int:
        """A minute of a local day, 24:00 included, as ms UTC."""
        more, rest = divmod(minutes, 24 * 60)
        local = datetime.combine(day + timedelta(days=more), time(rest // 60, rest % 60), self.zone)
        return round(local.timestamp() * 1000)


@lru_cache(maxsize=1)
def district() -> Days:
    """Time zone and days of the packs in force; later packs win. Read once a process."""
    zone, known = "UTC", {}
    for path in packs.files("calendar", (".yaml",)):
        zone = packs.read_yaml(path).get("time_zone", zone)
    for path in packs.files("calendar", (".csv",)):
        if path.stem == "days":
            with path.open(encoding="utf-8-sig", newline="") as source:
                known |= {date.fromisoformat(r["date"]): r["workday"] == "1" for r in csv.DictReader(source)}
    return Days(ZoneInfo(zone), known)


class Windows:
    """`[{"days": "every" | "workday" | "restday" | "holiday" | [1, ..., 7], "from": "22:00", "to": "06:00"}, ...]`; one
    that ends before it begins ends on the next day."""

    def __init__(self, windows: list[dict[str, Any]], days: Days) -> None:
        self.days = days
        self._windows = [(w.get("days", "every"), _minutes(w["from"]), _minutes(w["to"])) for w in windows]
        self._spans: dict[date, list[Span]] = {}

    def open(self, ts: int) -> bool:
        return any(a <= ts < b for a, b in self._near(ts))

    def since(self, ts: int) -> int:
        """When what is open at `ts` opened."""
        while (found := min((a for a, b in self._near(ts) if a <= ts <= b), default=ts)) < ts:
            ts = found
        return ts

    def edge(self, ts: int) -> int:
        """When it opens or closes next, after `ts`; within `FAR` days, or a time at which to look again."""
        day = self._day(ts)
        if not self.open(ts):
            for n in range(-1, FAR):
                if found := [a for a, _ in self._on(day + timedelta(days=n)) if a > ts]:
                    return min(found)
            return ts + FAR * 86_400_000
        end, limit = ts, ts + FAR * 86_400_000
        while end < limit and (found := [b for a, b in self._near(end) if a <= end < b]):
            end = max(found)
        return end

    def _day(self, ts: int) -> date:
        return datetime.fromtimestamp(ts / 1000, UTC).astimezone(self.days.zone).date()

    def _near(self, ts: int) -> list[Span]:
        day = self._day(ts)
        return self._on(day - timedelta(days=1)) + self._on(day)

    def _on(self, day: date) -> list[Span]:
        """Spans that begin on a local day."""
        found = self._spans.get(day)
        if found is None:
            at = self.days.at
            found = self._spans[day] = [
                (at(day, a), at(day, b if b > a else b + 24 * 60))
                for which, a, b in self._windows if self.days.fits(day, which)
            ]  # fmt: skip
            if len(self._spans) > 1000:
                self._spans = {day: found}
        return found


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)
