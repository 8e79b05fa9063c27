"""A list costs as many queries for fifty rows as for one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from tests.identity.accounts import client_of, make_account, session_for

from linli.command.models import BoardNote
from linli.field.models import Entry
from linli.identity import facade
from linli.kernel import audit, clock, ids
from linli.kernel.actor import SYSTEM
from linli.kernel.models import PersonalRead
from linli.orgs import facade as orgs
from linli.work import facade as work
from linli.work.models import Duty, PatrolPlan, PatrolPoint, Shift

pytestmark = pytest.mark.django_db
LISTS = {
    "accounts": "system_admin", "apikeys": "security_admin", "audit": "auditor", "personal-reads": "auditor",
    "teams": "dispatcher", "centres": "dispatcher", "tasks": "dispatcher", "duty": "dispatcher",
    "positions": "dispatcher", "form-entries": "dispatcher", "patrol-plans": "dispatcher",
    "rosters": "dispatcher", "board": "dispatcher",
}  # fmt: skip


@pytest.fixture
def crowd() -> None:
    for i in range(8):
        account = make_account(("grid_member", "D"))
        session_for(account)
        facade.create_apikey(account_id=account.id)
        team = orgs.ensure_team(code=f"t{i}", name_zh="队", area_path="D")
        centre = orgs.ensure_centre(code=f"c{i}", name_zh="分中心", area_path="D")
        BoardNote.objects.create(centre_id=centre, area_path="D", title="防汛值守", by=account.id)
        orgs.ensure_member(team_id=team, account_id=account.id)
        work.open_task(actor=SYSTEM, case_id=None, team_id=team, area_path="D", title="巡查")
        Duty.objects.create(
            account=account, area_path="D", started_at=clock.now(), lon=1, lat=1, position_at=clock.now()
        )
        Entry.objects.create(form_code="x", form_version=1, kind="visit", area_path="D", by_id=account.id,
                             filled_at=clock.now(), person="x")  # fmt: skip
        plan = PatrolPlan.objects.create(kind="round", name="巡河", area_path="D", begins="08:00", ends="18:00")
        Shift.objects.create(account=account, team_id=team, area_path="D", state="published", starts_at=clock.now(),
                             ends_at=clock.now() + timedelta(hours=8))  # fmt: skip
        PatrolPoint.objects.create(plan=plan, name="闸口", area_path="D", lon=1, lat=1)
        audit.record(actor=SYSTEM, action="x", kind="x", ref=ids.new_id(), area="D")
        PersonalRead.objects.create(actor="account:-", account_id=account.id, subject_kind="x", subjects=["1"],
                                    fields=["phone"], purpose="x", area_path="D")  # fmt: skip


@pytest.mark.parametrize(("path", "role"), LISTS.items())
def test_a_list_costs_the_same_for_one_and_for_many(path: str, role: str, crowd: None) -> None:
    client = client_of(role, "D")
    client.get("/api/v1/me")
    counts = {}
    for limit in (1, 50):
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(f"/api/v1/{path}?limit={limit}")
        assert answer.status_code == 200
        assert len(answer.json()["items"]) >= (1 if limit == 1 else 8)
        counts[limit] = len(queries)
    assert counts[1] == counts[50] <= 3
