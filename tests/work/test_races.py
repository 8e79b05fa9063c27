"""Two requests at the same instant: on real connections, with real locks."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from tests.identity.accounts import client_for, make_account

from linli.identity.models import RoleGrant
from linli.kernel import clock, ids
from linli.kernel.actor import SYSTEM
from linli.kernel.models import OutboxEvent
from linli.orgs import facade as orgs
from linli.work import facade
from linli.work.models import Duty, Shift, TaskStep

pytestmark = pytest.mark.django_db(transaction=True)
JSON = {"content_type": "application/json"}


def at_once(*calls: Callable[[], Any]) -> list[int]:
    """Statuses of calls that start together, each on a connection of its own."""
    gate = Barrier(len(calls))

    def run(call: Callable[[], Any]) -> int:
        gate.wait()
        try:
            return call().status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return sorted(pool.map(run, calls))


def test_the_same_act_twice_at_once_acts_once() -> None:
    team = orgs.ensure_team(code="crew", name_zh="一队", area_path="D")
    account = make_account(("team_member", "D"))
    orgs.ensure_member(team_id=team, account_id=account.id)
    task = facade.open_task(actor=SYSTEM, case_id=None, team_id=team, area_path="D", title="疏通")
    url = f"/api/v1/tasks/{task}/steps/{ids.new_id()}"
    clients = [client_for(account) for _ in range(4)]
    statuses = at_once(*[lambda c=c: c.put(url, {"action": "accept"}, **JSON) for c in clients])
    assert statuses == [200] * 4
    assert TaskStep.objects.count() == 1
    assert OutboxEvent.objects.filter(type="task.changed", envelope__data__action="accept").count() == 1


def test_two_phones_cannot_both_be_on_duty() -> None:
    account = make_account(("grid_member", "D"))
    clients = [client_for(account) for _ in range(4)]
    statuses = at_once(*[lambda c=c: c.put(f"/api/v1/duty/{ids.new_id()}", {}, **JSON) for c in clients])
    assert statuses == [200] * 4
    assert Duty.objects.filter(ended_at=None).count() == 1


def test_duty_separated_administrations_hold_against_two_grants_at_once() -> None:
    admin, account = make_account(("security_admin", "")), make_account(area_path="D")
    url = f"/api/v1/accounts/{account.id}/grants"
    roles = ("system_admin", "security_admin", "audit_admin")
    statuses = at_once(
        *[
            lambda c=client_for(admin), r=role: c.post(url, {"role": r, "area_path": "D"}, **JSON)  # type: ignore[misc]
            for role in roles
        ]
    )
    assert statuses == [201, 409, 409]
    assert RoleGrant.objects.filter(account=account).count() == 1


def test_two_planners_at_once_do_not_give_one_person_two_shifts() -> None:
    team = orgs.ensure_team(code="crew", name_zh="一队", area_path="D")
    account = make_account(("team_member", "D"))
    orgs.ensure_member(team_id=team, account_id=account.id)
    shift = {"team_id": str(team), "account_id": str(account.id), "day": clock.now().date().isoformat(),
             "begins": "08:00", "ends": "16:00"}  # fmt: skip
    clients = [client_for(make_account(("duty_lead", "D"))) for _ in range(4)]
    statuses = at_once(*[lambda c=c: c.post("/api/v1/rosters", shift, **JSON) for c in clients])
    assert statuses == [201, 422, 422, 422]
    assert Shift.objects.count() == 1
