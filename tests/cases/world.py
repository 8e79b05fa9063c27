"""The model's district and people, and what must hold of every case at every moment."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import time_machine
from tests.cases.conftest import NORTH, SOUTH, D, Desk
from tests.identity import accounts

from linli.cases import clocks, numbers, tables
from linli.cases.models import FINAL, Case, TimelineEntry
from linli.cases.rules import clock as rule
from linli.cases.rules import workflow
from linli.cases.services import common
from linli.identity import resolver
from linli.identity.models import RoleGrant
from linli.kernel import clock
from linli.kernel.actor import Actor
from linli.orgs import facade as orgs

STILL = ("suspended", *FINAL)  # states in which no clock runs
WITH_TEAM = ("dispatched", "handling", "suspended")
OF_STATE = {"transfer": "in_transfer", "mediation": "mediation", "referral": "referred", "suspension": "suspended"}
REMEMBERING = ("in_transfer", "suspended", "merged")
HANDLING = {"take", "finish", "return", "self_handle", "settle", "unsettled", "referral_done"}


@dataclass
class World:
    people: dict[str, Actor]
    teams: list[UUID]
    centres: list[UUID]


@dataclass
class Held:
    """What the model knows of a case by itself."""

    born: datetime
    hands: set[UUID] = field(default_factory=set)  # of whoever handled it
    news: list[tuple[UUID, str, str]] = field(default_factory=list)  # of the team's task, on their way
    entries: list[UUID] = field(default_factory=list)
    still: timedelta = timedelta()  # for how long no clock ran
    still_since: datetime | None = None
    dropped: timedelta = timedelta()  # in clocks that began anew
    before: tuple[timedelta, timedelta, datetime | None] | None = None  # the last dispatch, which may be taken back

    def moved(self, before: Case, action: str) -> None:
        """Bookkeeping of the time in which the clocks stood still, apart from the clocks themselves."""
        case, now = Case.objects.defer("tokens").get(pk=before.pk), clock.now()
        if action == "dispatch":
            self.before = (self.still, self.dropped, self.still_since)
        old, new = clocks.clocks_of(before), clocks.clocks_of(case)
        for stage in old:
            lost = len(old[stage].segments) - len(new[stage].segments)
            if lost > 0:
                self.dropped += ran(old[stage], now)
        if case.state in STILL and self.still_since is None:
            self.still_since = now
        elif case.state not in STILL and self.still_since is not None:
            self.still, self.still_since = self.still + (now - self.still_since), None

    def undone(self) -> None:
        if self.before is not None:
            self.still, self.dropped, self.still_since = self.before


def ran(one: rule.Clock, now: datetime) -> timedelta:
    """Time on the wall in which the clock ran."""
    total = sum((datetime.fromisoformat(b) - datetime.fromisoformat(a) for a, b, _ in one.segments), timedelta())
    return total + (now - one.since if one.since else timedelta())


def make_world(desk: Desk) -> World:
    """Everybody there is at a desk, in the field and at the centres, and one who has no business here."""
    found = {
        "intake": desk.actor("intake"), "duty_lead": desk.actor("duty_lead"), "dispatcher": desk.actor("dispatcher"),
        "supervisor": desk.actor("supervisor"), "leader": desk.actor("centre_lead"),
        "member": desk.actor("grid_member", NORTH), "crew": desk.actor("team_member", D, desk.pump),
        "patrol": desk.actor("team_member", D, desk.patrol), "south": desk.actor("duty_lead", SOUTH),
        "admin": desk.actor("system_admin"), "mediator": accounts.actor_of("duty_lead", D),
    }  # fmt: skip
    both = desk.account("team_member", NORTH, desk.pump)
    RoleGrant.objects.create(account=both, role="duty_lead", area_path=D)
    centres = []
    for code, area in (("command", D), ("city", D), ("northern", NORTH)):
        centre = orgs.ensure_centre(code=code, name_zh=code, area_path=area)
        person = accounts.make_account()
        RoleGrant.objects.create(account=person, role="dispatcher", area_path=area, centre_id=centre)
        centres.append(centre)
        resolver.forget()
        found[f"desk of {code}"] = accounts.actor_for(person.id)
    found["both"] = accounts.actor_for(both.id)
    for month in range(12):  # the sequence of a month, made once and not in every example
        with time_machine.travel(datetime(2026 + (10 + month) // 12, (10 + month) % 12 + 1, 15, tzinfo=UTC)):
            numbers.next_number(clock.now())
    return World(found, [desk.pump, desk.patrol], centres)


def check_case(world: World, held: Held, case: Case) -> None:
    """Of one case as it is now."""
    table, now = tables.transitions(), clock.now()
    final = table.states[case.state].final
    assert final == (case.closed_at is not None) == (case.state in FINAL)
    assert case.step == table.states[case.state].step
    assert case.verifier_id is None or case.verifier_id not in held.hands, "a handler verified"
    if case.state in WITH_TEAM:
        assert case.team_id is not None and case.task_id is not None
    side = case.side or {}
    for name, state in OF_STATE.items():
        assert (name in side) == (case.state == state), (name, case.state)
    assert ("back" in side) == (case.state in REMEMBERING)
    assert "extension" not in side or case.state in WITH_TEAM
    assert (case.recheck_at is not None) == (case.state == "suspended")
    assert (case.parent_id is not None) == (case.state == "merged")
    assert case.signal_count >= 1
    check_clocks(held, case, now)
    facts = common.facts(case)
    assert final or any(
        workflow.target_of(t, facts) != case.state
        for person in world.people.values() for t in workflow.allowed(table, facts, person, now)
    ), f"nobody can go on from {case.state}"  # fmt: skip
    stranger = world.people["admin"]
    assert not workflow.allowed(table, facts, stranger, now)


def check_clocks(held: Held, case: Case, now: datetime) -> None:
    """One clock runs or all stand still; what each has used is what it ran; together they ran all of the time."""
    calendar, found = tables.calendar(), clocks.clocks_of(case)
    running = [stage for stage, one in found.items() if one.since]
    assert len(running) == (0 if case.state in STILL else 1), (case.state, running)
    assert (case.due_at is None) == (not running)
    total = timedelta()
    for stage, one in found.items():
        spans = [(datetime.fromisoformat(a), datetime.fromisoformat(b)) for a, b, _ in one.segments]
        assert all(a <= b for a, b in spans) and all(x[1] <= y[0] for x, y in itertools.pairwise(spans))
        assert one.used_s == sum(rule.elapsed(calendar, a, b, one.unit) for a, b in spans), stage
        assert not (one.since and (one.paused or one.stopped))
        if one.since:
            left = one.budget_s + one.extended_s - one.used_s
            assert one.due == rule.add_seconds(calendar, one.since, left, one.unit)
        total += ran(one, now)
    still = held.still + (now - held.still_since if held.still_since else timedelta())
    assert total + held.dropped + still == now - held.born, (case.state, total, held.dropped, still, now - held.born)


def check_timeline(held: Held, case: Case) -> None:
    """Nothing that was told is gone or changed its place, and the last word is where the case is."""
    rows = list(TimelineEntry.objects.filter(case_id=case.id).order_by("at", "id").values_list("id", "to_state", "act"))
    ids = [r[0] for r in rows]
    assert set(held.entries) <= set(ids) and ids[0] == (held.entries or ids)[0]
    assert rows[0][2] == "report" and rows[-1][1] == case.state, (rows[-3:], case.state)
    held.entries = ids
