"""Figures that open their rows: pressing, due soon; what was closed in time today and on the same weekdays before."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.cases.conftest import NORTH, Desk
from tests.cases.test_flow import CASES, dispatched, report

from linli.cases.models import Case
from linli.kernel import clock

pytestmark = pytest.mark.django_db


def ids(client: Any, query: str) -> set[str]:
    return {one["id"] for one in client.get(f"{CASES}?{query}").json()["items"]}


def test_pressing_and_soon_count_exactly_their_rows(desk: Desk) -> None:
    now, client = clock.now(), desk.client("dispatcher")
    due = {"late": -1, "near": 1, "far": 3}
    made = {(name, urgent): report(desk, urgent=urgent)["id"] for name in due for urgent in (False, True)}
    made |= {("none", False): report(desk)["id"], ("closed", True): report(desk, urgent=True)["id"]}
    for (name, _), case_id in made.items():
        at = now + timedelta(hours=due[name]) if name in due else None
        Case.objects.filter(pk=case_id).update(due_at=at)
    Case.objects.filter(pk=made["closed", True]).update(closed_at=now, state="closed", due_at=now - timedelta(hours=1))
    pressing = {made[key] for key in (("late", False), ("late", True), ("near", True), ("far", True))}
    assert ids(client, "pressing=true") == pressing
    assert ids(client, "soon=true") == {made["near", False]}
    counts = client.get(f"{CASES}/counts").json()
    assert (counts["pressing"], counts["soon"], counts["urgent"], counts["overdue"]) == (4, 1, 3, 2)
    assert client.get(f"{CASES}/counts?area={NORTH}.x").json()["pressing"] == 0


def closed(desk: Desk, at: Any, *, late: bool = False, state: str = "closed") -> None:
    case_id = report(desk)["id"]
    Case.objects.filter(pk=case_id).update(
        state=state, closed_at=at, created_at=at - timedelta(days=20), finished_at=at,
        handle_due_at=at + timedelta(hours=-1 if late else 1),
    )  # fmt: skip


def test_on_time_compares_like_with_like(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    noon = clock.now().replace(hour=4, minute=0, second=0, microsecond=0)  # 12:00 in the district's zone
    if noon > clock.now():  # yesterday's: a session of now would be too old by then
        noon -= timedelta(days=1)
    monkeypatch.setattr(clock, "now", lambda: noon)
    client, hour, week = desk.client("dispatcher"), timedelta(hours=1), timedelta(weeks=1)
    closed(desk, noon - hour)
    closed(desk, noon - 2 * hour, late=True)
    closed(desk, noon - 13 * hour)  # yesterday
    closed(desk, noon - hour, state="rejected")  # never worked on
    closed(desk, noon - week - hour)
    closed(desk, noon - 4 * week - hour, late=True)
    closed(desk, noon - 3 * week - 11 * hour)
    closed(desk, noon - week + hour)  # later that day than it is now
    closed(desk, noon - 5 * week - hour)  # too long ago
    found = client.get(f"{CASES}/on-time").json()
    assert found["today"] == {"closed": 2, "on_time": 1}
    assert found["before"] == {"closed": 3, "on_time": 2}
    counts = client.get(f"{CASES}/counts").json()
    assert (counts["closed_today"], counts["closed_on_time_today"]) == (2, 1), "the same figure"
    assert client.get(f"{CASES}/on-time?area={NORTH}.x").json()["before"] == {"closed": 0, "on_time": 0}


def test_a_list_says_of_the_limit_it_shows_whether_it_has_a_source(desk: Desk) -> None:
    client = desk.client("dispatcher")
    waiting = report(desk, class_code="200102")["id"]
    worked = dispatched(desk, class_code="200102")
    rows = {one["id"]: one for one in client.get(CASES).json()["items"]}
    for case_id in (waiting, worked):
        one = client.get(f"{CASES}/{case_id}").json()
        (running,) = [clock for clock in one["clocks"] if clock["running"]]
        assert running["due_at"][:19] == rows[case_id]["due_at"][:19]
        assert rows[case_id]["illustrative"] is one["illustrative"] is running["illustrative"]
    assert rows[waiting]["illustrative"] is True, "no source says how soon a report must be accepted"
    assert rows[worked]["illustrative"] is False
