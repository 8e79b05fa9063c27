"""A model of the case desk: people who may do this and that, at random, against the real services and a real Postgres.

`tests/cases/test_model.py` runs it small in every suite; `make test-model STEPS=100000` runs it for as many steps.
What must hold whatever they do stands in `world.py`.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID, uuid4

import time_machine
from django.db import transaction
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.cases.conftest import IN_NORTH, IN_SOUTH
from tests.cases.world import HANDLING, Held, World, check_case, check_timeline

from linli.cases import numbers, tables
from linli.cases.contracts import NewCase
from linli.cases.models import Case, Photo
from linli.cases.rules import workflow
from linli.cases.rules.workflow import Facts
from linli.cases.selectors import detail, visible
from linli.cases.services import act, common, intake, notes, upkeep
from linli.kernel import clock
from linli.kernel.actor import SYSTEM, Actor
from linli.kernel.errors import Conflict, Forbidden, Invalid, LinliError, NotFound
from linli.work import facade as work_facade
from linli.work import services as work

START = datetime(2026, 11, 2, 1, tzinfo=UTC)
MOST = 4  # cases at a time
PICKS = st.integers(0, 10_000)


class CaseDesk(RuleBasedStateMachine):
    """One example is one transaction, rolled back at its end."""

    world: ClassVar[World]
    steps: ClassVar[int] = 0
    done: ClassVar[Counter[str]] = Counter()
    refused: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.open = transaction.atomic()
        self.open.__enter__()
        self.travel = time_machine.travel(START, tick=False)
        self.when = self.travel.start()
        self.held: dict[UUID, Held] = {}
        self.touched: UUID | None = None

    def teardown(self) -> None:
        self.travel.stop()
        transaction.set_rollback(True)
        self.open.__exit__(None, None, None)
        numbers._known.clear()

    # What people do.

    @precondition(lambda self: len(self.held) < MOST)
    @rule(south=st.booleans(), private=st.booleans(), alarm=st.booleans(), picture=st.booleans())
    def report(self, south: bool, private: bool, alarm: bool, picture: bool) -> None:
        self._step("report")
        lon, lat = IN_SOUTH if south else IN_NORTH
        new = NewCase(channel="staff", text="积水", lon=lon, lat=lat, class_code="200406", private=private,
                      state="filed" if alarm else "")  # fmt: skip
        made = intake.create_case(actor=self.world.people["intake"], new=new)
        self.held[made.case_id] = Held(born=clock.now())
        if picture:
            Photo.objects.create(case_id=made.case_id, stage="after", file_id=uuid4(), thumb_id=uuid4(), width=1,
                                 height=1, size=1, sha256="0" * 64, by_kind="system")  # fmt: skip
        self.touched = made.case_id

    @precondition(lambda self: bool(self.held))
    @rule(which=PICKS, seed=st.integers(0, 2**32))
    def allowed(self, which: int, seed: int) -> None:
        """An act that the case offers to somebody is done, whoever it is and whatever came before."""
        case, chance = self._case(which), random.Random(seed)
        people = list(self.world.people.values())
        chance.shuffle(people)
        facts = self._facts(case)
        for person in people:
            if offered := visible.sees(person, case) and self._offered(person, case, facts, seed):
                break
        else:
            return
        table = tables.transitions().transitions
        moves = [a for a in offered if table[a].target != "same"]
        # Who asked for more time is answered now and then: else the case has mostly moved on before.
        answers = [a for a in offered if "extension_asked" in table[a].guards]
        stays = [a for a in offered if a not in moves]
        action = chance.choice(moves if moves and (not stays or chance.random() < 0.6) else stays)
        action = chance.choice(answers) if answers and chance.random() < 0.5 else action
        self._step(action)
        self._do(person, case, action, chance)

    @precondition(lambda self: bool(self.held))
    @rule(which=PICKS, seed=st.integers(0, 2**32))
    def allowed_again(self, which: int, seed: int) -> None:
        """The same: most of what people do is what they may do."""
        self.allowed(which, seed)

    @precondition(lambda self: bool(self.held))
    @rule(which=PICKS, seed=st.integers(0, 2**32))
    def allowed_once_more(self, which: int, seed: int) -> None:
        self.allowed(which, seed)

    def _facts(self, case: Case) -> Facts:
        facts = common.facts(case)
        return replace(facts, handler_ids=(*facts.handler_ids, *work_facade.handlers_of(case.id)))

    def _offered(self, person: Actor, case: Case, facts: Facts, seed: int) -> list[str]:
        """As the screen shows it, now and then; else by the engine, which is cheaper."""
        if seed % 8 == 0:
            return [a["act"] for a in detail.get(person, case.id)["actions"]]
        return [t.act for t in workflow.allowed(tables.transitions(), facts, person, clock.now())]

    def _do(self, person: Actor, case: Case, action: str, chance: random.Random) -> None:
        given, before = self._given(case, action, chance), case.version
        try:
            act.act(actor=person, case_id=case.id, action=action, given=given)
        except (Conflict, NotFound) as told:  # the case merged into has ended or is out of sight; the team was faster
            assert action == "merge" or (case.task_id and isinstance(told, Conflict)), (action, told)
            assert Case.objects.get(pk=case.id).version == before
            return
        except Invalid as wrong:
            assert action in ("self_handle", "transfer") or "into" in str(wrong), (action, str(wrong))
            return
        self.done[action] += 1
        held = self.held[case.id]
        assert action not in workflow_judges() or person.account_id not in held.hands, action
        if action in HANDLING and person.account_id:
            held.hands.add(person.account_id)
        if action == "split":
            part = Case.objects.filter(split_from=case.id).latest("created_at", "id")
            self.held[part.id] = Held(born=clock.now())
        held.moved(case, action)
        self.touched = case.id

    def _given(self, case: Case, action: str, chance: random.Random) -> dict[str, Any]:
        others = [i for i in self.held if i != case.id] or [case.id]
        day = tables.today().toordinal() + chance.randint(1, 20)
        return {
            "note": "说明", "reason": "原因", "text": "另一处", "class": chance.choice(["200406", "200104"]),
            "team": str(chance.choice(self.world.teams)), "into": str(chance.choice(others)), "to": "供电公司",
            "hours": chance.choice([0.5, 4, 30]), "score": chance.randint(1, 5),
            "recheck": tables.today().fromordinal(day), "until": None, "centre": str(chance.choice(self.world.centres)),
            "satisfaction": chance.choice(["satisfied", "partly", "dissatisfied", "unreached"]),
        }  # fmt: skip

    @precondition(lambda self: bool(self.held))
    @rule(which=PICKS, who=PICKS, what=PICKS)
    def not_allowed(self, which: int, who: int, what: int) -> None:
        """What the case does not offer is refused, and nothing changes."""
        case, person = self._case(which), self._person(who)
        table = list(tables.transitions().transitions)
        action = table[what % len(table)]
        if action in self._offered(person, case, self._facts(case), 1):
            return
        self._step("refused")
        try:
            act.act(actor=person, case_id=case.id, action=action, given=self._given(case, action, random.Random(what)))
        except (Forbidden, NotFound, Conflict) as told:
            assert told.detail
        else:
            raise AssertionError(f"{action} of a {case.state} case was not refused")
        assert Case.objects.get(pk=case.id).version == case.version
        type(self).refused += 1

    @precondition(lambda self: bool(self.held))
    @rule(which=PICKS, word=st.sampled_from(["accept", "arrive", "finish", "return"]), told=st.booleans(), who=PICKS)
    def in_the_field(self, which: int, word: str, told: bool, who: int) -> None:
        """A member acts on the task; the news reaches the case at once, or not before the next news does."""
        case = self._case(which)
        if case.task_id is None:
            return
        crew = [p for p in self.world.people.values() if case.team_id in p.team_ids]
        person = crew[who % len(crew)]
        self._step(f"task {word}")
        try:
            task = work.act_on_task(actor=person, task_id=case.task_id, step_id=uuid4(), action=word, note="办了")
        except Conflict:
            return
        held = self.held[case.id]
        held.hands.add(person.account_id)
        held.news.append((task.id, task.state, str(person.account_id)))
        if told:
            self._tell(case.id)

    @precondition(lambda self: any(held.news for held in self.held.values()))
    @rule(which=PICKS)
    def news(self, which: int) -> None:
        waiting = [i for i, held in self.held.items() if held.news]
        self._step("news")
        self._tell(waiting[which % len(waiting)])

    def _tell(self, case_id: UUID) -> None:
        held = self.held[case_id]
        for task_id, state, who in held.news:
            before = Case.objects.get(pk=case_id)
            act.follow_task(actor=SYSTEM, case_id=case_id, task_id=task_id, state=state, given={"handler_id": who})
            if Case.objects.get(pk=case_id).version != before.version:
                held.moved(before, state)
        held.news.clear()
        self.touched = case_id

    @precondition(lambda self: bool(self.held))
    @rule(which=PICKS, who=st.sampled_from(["dispatcher", "duty_lead"]))
    def undo_dispatch(self, which: int, who: str) -> None:
        case = self._case(which)
        if case.undo is None:
            return
        self._step("undo_dispatch")
        try:
            act.undo_dispatch(actor=self.world.people[who], case_id=case.id)
        except Conflict:
            return
        except LinliError as error:
            assert isinstance(error, NotFound), error
            return
        self.done["undo_dispatch"] += 1
        self.held[case.id].undone()
        self.touched = case.id

    @rule(seconds=st.one_of(st.integers(1, 9), st.integers(600, 30_000), st.integers(40_000, 900_000)))
    def time_passes(self, seconds: int) -> None:
        self._step("time")
        self.when.shift(seconds)

    @precondition(lambda self: bool(self.held))
    @rule(which=PICKS)
    def neighbours(self, which: int) -> None:
        """A neighbour says me too; the re-check of suspended cases comes round."""
        self._step("neighbours")
        case = self._case(which)
        upkeep.give_notices()
        try:
            notes.me_too(case_id=case.id)
        except NotFound:
            assert case.private or case.closed_at
        self.touched = case.id

    # What must hold.

    @invariant()
    def all_is_well(self) -> None:
        if self.touched is None:
            return
        case_id, self.touched = self.touched, None
        for one in {case_id, *self._kin(case_id)}:
            case = Case.objects.defer("tokens").get(pk=one)
            check_case(self.world, self.held[one], case)
            check_timeline(self.held[one], case)

    def _kin(self, case_id: UUID) -> list[UUID]:
        """Cases that hang together with it change with it."""
        return list(Case.objects.filter(parent_id=case_id).values_list("id", flat=True))[:2]

    def _case(self, which: int) -> Case:
        return Case.objects.defer("tokens").get(pk=list(self.held)[which % len(self.held)])

    def _person(self, who: int) -> Actor:
        people = list(self.world.people.values())
        return people[who % len(people)]

    def _step(self, name: str) -> None:
        type(self).steps += 1


def workflow_judges() -> set[str]:
    """The acts by which handled work is judged."""
    return {t.act for t in tables.transitions().transitions.values() if "not_handler" in t.guards}
