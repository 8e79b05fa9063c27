"""Rules that look at other devices of the same place: who is looked at when devices come, move and go."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

from tests.sense.test_judge import T, device
from tests.sense.test_terms import make_batch, near, new_judge, over, terms

from linli.telemetry import batch
from linli.telemetry.sense import snapshot
from linli.telemetry.sense.judge import Judge

WET = near("flow", age_s=600)
PARTS = 7
OWN, RAIN, FAR = 0, 2, 3  # the rule's device in d.1, a gauge beside it, one elsewhere


def part(number: int) -> int:
    return batch.partition_of(uuid.UUID(int=1000 + number).bytes, PARTS)


def say(judge: Judge, at: int, sequence: int = 0, **values: float) -> list[tuple[Any, ...]]:
    """One message of each device, `own=9.0, rain=9.0`; what was decided by it."""
    numbers = {"own": (OWN, "level"), "rain": (RAIN, "flow"), "far": (FAR, "flow")}
    made = [make_batch([(numbers[name][0], numbers[name][1], T + at, T + at, value, 0)], sequence + n)
            for n, (name, value) in enumerate(values.items())]  # fmt: skip
    judge.take(made)
    return told(judge)


def told(judge: Judge) -> list[tuple[Any, ...]]:
    said = [op for operations in judge.drain().values() for op in operations]
    return [(op["op"], (op["raised_at"] if op["op"] == "raise" else op["cleared_at"]) - T) for op in said]


def tick(judge: Judge, at: int) -> list[tuple[Any, ...]]:
    judge.advance(T + at, clock=True)
    return told(judge)


def put(judge: Judge, number: int, **more: Any) -> None:
    judge.book.put_devices([device(number, **({"model": "rain"} if number != OWN else {}) | more)])


def test_a_gauge_that_moves_away_ends_the_alarm_without_a_reading() -> None:
    judge = new_judge(terms(over(), WET))
    assert say(judge, 0, own=9.0, rain=9.0) == [("raise", 0)]
    put(judge, RAIN, area_path="d.2")
    assert tick(judge, 1_000) == [("clear", 0)]
    assert say(judge, 5_000, rain=9.0) == [], "it is another place's by now"
    put(judge, RAIN, area_path="d.1.7")
    assert say(judge, 9_000, own=9.0) == [], "what it said to others is not told again"
    assert say(judge, 12_000, rain=9.0) == [("raise", 12_000)]
    put(judge, RAIN, area_path="d.1.7", enabled=False)
    assert tick(judge, 13_000) == [("clear", 12_000)]
    put(judge, RAIN, area_path="d.1.7")
    assert say(judge, 14_000, rain=9.0) == [("raise", 14_000)]
    judge.book.forget(uuid.UUID(int=1000 + RAIN))
    assert tick(judge, 15_000) == [("clear", 14_000)], "the registry has it no longer"


def test_a_count_ends_when_its_gauge_goes_and_runs_on_when_another_comes() -> None:
    judge = new_judge(terms(over(), WET, duration_s=60))
    say(judge, 0, own=9.0, rain=9.0)
    put(judge, FAR, area_path="d.1.9")
    assert tick(judge, 59_000) == [] and tick(judge, 60_100) == [("raise", 60_000)]
    judge = new_judge(terms(over(), WET, duration_s=60))
    say(judge, 0, own=9.0, rain=9.0)
    put(judge, RAIN, area_path="d.2")
    assert tick(judge, 120_000) == []
    assert say(judge, 130_000, own=9.0) == []


def test_a_device_that_moves_looks_at_the_gauges_of_its_new_place() -> None:
    judge = new_judge(terms(over(), WET))
    say(judge, 0, own=9.0, far=9.0)
    put(judge, OWN, area_path="d.2")
    assert say(judge, 1_000, own=9.0) == [], "it was told elsewhere"
    assert say(judge, 2_000, far=9.0) == [("raise", 2_000)]
    assert say(judge, 3_000, rain=0.0) == []
    assert say(judge, 4_000, far=0.0) == [("clear", 4_000)]


def test_what_an_other_said_holds_for_its_age_and_ends_by_the_clock() -> None:
    judge = new_judge(terms(over(), near("flow", age_s=30)))
    assert say(judge, 0, rain=9.0) == []
    assert say(judge, 30_000, own=9.0) == [("raise", 30_000)]
    assert tick(judge, 30_100) == [("clear", 30_001)]


def test_a_rule_that_changes_while_it_counts_begins_anew_but_knows_what_others_said() -> None:
    judge = new_judge(terms(over(), WET, duration_s=60))
    say(judge, 0, own=9.0, rain=9.0)
    judge.book.put_rules([terms(over(), WET, duration_s=30)])
    assert tick(judge, 40_000) == []
    assert say(judge, 50_000, own=9.0) == []
    assert tick(judge, 80_100) == [("raise", 80_000)]


def saved(judge: Judge, sequence: int) -> tuple[int, bytes]:
    judge.seen[part(OWN)] = sequence
    return sequence, snapshot.save(judge, part(OWN), stream="s", at=T)


def again(one: Any, state: tuple[int, bytes]) -> Judge:
    judge = new_judge(one, [part(OWN)], PARTS)
    snapshot.load(judge, part(OWN), state[1])
    judge.seen[part(OWN)] = state[0]
    return judge


def test_a_process_follows_and_hears_the_partitions_of_others() -> None:
    """After a kill it is told again what came since its snapshot, and nothing twice."""
    one = replace(terms(over(), WET, duration_s=10), device_ids=[uuid.UUID(int=1000 + OWN)])
    judge = new_judge(one, [part(OWN)], PARTS)
    assert len({part(OWN), part(RAIN), part(FAR)}) == 3 and judge.followed() == {part(RAIN)}
    say(judge, 0, 1, own=9.0)
    state = saved(judge, 1)
    assert say(judge, 1_000, 2, rain=9.0) == [] and say(judge, 5_000, 3, rain=8.0) == []
    assert say(judge, 11_000, 4, rain=9.0) == [("raise", 11_000)]
    judge = again(one, state)
    assert say(judge, 0, 1, own=1.0) == [], "told before the snapshot"
    assert say(judge, 1_000, 2, rain=9.0) == [] and say(judge, 5_000, 3, rain=8.0) == []
    assert say(judge, 11_000, 4, rain=9.0) == [("raise", 11_000)]
    judge = again(one, saved(judge, 4))
    assert say(judge, 12_000, 4, rain=0.0) == [], "told before the snapshot"
    assert say(judge, 12_000, 5, rain=0.0) == [("clear", 12_000)]
    assert not judge.book.series.dirty[judge.book.series_of[RAIN, judge.book.property_at("flow")]], "no live value"


def test_a_gauge_that_went_while_nobody_judged_ends_the_alarm() -> None:
    one = replace(terms(over(), WET), device_ids=[uuid.UUID(int=1000 + OWN)])
    judge = new_judge(one, [part(OWN)], PARTS)
    assert say(judge, 0, 1, own=9.0, rain=9.0) == [("raise", 0)]
    state = saved(judge, 2)
    judge = new_judge(one, [part(OWN)], PARTS)
    put(judge, RAIN, area_path="d.2")
    judge.seen[part(OWN)] = state[0]
    snapshot.load(judge, part(OWN), state[1])
    assert tick(judge, 1_000) == [("clear", 0)] and judge.followed() == set()


def test_of_too_many_the_lowest_ids_are_looked_at() -> None:
    judge = new_judge(terms(over(), near("flow", level=0)))
    judge.book.put_devices([device(n, model="rain", area_path=f"d.{n}") for n in range(300, 99, -1)])
    judge.book.look_around()
    (group,) = [g for s, g in judge.book.terms.groups.items() if judge.book.slot.dev[s] == judge.book.by_id[
        uuid.UUID(int=1000 + OWN).bytes]]  # fmt: skip
    seen = sorted(int(judge.book.series.dev[judge.book.terms.row.series[row]]) for row in group.aged())
    ids = [judge.book.devices[n].id.int - 1000 for n in seen]
    assert len(ids) == 100 and sorted(ids) == [RAIN, FAR, *range(100, 198)]


def test_without_such_rules_nothing_is_kept() -> None:
    judge = new_judge(terms(over(), WET))
    assert judge.book.places.looking and judge.book.places._there
    judge.book.put_rules([terms(over())])
    assert not judge.book.places.looking and not judge.book.places._there and not len(judge.book.terms.looked_at()[0])
