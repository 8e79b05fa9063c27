"""The figures are the same whether counted as things happen, in any order and twice, or all at once."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from tests.cases.conftest import IN_NORTH, IN_SOUTH, NORTH, D, Desk
from tests.insight.small import NOW, T0

from linli.cases import facade as cases
from linli.cases.models import Case
from linli.insight.models import Cell, Dirty, Due, Fact, OwnFact
from linli.insight.services import roll
from linli.kernel import clock, inbox
from linli.kernel.actor import SYSTEM
from linli.kernel.errors import LinliError
from linli.kernel.models import OutboxEvent

ACTS = {
    "submitted": ["accept", "file", "ask_check", "reject", "cancel", "dispatch"],
    "verifying": ["confirm_true", "confirm_false"],
    "accepted": ["file", "reject", "cancel", "dispatch"],
    "filed": ["dispatch", "dispatch", "dispatch", "cancel", "reclassify"],
    "dispatched": ["take", "return", "recall", "finish"],
    "handling": ["finish", "finish", "return", "extend"],
    "handled": ["check", "close", "rework"],
    "checked": ["close"],
    "closed": ["evaluate", "reopen"],
    "rejected": ["reopen"],
    "cancelled": ["reopen"],
}


def given(act: str, desk: Desk, chance: random.Random) -> dict[str, Any]:
    """What an act may need, at random."""
    words = {"note": "x", "reason": "x", "hours": 8, "score": chance.randint(1, 5), "recheck": "2026-12-01"}
    more = {"class": chance.choice(["100101", "200101"]), "team": chance.choice([desk.pump, desk.patrol])}
    return {} if act == "take" else words | more


def play(desk: Desk, chance: random.Random, many: int, moves: int, frozen: Any) -> None:
    """Cases that go many ways, over days."""
    people = {
        "triage": desk.actor("duty_lead"), "team": desk.actor("team_member", team=desk.pump),
        "patrol": desk.actor("team_member", team=desk.patrol), "verify": desk.actor("supervisor"),
    }  # fmt: skip
    made = []
    for _ in range(many):
        frozen.shift(timedelta(minutes=chance.randint(1, 90)))
        lon, lat = chance.choice([IN_NORTH, IN_SOUTH])
        made.append(
            cases.report_signal(
                actor=SYSTEM, channel=chance.choice(["qr", "hotline", "patrol"]), text="路灯不亮", lon=lon, lat=lat,
                class_code=chance.choice(["", "100101", "200101"]), urgent=chance.random() < 0.2,
            ).case_id
        )  # fmt: skip
    for _ in range(moves):
        frozen.shift(timedelta(minutes=chance.randint(1, 200)))
        case = Case.objects.get(pk=chance.choice(made))
        act = chance.choice(ACTS.get(case.state, ["supervise"]))
        for actor in chance.sample(list(people.values()), len(people)):
            try:
                cases.act(actor=actor, case_id=case.id, action=act, **given(act, desk, chance))
                break
            except LinliError:
                continue


def everything() -> dict[str, Any]:
    return {
        "facts": sorted((f.case_id, f.day, f.team_id, f.area_path, f.class_code, f.marks, f.hours, f.spot)
                        for f in Fact.objects.all()),
        "cells": sorted((c.area_path, c.team_id, c.class_code, c.day, c.n) for c in Cell.objects.all()),
        "own": sorted((o.case_id, o.day, o.account_id, o.marks) for o in OwnFact.objects.all()),
        "due": sorted(Due.objects.values_list("case_id", "at")),
    }  # fmt: skip


def roll_all(now: Any = None) -> None:
    while roll.roll(now):
        pass


def recount_all(now: Any) -> None:
    roll.reset()
    while roll.backfill(now):
        pass


@pytest.mark.parametrize("seed", [1, *(pytest.param(n, marks=pytest.mark.slow) for n in (2, 3, 4))])
def test_counted_as_it_happens_equals_a_count_of_all(desk: Desk, seed: int) -> None:
    inbox.load()
    chance = random.Random(seed)
    with time_machine.travel(T0, tick=False) as frozen:
        for _ in range(3):
            play(desk, chance, 4, 20, frozen)
            events = [
                e for e in OutboxEvent.objects.filter(type__startswith="case.") if e.envelope["audience"] != "public"
            ]
            chance.shuffle(events)
            for event in events[: len(events) * 2 // 3]:  # in any order, some of them late, and all delivered before
                inbox.deliver("insight.cases", inbox.envelope_of(event.envelope))
                if chance.random() < 0.3:
                    roll.roll()
            roll_all()
        for event in OutboxEvent.objects.filter(type__startswith="case."):
            inbox.deliver("insight.cases", inbox.envelope_of(event.envelope))
        roll_all()
        frozen.shift(timedelta(days=9))  # nobody does anything, limits run out
        while Due.objects.filter(at__lt=clock.now()).exists():
            roll.mark_due()
            roll_all()
        now = clock.now()
        counted = everything()
        recount_all(now)
        assert everything() == counted
        assert counted["facts"] and counted["own"] and counted["cells"]


def test_an_event_twice_changes_nothing(desk: Desk) -> None:
    with time_machine.travel(T0, tick=False):
        made = cases.report_signal(actor=SYSTEM, channel="qr", text="井盖", class_code="100101", lon=IN_NORTH[0],
                                   lat=IN_NORTH[1])  # fmt: skip
        for _ in range(3):
            roll.mark([made.case_id])
            roll_all()
        assert Cell.objects.get(area_path=NORTH, class_code="", team_id=UUID(int=0)).n[0] == 1
        assert Cell.objects.get(area_path=D, class_code="1001").n[0] == 1
        assert not Dirty.objects.exists()


def test_moved_boundaries_move_the_figures(desk: Desk) -> None:
    from linli.places.contracts import AreaChange

    made = cases.report_signal(actor=SYSTEM, channel="qr", text="井盖", lon=IN_NORTH[0], lat=IN_NORTH[1])
    roll.mark([made.case_id])
    roll_all()
    Case.objects.filter(pk=made.case_id).update(area_path=f"{D}.002")
    roll.on_rehome([AreaChange(NORTH, f"{D}.002", UUID(int=1), None)])
    roll_all()
    assert {f.area_path for f in Fact.objects.all()} == {f"{D}.002"}
    assert not Cell.objects.filter(area_path=NORTH).exists()


def test_ones_own_figures_go_after_a_year(desk: Desk) -> None:
    OwnFact.objects.create(
        case_id=UUID(int=1), day=(NOW - timedelta(days=500)).date(), account_id=UUID(int=2), marks=[0]
    )
    OwnFact.objects.create(case_id=UUID(int=1), day=NOW.date(), account_id=UUID(int=2), marks=[0])
    assert roll.forget_old(NOW) == 1
    assert OwnFact.objects.count() == 1
