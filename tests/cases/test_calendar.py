"""Working time against a reference that walks minute by minute: 调休 years, half-days, lunch, teams, set clocks."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linli.cases import calendars, tables
from linli.cases.rules import calendar as rule
from linli.cases.rules.calendar import Calendar, Windows

MINUTE = timedelta(minutes=1)
OFFICE: Windows = ((8 * 60 + 30, 12 * 60), (14 * 60, 17 * 60 + 30))
NIGHT: Windows = ((0, 3 * 60 + 30), (22 * 60, 24 * 60))  # the hours in which zones set their clocks
NOTICE = Path(__file__).parents[2] / "packs/standard/calendar/days.csv"


@dataclass(frozen=True)
class Truth:
    """The same rules told apart from the code under test: is this minute worked?"""

    zone: ZoneInfo
    windows: Windows
    days: Mapping[str, bool]
    half: Mapping[str, Windows]
    weekend: Windows = ()

    def works(self, at: datetime) -> bool:
        local = at.astimezone(self.zone)
        day = local.date().isoformat()
        if day in self.half:
            spans = self.half[day]
        elif day in self.days:
            spans = self.windows if self.days[day] else ()
        else:
            spans = self.windows if local.weekday() < 5 else self.weekend if local.weekday() == 5 else ()
        minute = local.hour * 60 + local.minute
        return any(a <= minute < b for a, b in spans)


def notice() -> dict[str, bool]:
    with NOTICE.open(encoding="utf-8") as source:
        return {r["date"]: r["workday"] == "1" for r in csv.DictReader(source)}


HALF = {f"{year}-{day}": ((8 * 60 + 30, 12 * 60),) for year in range(2018, 2028) for day in ("02-03", "12-31")}


def pair(zone: str, windows: Windows, weekend: Windows = ()) -> tuple[Calendar, Truth]:
    days = notice()
    found = Calendar(
        zone=ZoneInfo(zone), windows=windows, days={date.fromisoformat(d): w for d, w in days.items()},
        hours={date.fromisoformat(d): w for d, w in HALF.items()}, weekly={6: weekend} if weekend else {},
    )  # fmt: skip
    return found, Truth(ZoneInfo(zone), windows, days, HALF, weekend)


PAIRS = {
    "office in Hefei": pair("Asia/Shanghai", OFFICE),
    "with Saturday mornings": pair("Asia/Shanghai", OFFICE, ((9 * 60, 11 * 60),)),
    "office in New York": pair("America/New_York", OFFICE),
    "nights in New York": pair("America/New_York", NIGHT, NIGHT),
    "nights where midnight is left out": pair("America/Santiago", NIGHT, NIGHT),
    "half an hour at Lord Howe": pair("Australia/Lord_Howe", NIGHT, NIGHT),
    "around the clock": pair("Europe/Berlin", ((0, 24 * 60),), ((0, 24 * 60),)),
}
FIRST = {year: datetime(year, 1, 1, tzinfo=UTC) for year in range(2018, 2027)}
CHANGES = [datetime(2025, 3, 9, tzinfo=UTC), datetime(2025, 11, 2, tzinfo=UTC), datetime(2025, 4, 6, tzinfo=UTC),
           datetime(2025, 9, 7, tzinfo=UTC), datetime(2025, 10, 5, tzinfo=UTC), datetime(2025, 3, 30, tzinfo=UTC),
           datetime(2025, 10, 26, tzinfo=UTC), datetime(2025, 1, 27, tzinfo=UTC)]  # fmt: skip
anywhere = st.builds(lambda year, m: FIRST[year] + MINUTE * m, st.sampled_from(sorted(FIRST)), st.integers(0, 525_000))
near_a_change = st.builds(lambda at, m: at + MINUTE * m, st.sampled_from(CHANGES), st.integers(-2000, 2000))
starts = st.one_of(anywhere, near_a_change)


def walk(truth: Truth, start: datetime, minutes: int) -> datetime:
    """The instant after so many worked minutes, one by one."""
    at = start
    while minutes:
        minutes -= truth.works(at)
        at += MINUTE
    return at


def a_deadline_is_where_counting_ends(name: str, start: datetime, minutes: int) -> None:
    calendar, truth = PAIRS[name]
    due = rule.add_seconds(calendar, start, minutes * 60, "work_hour")
    assert due == walk(truth, start, minutes)
    assert rule.elapsed(calendar, start, due, "work_hour") == minutes * 60
    opened = rule.next_open(calendar, start)
    assert truth.works(opened) and opened >= start
    assert opened == start if truth.works(start) else not truth.works(opened - MINUTE)


@given(st.sampled_from(sorted(PAIRS)), starts, st.integers(1, 2000))
@settings(max_examples=300, deadline=None)
def test_a_deadline_is_where_counting_minutes_ends(name: str, start: datetime, minutes: int) -> None:
    a_deadline_is_where_counting_ends(name, start, minutes)


@pytest.mark.slow
@given(st.sampled_from(sorted(PAIRS)), starts, st.integers(1, 12_000))
@settings(max_examples=2500, deadline=None)
def test_a_deadline_is_where_counting_minutes_ends_at_length(name: str, start: datetime, minutes: int) -> None:
    a_deadline_is_where_counting_ends(name, start, minutes)


@given(st.sampled_from(sorted(PAIRS)), starts, st.integers(0, 20_000))
@settings(max_examples=60, deadline=None)
def test_elapsed_counts_the_worked_minutes(name: str, start: datetime, length: int) -> None:
    calendar, truth = PAIRS[name]
    counted = sum(truth.works(start + MINUTE * i) for i in range(length))
    assert rule.elapsed(calendar, start, start + MINUTE * length, "work_hour") == counted * 60


@given(st.sampled_from(sorted(PAIRS)), starts, st.sampled_from(rule.UNITS), st.floats(0.25, 15))
@settings(max_examples=150, deadline=None)
def test_every_unit_gives_back_what_was_put_in(name: str, start: datetime, unit: str, limit: float) -> None:
    calendar, _ = PAIRS[name]
    due, _ = rule.add_limit(calendar, start, limit, unit)
    assert rule.elapsed(calendar, start, due, unit) == rule.budget(calendar, limit, unit)
    if unit in rule.WALL_UNITS:  # day and night, whatever day it is
        assert (due - start).total_seconds() == rule.budget(calendar, limit, unit)


def test_the_clocks_of_new_york_are_set_within_working_hours() -> None:
    calendar, _ = PAIRS["nights in New York"]
    spring, autumn, plain = date(2025, 3, 8), date(2025, 11, 1), date(2025, 6, 7)  # Saturdays, worked by night

    def worked(day: date) -> float:
        return sum((b - a).total_seconds() for a, b in calendar.spans(day)) / 3600

    assert worked(plain) == 5.5 and worked(spring) == 5.5 and worked(autumn) == 5.5
    sunday = Calendar(zone=calendar.zone, windows=NIGHT, weekly=dict.fromkeys(range(1, 8), NIGHT))
    assert sum((b - a).total_seconds() for a, b in sunday.spans(date(2025, 3, 9))) / 3600 == 4.5  # 02–03 is left out
    assert sum((b - a).total_seconds() for a, b in sunday.spans(date(2025, 11, 2))) / 3600 == 6.5  # 01–02 comes twice


@pytest.mark.parametrize(
    ("limit", "unit", "due"),
    [(2, "urgent_hour", "2025-10-11 11:00"), (2, "work_hour", "2025-10-11 11:00"), (8, "work_hour", "2025-10-13 10:00"),
     (1, "work_day", "2025-10-13 09:00"), (1, "calendar_day", "2025-10-12 09:00"),
     (24, "urgent_hour", "2025-10-12 09:00")],
)  # fmt: skip
def test_each_kind_of_limit_from_a_made_up_saturday(limit: float, unit: str, due: str) -> None:
    calendar = tables.calendar()  # 11 October 2025, a Saturday, is worked for the holiday before it
    at = datetime(2025, 10, 11, 9, tzinfo=calendar.zone)
    assert rule.add_limit(calendar, at, limit, unit)[0] == datetime.fromisoformat(due).replace(tzinfo=calendar.zone)


def test_hours_that_overlap_or_cross_midnight_are_refused() -> None:
    for wrong in (((600, 500),), ((0, 600), (500, 700)), ((1320, 1500),)):
        with pytest.raises(ValueError, match="hours"):
            rule.checked(wrong, "hours")


def test_a_team_with_hours_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {**calendars.settings(), "teams": [{"kind": "pump", "every_day": True, "hours": [["00:00", "24:00"]]},
                                              {"team": "P-07", "hours": [["07:00", "11:00"]]}]}  # fmt: skip
    monkeypatch.setattr(calendars, "settings", lambda: said)
    calendars.forget()
    try:
        book = calendars.book()
        pump, other = calendars.of_team(book, "pump", "P-02"), calendars.of_team(book, "patrol", "P-07")
        assert pump and other and calendars.of_team(book, "patrol", "P-08") is None
        assert pump.is_workday(date(2026, 1, 1)) and pump.day_seconds == 86_400 and pump.known_until == date.max
        assert not other.is_workday(date(2026, 1, 1)) and other.day_seconds == 4 * 3600
        assert calendars.of_team(book, "pump", "P-07") is other  # the team's own row is nearer than its kind's
    finally:
        calendars.forget()


def test_a_correction_says_all_about_its_year_and_settles_it() -> None:
    before = calendars._book(b"")
    fresh = b"date,workday,hours,zh,en,source\n2027-01-01,0,,,,x\n2027-01-30,1,,,,x\n2027-02-05,1,08:30-12:00,,,x\n"
    after = calendars._book(fresh).district
    assert before.district.known_until == date(2026, 12, 31) and after.known_until == date(2027, 12, 31)
    assert after.is_workday(date(2027, 1, 30)) and after.windows_on(date(2027, 2, 5)) == ((510, 720),)
    assert not [d for d in after.provisional_days if d.year == 2027]
    assert [d for d in after.days if d.year == 2026] == [d for d in before.district.days if d.year == 2026]
    assert calendars.written(calendars.parse(fresh)) == fresh
