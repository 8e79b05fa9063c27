"""Many at once: one winner, numbers without doubles, one case for alarms of one moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, connections
from tests.cases.conftest import IN_NORTH, NORTH, D, Desk, make_district
from tests.cases.test_signals import alarm

from linli.cases import tables
from linli.cases.contracts import NewCase
from linli.cases.models import Case
from linli.cases.services import act, alarms, claims, intake
from linli.kernel.actor import SYSTEM
from linli.kernel.errors import Conflict

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def town(transactional_db: None) -> Desk:
    return make_district()


def together(*jobs: Callable[[], Any]) -> list[Any]:
    def run(job: Callable[[], Any]) -> Any:
        try:
            return job()
        except Conflict as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs))


def new(text: str = "x") -> NewCase:
    return NewCase(channel="staff", text=text, lon=IN_NORTH[0], lat=IN_NORTH[1], class_code="200406")


def test_of_eight_at_once_one_wins_and_seven_are_told(town: Desk) -> None:
    case_id = intake.create_case(actor=SYSTEM, new=new()).case_id
    people = [town.actor("intake", f"{NORTH}") for _ in range(1)] * 4 + [town.actor("duty_lead", NORTH)] * 4
    found = together(*[lambda p=p: act.act(actor=p, case_id=case_id, action="accept", version=1) for p in people])
    assert Counter(type(f).__name__ for f in found) == {"Done": 1, "Conflict": 7}
    assert Case.objects.get(pk=case_id).version == 2


def test_of_claims_at_once_one_holds(town: Desk) -> None:
    case_id = intake.create_case(actor=SYSTEM, new=new()).case_id
    people = [town.actor(r, NORTH) for r in ("intake", "duty_lead", "dispatcher")]
    found = together(*[lambda p=p: claims.claim(actor=p, case_id=case_id) for p in people])
    assert Counter(type(f).__name__ for f in found) == {"Done": 1, "Conflict": 2}


def test_numbers_are_never_doubled_also_in_the_first_moment_of_a_month(town: Desk) -> None:
    with connection.cursor() as db:
        db.execute("SELECT sequencename FROM pg_sequences WHERE sequencename LIKE 'cases_number_%'")
        for (name,) in db.fetchall():
            db.execute(f'DROP SEQUENCE "{name}"')
    found = together(*[lambda i=i: intake.create_case(actor=SYSTEM, new=new(str(i))).number for i in range(12)])
    assert len(set(found)) == 12 and all(isinstance(n, str) for n in found)


def test_alarms_of_one_moment_make_one_case(town: Desk) -> None:
    data = [alarm(i) for i in range(6)]
    together(*[lambda d=d: alarms.alarm_raised(d) for d in data])
    assert list(Case.objects.values_list("signal_count", flat=True)) == [6]


def test_the_same_draft_sent_twice_at_once_is_one_case(town: Desk) -> None:
    key = str(uuid4())
    found = together(*[lambda: intake.create_once(actor=SYSTEM, new=new(), key=key) for _ in range(4)])
    assert len({r.case_id for r in found}) == 1 and Case.objects.count() == 1


def both(
    town: Desk, case_id: Any, first: tuple[str, str, dict[str, Any]], second: tuple[str, str, dict[str, Any]]
) -> Any:
    """Two people act at once, neither having seen the other: the outcomes, the winner's first."""
    jobs = [
        lambda role=role, action=action, given=given: act.act(
            actor=town.actor(role), case_id=case_id, action=action, given=given
        )
        for role, action, given in (first, second)
    ]
    for role, _, _ in (first, second):
        town.actor(role)  # made before the race
    found = together(*jobs)
    return sorted(found, key=lambda f: isinstance(f, Conflict))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("intake", "reject", {"reason": "x"}), ("dispatcher", "refer", {"to": "供电公司", "reason": "x"})),
        (("intake", "cancel", {"reason": "x"}), ("duty_lead", "mediate", {"reason": "x"})),
    ],
)
def test_two_side_paths_at_once_have_one_winner_and_the_other_is_told_the_state(
    town: Desk, first: Any, second: Any
) -> None:
    case_id = intake.create_case(actor=SYSTEM, new=new()).case_id
    won, lost = both(town, case_id, first, second)
    state = Case.objects.get(pk=case_id).state
    assert won.state == state and isinstance(lost, Conflict) and lost.status == 409
    assert tables.transitions().states[state].zh in lost.detail, lost.detail


def test_an_extension_is_granted_or_refused_once(town: Desk) -> None:
    case_id = intake.create_case(actor=SYSTEM, new=new()).case_id
    act.act(actor=town.actor("dispatcher"), case_id=case_id, action="dispatch", given={"team": town.pump})
    crew = town.actor("team_member", D, town.pump)
    act.act(actor=crew, case_id=case_id, action="ask_extension", given={"hours": 4, "reason": "x"})
    won, lost = both(town, case_id, ("duty_lead", "grant_extension", {}),
                     ("supervisor", "refuse_extension", {"reason": "x"}))  # fmt: skip
    assert not isinstance(won, Conflict) and isinstance(lost, Conflict) and "待接单" in lost.detail


def test_two_cases_merged_into_each_other_at_once_do_not_wait_for_ever(town: Desk) -> None:
    a, b = (intake.create_case(actor=SYSTEM, new=new(t)).case_id for t in "ab")
    person = town.actor("intake")
    found = together(*[lambda x=x, y=y: act.act(actor=person, case_id=x, action="merge", given={"into": y})
                       for x, y in ((a, b), (b, a))])  # fmt: skip
    assert Counter(type(f).__name__ for f in found) == {"Done": 1, "Conflict": 1}
    assert sorted(Case.objects.values_list("state", flat=True)) == ["merged", "submitted"]
