"""What happens to cases without anybody acting: a corrected calendar, a boundary that moves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime

import pytest
import time_machine
from tests.cases.conftest import Desk
from tests.cases.test_flow import act, report

from linli.cases import jobs, tables
from linli.cases.models import Case
from linli.places.services import rehoming

pytestmark = pytest.mark.django_db
FRIDAY = datetime(2027, 1, 29, 15, tzinfo=tables.calendar().zone)


@pytest.fixture
def corrected(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The State Council's notice makes Saturday 30 January 2027 a working day."""
    known = tables.calendar()
    fresh = replace(known, days={**known.days, date(2027, 1, 30): True}, known_until=date(2027, 12, 31))
    monkeypatch.setattr(tables, "forget", lambda: monkeypatch.setattr(tables, "calendar", lambda: fresh))
    yield


def test_a_corrected_calendar_moves_open_deadlines_and_ends_being_provisional(desk: Desk, corrected: None) -> None:
    with time_machine.travel(FRIDAY, tick=False):
        case_id = report(desk, class_code="200102")["id"]  # one working day, from a source
        act(desk.client("dispatcher"), case_id, "dispatch", team=str(desk.pump))
    before = Case.objects.get(pk=case_id)
    zone = tables.calendar().zone
    assert before.due_at.astimezone(zone) == datetime(2027, 2, 1, 15, tzinfo=zone)
    assert before.clocks["handle"]["provisional"] is True
    jobs.recompute_deadlines()
    after = Case.objects.get(pk=case_id)
    assert after.due_at.astimezone(zone) == datetime(2027, 1, 30, 15, tzinfo=zone)
    assert after.handle_due_at == after.due_at and after.clocks["handle"]["provisional"] is False


def test_a_calendar_that_only_settles_a_day_ends_being_provisional(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline stays where it was, and the case says no longer that it may move."""
    known = tables.calendar()
    settled = replace(known, known_until=date(2027, 12, 31), provisional_days=frozenset())
    with time_machine.travel(FRIDAY, tick=False):
        case_id = report(desk, class_code="200102")["id"]
        act(desk.client("dispatcher"), case_id, "dispatch", team=str(desk.pump))
    before = Case.objects.get(pk=case_id)
    monkeypatch.setattr(tables, "forget", lambda: monkeypatch.setattr(tables, "calendar", lambda: settled))
    jobs.recompute_deadlines()
    after = Case.objects.get(pk=case_id)
    assert before.clocks["handle"]["provisional"] and not after.clocks["handle"]["provisional"]
    assert after.due_at == before.due_at


def test_open_cases_move_with_their_grid() -> None:
    assert rehoming.TABLES["cases.case"].table == "cases_case"
    assert "closed_at IS NULL" in rehoming.TABLES["cases.case"].where


def test_suspending_takes_the_deadline_away_and_gives_the_rest_back(desk: Desk) -> None:
    monday = datetime(2026, 11, 23, 9, tzinfo=tables.calendar().zone)
    lead = desk.account("duty_lead")
    from tests.identity.accounts import client_for

    with time_machine.travel(monday, tick=False):
        case_id = report(desk, class_code="200104")["id"]  # five working hours
        act(desk.client("dispatcher"), case_id, "dispatch", team=str(desk.pump))
    with time_machine.travel(monday.replace(hour=11), tick=False):
        assert (
            act(client_for(lead), case_id, "suspend", reason="等材料", recheck="2026-12-01").json()["state"]
            == "suspended"
        )
    stood = Case.objects.get(pk=case_id)
    assert stood.due_at is None and stood.clocks["handle"]["used_s"] == 2 * 3600
    with time_machine.travel(monday.replace(day=25, hour=14), tick=False):
        got = act(client_for(lead), case_id, "resume").json()["case"]
    assert got["due_at"] == "2026-11-25T09:00:00+00:00"  # three hours of the afternoon are left
    with time_machine.travel(monday.replace(day=25, hour=15), tick=False):
        act(client_for(lead), case_id, "extend", reason="雨天", hours=1)
    assert Case.objects.get(pk=case_id).due_at.isoformat() == "2026-11-26T01:00:00+00:00"
