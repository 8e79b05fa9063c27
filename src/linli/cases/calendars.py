"""The district's calendar as packs and corrections give it, and those of teams with hours of their own.

A correction (`linli calendar apply`) is the notice of one year. It is kept in the store of files, which all processes
and machines of a district share, and is looked at again every half minute.
"""

from __future__ import annotations

import csv
import io
import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from linli.cases.rules.calendar import Calendar, Windows, checked
from linli.kernel import packs, storage
from linli.kernel.errors import FieldError, Invalid

KEY = "calendar/corrections.csv"
HEADERS = ("date", "workday", "hours", "zh", "en", "source")
LOOK_AGAIN_S = 30.0
log = logging.getLogger("linli.cases")
_seen: tuple[float, bytes] | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """A day that differs: worked or not, hours of its own, its name and where that is said."""

    date: date
    workday: bool
    zh: str
    en: str
    provisional: bool
    source: str
    hours: Windows | None = None


@dataclass(frozen=True, slots=True)
class Book:
    """All calendars: the district's, and those of teams by `kind:pump` or `team:P-02`."""

    district: Calendar
    teams: Mapping[str, Calendar]
    days: tuple[Day, ...]


def minutes(text: str) -> int:
    hours, rest = text.strip().split(":")
    return int(hours) * 60 + int(rest)


def windows(pairs: Iterable[Iterable[str]], where: str) -> Windows:
    return checked(((minutes(a), minutes(b)) for a, b in pairs), where)


def _hours(text: str, where: str) -> Windows | None:
    """`08:30-12:00 14:00-17:30`; empty: as usual."""
    return windows((part.split("-") for part in text.split()), where) if text.strip() else None


def day_of(row: Mapping[str, str]) -> Day:
    day = date.fromisoformat(row["date"])
    return Day(day, row["workday"] == "1", row["zh"], row["en"], row.get("provisional") == "1", row["source"],
               _hours(row.get("hours") or "", row["date"]))  # fmt: skip


def _pack_days() -> Iterator[Day]:
    for path in packs.files("calendar", (".csv",)):
        if path.stem == "days":
            with path.open(encoding="utf-8-sig", newline="") as source:
                yield from map(day_of, csv.DictReader(source))


def settings() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path in packs.files("calendar", (".yaml",)):
        found.update(packs.read_yaml(path))
    return found


def corrections() -> bytes:
    """The corrections of this district, as they were at most half a minute ago."""
    global _seen
    if _seen is None or _seen[0] < time.monotonic():
        try:
            found = storage.store().get(KEY)
        except storage.Missing:
            found = b""
        except Exception:  # a store that is away must not stop the clocks: as it was, or as packs say
            log.exception("the corrections of the calendar cannot be read")
            found = _seen[1] if _seen else b""
        _seen = time.monotonic() + LOOK_AGAIN_S, found
    return _seen[1]


def parse(data: bytes) -> list[Day]:
    """The days of corrections or of a notice; a mistake names its line."""
    found, errors = [], []
    reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig")))
    if data.strip() and (missing := {"date", "workday"} - set(reader.fieldnames or ())):
        raise Invalid("file", f"has no column {', '.join(sorted(missing))}")
    for number, row in enumerate(reader, 2):
        try:
            if row["workday"] not in ("0", "1"):
                raise ValueError("workday is 0 or 1")
            found.append(day_of({**{k: row.get(k) or "" for k in HEADERS}, "provisional": "0"}))
        except (ValueError, TypeError) as error:
            errors.append(FieldError(f"line {number}", str(error)))
    if errors:
        raise Invalid(errors=errors)
    return found


def book() -> Book:
    return _book(corrections())


@lru_cache(maxsize=2)
def _book(corrected: bytes) -> Book:
    said = settings()
    known: date = said.get("known_until", date.max)
    days: dict[date, Day] = {d.date: d for d in _pack_days()}
    fresh = parse(corrected)
    for year in sorted({d.date.year for d in fresh}):  # a notice is the whole truth about its year
        days = {day: d for day, d in days.items() if day.year != year}
        if known.year >= year - 1:
            known = max(known, date(year, 12, 31))
    days |= {d.date: d for d in fresh}
    district = Calendar(
        zone=ZoneInfo(said["time_zone"]), windows=windows(said["hours"], "hours"),
        days={day: d.workday for day, d in days.items()},
        provisional_days=frozenset(day for day, d in days.items() if d.provisional), known_until=known,
        weekly={int(k): windows(v, f"weekly {k}") for k, v in (said.get("weekly") or {}).items()},
        hours={day: d.hours for day, d in days.items() if d.workday and d.hours is not None},
    )  # fmt: skip
    teams = {_key(row): _team(district, row) for row in said.get("teams") or ()}
    return Book(district, teams, tuple(sorted(days.values(), key=lambda d: d.date)))


def _key(row: Mapping[str, Any]) -> str:
    return f"team:{row['team']}" if row.get("team") else f"kind:{row['kind']}"


def _team(district: Calendar, row: Mapping[str, Any]) -> Calendar:
    """The district's calendar with a team's own hours; `every_day`: weekends and holidays as well."""
    own = windows(row["hours"], _key(row))
    if not row.get("every_day"):
        return replace(district, windows=own, hours={}, weekly={})
    return replace(district, windows=own, days={}, hours={}, provisional_days=frozenset(), known_until=date.max,
                   weekly=dict.fromkeys(range(1, 8), own))  # fmt: skip


def of_team(found: Book, kind: str, code: str) -> Calendar | None:
    """A team's own calendar: by its code, else by its kind; None when it works as the district does."""
    return found.teams.get(f"team:{code}") or found.teams.get(f"kind:{kind}")


def forget() -> None:
    global _seen
    _seen = None
    _book.cache_clear()


def written(days: Iterable[Day]) -> bytes:
    """Days as the file of corrections."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADERS)
    for day in sorted(days, key=lambda d: d.date):
        spans = " ".join(f"{clock_text(a)}-{clock_text(b)}" for a, b in day.hours or ())
        writer.writerow([day.date.isoformat(), int(day.workday), spans, day.zh, day.en, day.source])
    return out.getvalue().encode()


def clock_text(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
