"""Working-time clocks against a slow reference that walks minute by minute."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linli.cases import tables
from linli.cases.rules import clock

CAL = tables.calendar()
MINUTE = timedelta(minutes=1)
FIRST = datetime(2025, 12, 25, tzinfo=UTC)
starts = st.integers(0, 60 * 24 * 420).map(lambda minutes: (FIRST + MINUTE * minutes).astimezone(CAL.zone))


def works(at: datetime) -> bool:
    """Written apart from the code under test: half-open minutes, the pack's table read by hand."""
    local = at.astimezone(CAL.zone)
    minute = local.hour * 60 + local.minute
    if not (8 * 60 + 30 <= minute < 12 * 60 or 14 * 60 <= minute < 17 * 60 + 30):
        return False
    exception = EXCEPTIONS.get(local.date().isoformat())
    return exception == "1" if exception else local.weekday() < 5


def exceptions() -> dict[str, str]:
    import csv

    path = Path(__file__).parents[2] / "packs/standard/calendar/days.csv"
    return {r["date"]: r["workday"] for r in csv.DictReader(path.open(encoding="utf-8"))}


EXCEPTIONS = exceptions()


@given(starts, st.integers(1, 60 * 40))
@settings(max_examples=60, deadline=None)
def test_a_deadline_is_where_counting_minutes_ends(start: datetime, minutes: int) -> None:
    due = clock.add_seconds(CAL, start, minutes * 60, "work_hour")
    at, left = start.astimezone(UTC), minutes
    while left:
        left -= works(at)
        at += MINUTE
    assert due == at
    assert clock.elapsed(CAL, start, due, "work_hour") == minutes * 60


@given(starts, st.integers(0, 60 * 24 * 14))
@settings(max_examples=40, deadline=None)
def test_elapsed_counts_the_worked_minutes(start: datetime, length: int) -> None:
    counted = sum(works(start + MINUTE * i) for i in range(length))
    assert clock.elapsed(CAL, start, start + MINUTE * length, "work_hour") == counted * 60


@given(starts, st.lists(st.integers(1, 3000), min_size=1, max_size=6), st.integers(1, 40))
@settings(max_examples=60, deadline=None)
def test_pauses_only_move_the_deadline_by_the_time_they_took(start: datetime, gaps: list[int], limit: int) -> None:
    """Run, pause, run…: what was used is the sum of the running parts, whatever the way it was cut."""
    budget = clock.budget(CAL, limit, "work_hour")
    now, ticking = start, clock.start(CAL, clock.Clock("work_hour", limit, budget), start)
    used = 0
    for i, gap in enumerate(gaps):
        later = now + MINUTE * gap
        if i % 2 == 0:
            used += clock.elapsed(CAL, now, later, "work_hour")
            ticking = clock.pause(CAL, ticking, later)
            assert ticking.due is None and ticking.used_s == used
        else:
            ticking = clock.start(CAL, ticking, later)
        now = later
    if ticking.due is None:
        ticking = clock.start(CAL, ticking, now)
    assert ticking.due == clock.add_seconds(CAL, ticking.since, max(budget - used, 0), "work_hour")
    assert clock.Clock.from_json(ticking.to_json()) == ticking


@pytest.mark.parametrize(
    ("start", "limit", "unit", "due"),
    [
        ("2026-11-23 10:00", 1, "work_day", "2026-11-24 10:00"),
        ("2026-11-20 17:00", 1, "work_hour", "2026-11-23 09:00"),  # Friday evening to Monday
        ("2026-11-23 11:30", 1, "work_hour", "2026-11-23 14:30"),  # over lunch
        ("2026-02-13 10:00", 2, "work_day", "2026-02-24 10:00"),  # the Saturday before the festival is worked
        ("2026-10-09 17:00", 5, "work_hour", "2026-10-10 15:00"),  # a made-up Saturday
        ("2026-11-22 03:00", 2, "urgent_hour", "2026-11-22 05:00"),
        ("2026-11-20 17:00", 7, "calendar_day", "2026-11-27 17:00"),
    ],
)  # fmt: skip
def test_known_deadlines(start: str, limit: float, unit: str, due: str) -> None:
    at = datetime.fromisoformat(start).replace(tzinfo=CAL.zone)
    assert clock.add_limit(CAL, at, limit, unit)[0] == datetime.fromisoformat(due).replace(tzinfo=CAL.zone)


def test_beyond_the_notice_deadlines_are_provisional() -> None:
    at = datetime(2026, 12, 30, 9, tzinfo=CAL.zone)
    assert clock.add_limit(CAL, at, 1, "work_day")[1] is False
    assert clock.add_limit(CAL, at, 5, "work_day")[1] is True
    assert clock.add_limit(CAL, at, 5, "calendar_day")[1] is False


def test_a_day_not_yet_settled_makes_what_goes_over_it_provisional() -> None:
    from dataclasses import replace

    doubtful = replace(CAL, known_until=date.max, provisional_days=frozenset({date(2026, 11, 25)}))
    known = ((23, 1, "work_day", False), (23, 2, "work_day", True), (25, 1, "work_hour", True),
             (26, 3, "work_day", False), (23, 5, "calendar_day", False))  # fmt: skip
    for day, limit, unit, expected in known:
        at = datetime(2026, 11, day, 15, tzinfo=CAL.zone)
        assert clock.add_limit(doubtful, at, limit, unit)[1] is expected, (day, limit, unit)


def test_a_corrected_calendar_moves_the_deadline() -> None:
    from dataclasses import replace

    start = datetime(2027, 1, 29, 9, tzinfo=CAL.zone)
    running = clock.start(CAL, clock.Clock("work_day", 1, clock.budget(CAL, 1, "work_day")), start)
    longer = replace(CAL, days={**CAL.days, date(2027, 1, 30): True})
    assert running.due.astimezone(CAL.zone).date() == date(2027, 2, 1)
    assert clock.recompute(longer, running).due.astimezone(CAL.zone).date() == date(2027, 1, 30)


def test_the_pack_agrees_with_the_recorded_working_days() -> None:
    path = Path(os.environ.get("LINLI_RECORDINGS", "../shared/data")) / "calendar_coords/cn_workdays.csv"
    if not path.exists():
        pytest.skip("the recordings folder (LINLI_RECORDINGS) is absent")
    import csv

    wrong = [r["date"] for r in csv.DictReader(path.open()) if
             CAL.is_workday(date.fromisoformat(r["date"])) != (r["workday"] == "1")]  # fmt: skip
    assert wrong == []
