"""The transition engine walked at random: what must hold whatever people do, in whatever order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from linli.cases import clocks, tables
from linli.cases.models import FINAL, Case
from linli.cases.rules import workflow
from linli.cases.rules.workflow import Facts
from linli.kernel.actor import Actor, Grant

ALL = frozenset(f"cases.{p}" for p in ("triage", "dispatch", "handle", "verify", "close", "supervise", "view"))
TEAMS = (UUID(int=1), UUID(int=2))
PEOPLE = [
    Actor("account", uuid4(), grants=(Grant("all", "d", ALL),), team_ids=teams) for teams in ((), TEAMS[:1], TEAMS[1:])
] + [Actor("account", uuid4(), grants=(Grant("all", "e", ALL),))]
TABLE = tables.transitions()
HANDLING = {"take", "finish", "return", "self_handle"}


class Machine(RuleBasedStateMachine):
    """A case in memory, moved by the engine and its clocks as the services move it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = datetime(2026, 11, 2, 1, tzinfo=UTC)
        self.case = Case(state=TABLE.initial, class_code="200406", area_path="d", clocks={})
        clocks.apply(self.case, TABLE.initial_clock, self.now)
        self.handlers: set[UUID] = set()
        self.used = 0

    def facts(self) -> Facts:
        return Facts(self.case.state, "d", self.case.team_id, tuple(self.handlers), self.case.closed_at)

    @rule(person=st.sampled_from(PEOPLE), pick=st.integers(0, 99), team=st.sampled_from(TEAMS),
          minutes=st.integers(0, 3000))  # fmt: skip
    def act(self, person: Actor, pick: int, team: UUID, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        ways = workflow.allowed(TABLE, self.facts(), person, self.now)
        if person is PEOPLE[-1]:
            assert ways == []  # another area
        if not ways:
            return
        item = ways[pick % len(ways)]
        if item.act in ("check", "close", "rework", "refile"):
            assert person.account_id not in self.handlers
        if "own_team" in item.guards:
            assert self.case.team_id in person.team_ids
        self.case.state = workflow.target_of(item, self.facts())
        clocks.apply(self.case, item.clock, self.now)
        if item.act in HANDLING:
            self.handlers.add(person.account_id)
        if "open_task" in item.effects:
            self.case.team_id = self.case.team_id if item.act == "rework" else team
        if "drop_team" in item.effects or item.act == "reopen":
            self.case.team_id = None
        if self.case.state not in FINAL:
            self.case.closed_at = None
        elif self.case.closed_at is None:
            self.case.closed_at = self.now

    @precondition(lambda self: self.case.state in FINAL)
    @rule(days=st.integers(31, 90))
    def long_after(self, days: int) -> None:
        self.now += timedelta(days=days)
        for person in PEOPLE:
            assert "reopen" not in {t.act for t in workflow.allowed(TABLE, self.facts(), person, self.now)}

    @invariant()
    def no_clock_runs_in_the_end_and_one_runs_else(self) -> None:
        running = [c for c in clocks.clocks_of(self.case).values() if c.since]
        if self.case.state in FINAL or self.case.state in ("suspended", "checked"):
            assert len(running) <= (self.case.state == "checked")
        else:
            assert len(running) == 1
        assert (self.case.due_at is None) == (not running)

    @invariant()
    def somebody_can_always_go_on(self) -> None:
        desk = Actor("account", uuid4(), grants=(Grant("all", "d", ALL),), team_ids=TEAMS)
        if self.case.state not in FINAL:
            assert workflow.allowed(TABLE, self.facts(), desk, self.now)

    @invariant()
    def handled_work_can_be_found_wanting(self) -> None:
        verifier = Actor("account", uuid4(), grants=(Grant("verifier", "d", frozenset({"cases.verify"})),))
        if self.case.state in ("handled", "checked"):
            ways = workflow.allowed(TABLE, self.facts(), verifier, self.now)
            assert any("count_rework" in item.effects for item in ways)

    @invariant()
    def a_team_has_the_case_while_it_is_theirs(self) -> None:
        if self.case.state in ("dispatched", "handling", "suspended"):
            assert self.case.team_id is not None

    @invariant()
    def used_time_never_shrinks(self) -> None:
        now = sum(c.used_s for c in clocks.clocks_of(self.case).values() if c.unit != "fresh")
        assert now >= 0


Machine.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestTransitions = Machine.TestCase
