"""What the judge decides, reading by reading and by the clock, without any process around it."""

from __future__ import annotations

import random
import uuid
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linli.devices.contracts import RegistryRow, RuleRow
from linli.telemetry import batch
from linli.telemetry.sense import live, snapshot
from linli.telemetry.sense.book import Book
from linli.telemetry.sense.judge import Judge

T = 1_760_000_000_000
RULE = uuid.UUID(int=1)


def device(n: int = 1, **more: Any) -> RegistryRow:
    base = {
        "device_id": uuid.UUID(int=1000 + n), "code": f"D{n}", "model": "water", "subject": "place",
        "area_path": "d.1", "enabled": True, "credential_hashes": [], "interval_s": 60, "properties": {},
    }  # fmt: skip
    return RegistryRow(**(base | more))


def rule(kind: str = "threshold", **more: Any) -> RuleRow:
    base = {"rule_id": RULE, "code": "r", "version": 1, "model": "water", "property": "level", "kind": kind,
            "op": "gt", "value": 3.0, "clear_value": 2.8, "duration_s": 0, "no_data_s": 0, "reraise_s": 0,
            "severity": "severe"}  # fmt: skip
    return RuleRow(**(base | more))


class Bench:
    """A judge with one partition, and what it said as short tuples."""

    def __init__(self, *rules: RuleRow, devices: list[RegistryRow] | None = None) -> None:
        self.rows, self.rules = devices or [device()], rules
        self.book = Book(1)
        self.book.put_rules(rules)
        self.book.put_devices(self.rows, whole=True)
        self.judge = Judge(self.book)
        self.judge.owned[:] = self.judge.ready[:] = True
        self.said: list[tuple[Any, ...]] = []

    def send(self, *points: tuple[int, float], n: int = 1, prop: str = "level", recv: int | None = None,
             flags: int = 0) -> list[tuple[Any, ...]]:  # fmt: skip
        """Points as (seconds after T, value) in one batch."""
        ts = [T + int(s * 1000) for s, _ in points]
        at = [T + recv * 1000] * len(ts) if recv is not None else ts
        key = uuid.UUID(int=1000 + n).bytes
        one = batch.make([key], [prop], [0] * len(ts), [0] * len(ts), ts, at, [v for _, v in points],
                         [flags] * len(ts))  # fmt: skip
        self.judge.take([batch.decode(batch.encode(one))])
        return self.hear()

    def wait(self, seconds: float) -> list[tuple[Any, ...]]:
        self.judge.advance(T + int(seconds * 1000), clock=True)
        return self.hear()

    def hear(self) -> list[tuple[Any, ...]]:
        found = []
        for operations in self.judge.drain().values():
            for o in operations:
                at = o["raised_at"] if o["op"] == "raise" else o["cleared_at"]
                found.append((o["op"], (o["started_at"] - T) / 1000, (at - T) / 1000, o["value"]))
        self.said += found
        return found

    def restart(self) -> None:
        """As after a crash: a new judge from the snapshot."""
        state = snapshot.save(self.judge, 0, stream="s", at=T)
        self.__init__(*self.rules, devices=self.rows)  # type: ignore[misc]
        assert snapshot.load(self.judge, 0, state) == {"stream": "s", "at": T}


def test_threshold_with_hysteresis_and_the_readings_own_time() -> None:
    b = Bench(rule())
    assert b.send((0, 2.0), (10, 3.0)) == []
    assert b.send((20, 3.1), recv=900) == [("raise", 20, 20, 3.1)]
    assert b.send((30, 5)) == b.send((40, 2.9)) == []
    assert b.send((50, 2.8)) == [("clear", 20, 50, 2.8)]
    assert b.send((60, 9), (70, 1), (80, 9)) == [("raise", 60, 60, 9), ("clear", 60, 70, 1), ("raise", 80, 80, 9)]


@pytest.mark.parametrize(
    ("op", "value", "bad", "good"),
    [("gt", 3, 3.1, 3), ("ge", 3, 3, 2.9), ("lt", 3, 2.9, 3), ("le", 3, 3, 3.1), ("eq", 1, 1, 0), ("ne", 1, 0, 1)],
)
def test_every_comparison(op: str, value: float, bad: float, good: float) -> None:
    b = Bench(rule(op=op, value=value, clear_value=None))
    assert [o[0] for o in b.send((0, good), (1, bad), (2, good))] == ["raise", "clear"]


def test_duration_is_driven_by_the_clock_and_carries_the_time_it_was_due() -> None:
    b = Bench(rule("duration", duration_s=600))
    assert b.send((0, 3.5), (300, 3.6)) == []
    assert b.wait(599.9) == []
    assert b.wait(605) == [("raise", 0, 600, 3.6)]
    assert b.send((700, 1)) == [("clear", 0, 700, 1)]
    b.send((800, 3.5), (900, 2))
    assert b.wait(3000) == [], "it did not hold"


def test_duration_without_the_clock_is_the_same() -> None:
    b = Bench(rule("duration", duration_s=600))
    assert b.send((0, 3.5), (300, 3.6), (601, 3.7)) == [("raise", 0, 600, 3.6)], "the value when it was due"
    c = Bench(rule("duration", duration_s=600))
    assert c.send((0, 3.5), (300, 3.6), (900, 1)) == [("raise", 0, 600, 3.6), ("clear", 0, 900, 1)]


def test_a_late_no_starts_the_count_anew_and_a_late_yes_does_not_lengthen_past_it() -> None:
    b = Bench(rule("duration", duration_s=600))
    b.send((0, 3.5), (400, 3.6))
    assert b.send((200, 1.0)) == [], "late: it did not hold at 200"
    assert b.wait(999) == [] and b.wait(1000) == [("raise", 400, 1000, 3.6)]
    c = Bench(rule("duration", duration_s=600))
    c.send((100, 1.0), (400, 3.6))
    c.send((300, 3.6))
    assert c.wait(900) == [("raise", 300, 900, 3.6)], "it held since 300"


def test_a_devices_clock_behind_ours_delays_the_timer_only_by_the_lag() -> None:
    b = Bench(rule("duration", duration_s=600))
    b.send((-86400, 4), recv=0)
    assert b.wait(599) == []
    assert b.wait(600) == [("raise", -86400, -85800, 4)]


def test_late_readings_and_repeats_do_not_move_a_threshold() -> None:
    b = Bench(rule())
    b.send((100, 1))
    assert b.send((50, 9)) == [] and b.send((100, 9)) == []
    b.send((200, 9))
    assert b.send((150, 1)) == [] and b.send((200, 9)) == []


def test_nothing_is_raised_again_before_the_pause_is_over() -> None:
    b = Bench(rule(reraise_s=300))
    b.send((0, 9), (10, 1))
    assert b.send((20, 9)) == [] and b.send((30, 1)) == []
    assert b.send((40, 9)) == []
    assert b.wait(309) == [] and b.wait(311) == [("raise", 40, 310, 9)]


def test_readings_out_of_range_are_not_judged() -> None:
    assert Bench(rule()).send((0, 9999), flags=batch.OUT_OF_RANGE) == []
    assert Bench(rule()).send((0, float("nan"))) == []


def test_silence_and_return() -> None:
    b = Bench(rule("no_data", property="", op="", value=None, clear_value=None, no_data_s=900))
    assert b.wait(10_000) == [], "it has never spoken"
    b.send((0, 1), prop="other")
    assert b.wait(899) == [] and b.wait(901) == [("raise", 0, 900, None)]
    assert b.wait(5000) == []
    assert b.send((5001, 1)) == [("clear", 0, 5001, None)]
    assert b.wait(5002) == [] and b.wait(6000) == [("raise", 5001, 5901, None)]


def test_when_nobody_speaks_it_is_the_line() -> None:
    many = [device(n) for n in range(40)]
    b = Bench(rule("no_data", property="", op="", value=None, clear_value=None, no_data_s=900), devices=many)
    for n in range(40):
        b.send((n, 1), n=n)
    b.wait(60)
    for at in range(100, 900, 100):
        for n in range(1, 40):
            b.send((at, 1), n=n)
    assert b.wait(950) == [("raise", 0, 900, None)], "one alone is silent"
    assert b.wait(20_000) == [] and b.judge.line_silent(T + 20_000_000)
    b.send((20_000, 1), n=5)
    assert b.wait(20_500) == [], "they get time to come back"
    assert len(b.wait(20_900)) == 38 + 1


def test_a_rule_has_its_area_its_devices_and_its_model() -> None:
    here = Bench(rule(area_path="d.1"))
    assert here.send((0, 9)) != []
    assert Bench(rule(area_path="d.10")).send((0, 9)) == []
    assert Bench(rule(device_ids=[uuid.uuid4()])).send((0, 9)) == []
    assert Bench(rule(model="air")).send((0, 9)) == []
    assert Bench(rule(), devices=[device(state="maintenance")]).send((0, 9)) == []


def test_a_household_thing_is_neither_judged_nor_shown_live() -> None:
    b = Bench(rule(), devices=[device(subject="household"), device(2)])
    assert b.send((0, 9)) == [] and live.collect(b.book) == []
    assert b.send((0, 9), n=2) != [] and b'"level"' in live.collect(b.book)[0][1]
    assert live.collect(b.book) == [], "only what changed"


def test_rules_change_while_alarms_are_on() -> None:
    b = Bench(rule(), rule(rule_id=uuid.UUID(int=2), value=1.0, clear_value=None))
    assert len(b.send((0, 5))) == 2
    b.book.put_rules([rule(version=2, value=8.0, clear_value=None)])
    assert b.send((10, 7)) == [("clear", 0, 10, 7)], "the one that stays ends by its new limit; the other is gone"
    assert b.send((20, 9)) == [("raise", 20, 20, 9)]
    b.book.put_devices([device(state="maintenance")], whole=True)
    assert b.send((30, 1)) == []
    b.book.put_devices([device()], whole=True)
    assert b.send((40, 9)) == [("raise", 40, 40, 9)]


def test_many_devices_many_rules_one_batch() -> None:
    rows = [device(n) for n in range(3000)]
    limits = [rule(rule_id=uuid.UUID(int=10 + i), value=float(i)) for i in range(5)]
    b = Bench(*limits, devices=rows)
    ids = [r.device_id.bytes for r in rows]
    one = batch.make(ids, ["level"], range(3000), [0] * 3000, [T] * 3000, [T] * 3000,
                     [n % 6 for n in range(3000)], [0] * 3000)  # fmt: skip
    b.judge.take([one])
    assert len(b.hear()) == sum(min(n % 6, 5) for n in range(3000))


def reference(points: list[tuple[int, float]], *, dur: int, reraise: int) -> list[tuple[str, int, int]]:
    """The rule gt 3 / clear 2.8 told slowly, for readings in order."""
    said: list[tuple[str, int, int]] = []
    start, on, block = None, False, -(10**9)
    for at, value in points:
        if start is not None and not on and at >= max(start + dur, block):
            said.append(("raise", start, max(start + dur, block)))
            on = True
        if on:
            if value <= 2.8:
                said.append(("clear", start, at))
                on, start, block = False, None, at + reraise
        elif value > 3:
            start = at if start is None else start
            if at >= max(start + dur, block):
                said.append(("raise", start, max(start + dur, block)))
                on = True
        else:
            start = None
    return said


@settings(max_examples=200, deadline=None)
@given(
    values=st.lists(st.sampled_from([1.0, 2.9, 3.5, 9.0]), min_size=1, max_size=40),
    dur=st.sampled_from([0, 5, 20]),
    reraise=st.sampled_from([0, 30]),
    seed=st.integers(0, 1000),
)
def test_cuts_clocks_and_crashes_change_nothing(values: list[float], dur: int, reraise: int, seed: int) -> None:
    """However the readings are cut into batches, whether the clock ticks between, and wherever it crashes."""
    rng = random.Random(seed)
    points, at = [], 0
    for value in values:
        at += rng.randint(1, 9)
        points.append((at, value))
    wanted = reference(points, dur=dur, reraise=reraise)
    b = Bench(rule("duration" if dur else "threshold", duration_s=dur, reraise_s=reraise))
    said: list[tuple[Any, ...]] = []
    i = 0
    while i < len(points):
        size = rng.randint(1, 5)
        said += b.send(*points[i : i + size])
        i += size
        if rng.random() < 0.3:
            b.restart()
        if rng.random() < 0.3 and i < len(points):
            said += b.wait(points[i][0] - 0.5)
    assert [o[:3] for o in said] == wanted


def test_a_count_of_more_readings_than_are_kept_still_ends() -> None:
    b = Bench(rule("duration", duration_s=3600))
    said = [o for at in range(3700) for o in b.send((at, 3.5))]
    assert said == [("raise", 0, 3600, 3.5)], "one a second for an hour"


def test_a_late_yes_does_not_reach_back_over_the_no_before_the_count() -> None:
    b = Bench(rule("duration", duration_s=600))
    b.send((0, 3.5), (100, 1.0), (200, 3.6))
    b.send((0, 3.5), (50, 3.5))
    assert b.wait(799) == [] and b.wait(800) == [("raise", 200, 800, 3.6)]


def test_silence_is_told_however_much_is_read_at_once() -> None:
    quiet = rule("no_data", property="", op="", value=None, clear_value=None, no_data_s=900)
    made = [batch.make([uuid.UUID(int=1001).bytes], ["level"], [0], [0], [T + s * 1000], [T + s * 1000], [1.0], [0])
            for s in (0, 600, 1700, 1800)]  # fmt: skip
    for size in (1, 2, 4):
        b = Bench(quiet)
        for at in range(0, 4, size):
            b.judge.take(made[at : at + size])
        assert b.hear() == [("raise", 600, 1500, None), ("clear", 600, 1700, None)], size


def test_silence_of_one_property_is_not_ended_by_another() -> None:
    b = Bench(rule("no_data", op="", value=None, clear_value=None, no_data_s=900))
    b.send((0, 1))
    assert b.wait(901) == [("raise", 0, 900, None)]
    assert b.send((950, 1), prop="other") == b.wait(2000) == []
    assert b.send((2100, 1)) == [("clear", 0, 2100, None)]
