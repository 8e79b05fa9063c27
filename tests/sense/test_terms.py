"""Rules of several terms: the judge against a slow reference, however readings are cut, restarted or replayed."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any
from unittest import mock
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.sense.reference import LEARNS_SOON, Reference, occurrences
from tests.sense.test_judge import T, device, rule

from linli.devices import conditions
from linli.devices.contracts import RegistryRow, RuleRow
from linli.telemetry import anomaly, batch
from linli.telemetry.sense import snapshot
from linli.telemetry.sense.bench import Bench
from linli.telemetry.sense.book import Book
from linli.telemetry.sense.judge import Judge
from linli.telemetry.sense.schedule import Days, Windows, district

Point = tuple[int, str, int, int, float, int]  # device, property, own time, arrival, value, flags
PROPERTIES = ["level", "flow", "ph"]
DEVICES, PARTS = 4, 7  # two judged in one partition, the two that they look at in others
END = T + 2 * 86_400_000


def over(prop: str = "level", **more: Any) -> dict[str, Any]:
    return {"kind": "threshold", "property": prop, "op": "gt", "value": 3.0} | more


def terms(*some: dict[str, Any], match: str = "all", duration_s: int = 0, reraise_s: int = 0, **more: Any) -> RuleRow:
    return rule(
        "terms", op="", value=None, clear_value=None, property=some[0]["property"], duration_s=duration_s,
        reraise_s=reraise_s, severity="info", condition={"match": match, "terms": list(some)} | more,
    )  # fmt: skip


def near(prop: str, *, level: int = 1, age_s: int = 30, **more: Any) -> dict[str, Any]:
    return over(prop, **more) | {"of": {"model": "rain", "level": level, "age_s": age_s}}


OUTSIDE = {"kind": "range", "property": "ph", "op": "outside", "low": 2.0, "high": 5.0, "margin": 0.5}
INSIDE = {"kind": "range", "property": "flow", "op": "inside", "low": 2.0, "high": 5.0, "margin": 0.5}
RISE = {
    "kind": "rate",
    "property": "level",
    "op": "gt",
    "value": 2.0,
    "clear_value": 0.5,
    "per": "minute",
    "window_s": 60,
}
OFTEN = {"kind": "count", "property": "flow", "op": "ge", "value": 3.5, "times": 3, "window_s": 60}


def figure(formula: str, code: str = "figure") -> dict[str, Any]:
    return {"code": code, "name": {"zh": "数", "en": "figure"}, "formula": formula}


ODD = {"kind": "anomaly", "property": "level", "side": "any", "value": 1.0, "clear_value": 0.8}
WINDOWS = [{"days": "workday", "from": "16:56", "to": "16:58"}, {"days": [4], "from": "17:00", "to": "17:05"},
           {"from": "17:05", "to": "17:06"}, {"days": "restday", "from": "17:08", "to": "17:09"},
           {"from": "17:10", "to": "16:54"}]  # fmt: skip
LADDER = [{"severity": "warning", "after_s": 60}, {"severity": "severe", "value": 4.0, "clear_value": 3.2},
          {"severity": "urgent", "value": 6.0}]  # fmt: skip
RULES = {
    "outside": terms(OUTSIDE),
    "outside for long": terms(OUTSIDE, duration_s=40, reraise_s=20),
    "inside": terms(INSIDE, reraise_s=30),
    "rate": terms(RISE),
    "rate for long": terms(RISE, duration_s=20, reraise_s=40),
    "count": terms(OFTEN),
    "all": terms(over(clear_value=2.5), over("flow"), reraise_s=15),
    "all for long": terms(over(clear_value=2.5), over("flow"), duration_s=45, reraise_s=30),
    "any": terms(over(clear_value=2.5), over("flow", op="le", value=1.0, clear_value=2.9), match="any", reraise_s=10),
    "any for long": terms(over(), INSIDE, OFTEN, match="any", duration_s=60),
    "mixed": terms(over("ph", op="ge", clear_value=1.5), RISE, OFTEN, match="any", duration_s=15),
    "ladder": terms(over(clear_value=2.5), ladder=LADDER),
    "ladder for long": terms(
        over(clear_value=2.5), over("flow"), match="any", duration_s=20, ladder=LADDER, reraise_s=30
    ),
    "ladder of a rate in windows": terms(
        RISE,
        windows=WINDOWS,
        ladder=[{"severity": "severe", "value": 6.0, "clear_value": 1.0}, {"severity": "urgent", "after_s": 25}],
    ),
    "in windows": terms(over(clear_value=2.5), windows=WINDOWS),
    "in windows for long": terms(
        over(), over("flow", op="lt"), match="any", duration_s=50, reraise_s=40, windows=WINDOWS
    ),
    "anomaly": terms(ODD),
    "anomalies of several sides": terms(
        ODD | {"side": "above"},
        ODD | {"side": "below", "property": "ph"},
        ODD | {"side": "jump", "property": "ph"},
        match="any",
        duration_s=5,
        reraise_s=10,
    ),
    "anomaly and another": terms(
        ODD | {"clear_value": None}, over("flow"), duration_s=8, ladder=[{"severity": "severe", "after_s": 20}]
    ),
    "figure": terms(over("figure", value=1.0, clear_value=0.5), calculated=[figure("level - flow")]),
    "figure for long": terms(
        over("figure", op="lt", value=-0.5, clear_value=0.4),
        over("ph"),
        match="any",
        duration_s=25,
        reraise_s=20,
        calculated=[figure("level - flow")],
    ),
    "figure that is not always there": terms(
        OUTSIDE | {"property": "figure", "low": 1.5, "high": 6.0},
        over(value=1.5),
        duration_s=10,
        calculated=[figure("flow / (level - 2) + abs(ph - 3)")],
    ),
    "figures in windows": terms(
        over("figure", value=2.0, clear_value=1.8),
        OFTEN | {"property": "second", "op": "le", "value": 4.0},
        RISE | {"property": "figure"},
        match="any",
        windows=WINDOWS,
        calculated=[figure("level - flow"), figure("max(level, flow, 2) * 0.5 - -min(ph, level)", "second")],
        ladder=[{"severity": "severe", "value": 3.0}, {"severity": "urgent", "after_s": 40}],
    ),
    "another's": terms(over(clear_value=2.5), near("flow", clear_value=2.5)),
    "another's for long": terms(over(value=1.5), near("flow", age_s=25), duration_s=12, reraise_s=20),
    "another's or ours": terms(
        over(clear_value=2.5),
        near("ph", level=0, age_s=25, op="le", value=1.0),
        INSIDE,
        match="any",
        duration_s=20,
        ladder=[{"severity": "severe", "after_s": 20}],
    ),
    "another's range in windows": terms(
        over(value=1.5), OUTSIDE | {"of": {"model": "rain", "level": 1, "age_s": 40}}, windows=WINDOWS
    ),
    "two others'": terms(over(value=1.5), near("level", level=0, age_s=60), near("flow", level=1, age_s=12, value=2.0)),
    "all of three": terms(OUTSIDE, over(op="ne", value=9.0), over("flow", op="lt", value=9.0), duration_s=30),
}


def messages(rng: random.Random, count: int) -> list[list[Point]]:
    """Readings of several properties: together and apart, late, out of order, out of range, in heaps, sent again."""
    known: dict[tuple[int, str, int], tuple[float, int]] = {}
    made: list[list[Point]] = []
    now, sent = T, list[Point]()
    calm = rng.random() < 0.5
    for _ in range(count):
        now += rng.choice([200, 5_000, 9_000, 20_000, 130_000] if rng.random() < 0.3 else [1_000, 3_000, 10_000])
        one: list[Point] = []
        for n in rng.sample(range(DEVICES), rng.randint(1, 3)):
            for _ in range(rng.choice([1, 1, 1, 3])):
                ts = now - rng.choice([0] if calm else [0, 0, 0, 40, 8_000, 30_000, 70_000])
                for prop in rng.sample(PROPERTIES, rng.choice([1, 2, 3, 3])):
                    value = rng.choice([1.0, 2.0, 2.7, 3.5, 5.0, 9.0])
                    value = float("nan") if rng.random() < 0.02 else value
                    flags = batch.OUT_OF_RANGE if rng.random() < 0.05 else 0
                    one.append((n, prop, ts, now, *known.setdefault((n, prop, ts), (value, flags))))
        if sent and rng.random() < 0.3:
            n, prop, ts, _, value, flags = rng.choice(sent[-20:])
            one.append((n, prop, ts, now, value, flags))
        sent += one
        made.append(one)
    return made


def make_batch(points: list[Point], sequence: int = 0) -> batch.Batch:
    keys = [uuid.UUID(int=1000 + n).bytes for n in range(DEVICES)]
    dev, prop, ts, recv, value, flags = zip(*points, strict=True)
    numbers = [PROPERTIES.index(p) for p in prop]
    made = batch.decode(batch.encode(batch.make(keys, PROPERTIES, dev, numbers, ts, recv, value, flags)))
    made.sequence = sequence
    return made


def looks(one: RuleRow) -> bool:
    return any("of" in term for term in one.condition["terms"])  # type: ignore[index]


def fleet_of(one: RuleRow) -> list[RegistryRow]:
    """Four that are judged; or, where a rule looks at others, two, each with another beside it."""
    if not looks(one):
        return [device(n) for n in range(DEVICES)]
    return [device(0, area_path="d.1"), device(1, area_path="d.2"), device(2, area_path="d.1.7", model="rain"),
            device(3, area_path="d.2", model="rain")]  # fmt: skip


def new_judge(one: RuleRow, owned: list[int] | None = None, parts: int = 1) -> Judge:
    book = Book(parts)
    book.put_rules([one])
    book.put_devices(fleet_of(one), whole=True)
    judge = Judge(book)
    judge.owned[[0] if owned is None else owned] = judge.ready[[0] if owned is None else owned] = True
    return judge


def live(one: RuleRow, made: list[list[Point]], rng: random.Random) -> list[tuple[Any, ...]]:
    """As sense takes them: some messages at once, the clock between, restarted now and then, ending late. Rules that
    look at others are judged by several processes, whose partitions were saved at different times."""
    said: list[dict[str, Any]] = []
    if not looks(one):
        said += process(one, made, rng, [0], 1)
    elif rng.random() < 0.3:
        said += process(one, made, rng, list(range(PARTS)), PARTS)
    else:
        for n in (0, 1):
            said += process(one, made, rng, [p for p in range(PARTS) if p % 2 == n], PARTS)
    return occurrences(said, severity=one.severity)


def process(
    one: RuleRow, made: list[list[Point]], rng: random.Random, mine: list[int], parts: int
) -> list[dict[str, Any]]:
    """One process, perhaps begun anew: by its sequences it tells what a partition has heard before it was saved."""
    judge, said, at = new_judge(one, mine, parts), list[dict[str, Any]](), 0
    saved: dict[int, list[tuple[int, bytes]]] = {part: [] for part in mine}
    while at < len(made):
        size = rng.choice([1, 1, 2, 5, 40])
        judge.take([make_batch(m, at + n + 1 if parts > 1 else 0) for n, m in enumerate(made[at : at + size])])
        at += size
        if at < len(made) and rng.random() < 0.5:
            judge.advance(made[at][0][3] - rng.choice([1, 150]), clock=True)
        for operations in judge.drain().values():
            said += operations
        for part in mine:
            if parts == 1 or rng.random() < 0.5:
                judge.seen[part] = min(at, len(made))
                saved[part].append((int(judge.seen[part]), snapshot.save(judge, part, stream="s", at=T)))
        if rng.random() < 0.2 and all(saved.values()):
            judge, at = new_judge(one, mine, parts), min(at, len(made))
            for part in mine:
                judge.seen[part], state = saved[part][-1]
                snapshot.load(judge, part, state)
                at = min(at, int(judge.seen[part]))
    judge.advance(END, clock=True)
    for operations in judge.drain().values():
        said += operations
    return said


def wanted(one: RuleRow, made: list[list[Point]]) -> list[tuple[Any, ...]]:
    found = []
    rows = fleet_of(one)
    for n, own in enumerate(rows):
        if own.model != one.model:
            continue
        near = [k for k, row in enumerate(rows) if row.model != one.model]
        slow = Reference(one, T, {level: [k for k in near if level == 0 or rows[k].area_path[:3] == own.area_path[:3]]
                                  for level in (0, 1)})  # fmt: skip
        for message in made:
            slow.hear([(p if d == n else f"{d}:{p}", ts, recv, v, not f & batch.OUT_OF_RANGE)
                       for d, p, ts, recv, v, f in message if d == n or d in near])  # fmt: skip
        found += [(str(uuid.UUID(int=1000 + n)), *told) for told in slow.end(END)]
    return sorted(found)


def split(made: list[list[Point]]) -> list[list[Point]]:
    """As they travel: a message has devices of one partition."""
    keys = {n: batch.partition_of(uuid.UUID(int=1000 + n).bytes, PARTS) for n in range(DEVICES)}
    halves = ([p for p in message if keys[p[0]] == part] for message in made for part in range(PARTS))
    return [half for half in halves if half]


def bench_of(one: RuleRow) -> Bench:
    rows = fleet_of(one)
    return Bench(one, [r for r in rows if r.model == one.model], others=[r for r in rows if r.model != one.model])


def table(made: list[list[Point]], rng: random.Random) -> pa.Table:
    """What history keeps: the first of each (device, property, own time), within a message in any order."""
    seen, rows = set(), []
    for seq, message in enumerate(made):
        fresh = [p for i, p in enumerate(message) if p[:3] not in seen and all(p[:3] != q[:3] for q in message[:i])]
        seen |= {p[:3] for p in fresh}
        rng.shuffle(fresh)
        rows += [(seq, p) for p in fresh]
    return pa.table({
        "device": pa.array([uuid.UUID(int=1000 + p[0]).bytes for _, p in rows], pa.binary(16)),
        "property": [p[1] for _, p in rows], "t": [p[2] for _, p in rows], "recv": [p[3] for _, p in rows],
        "value": [p[4] for _, p in rows], "flags": np.array([p[5] for _, p in rows], np.uint8),
        "seq": np.array([s for s, _ in rows], np.uint64),
    })  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def _learns_soon() -> Iterator[None]:
    with mock.patch("linli.telemetry.sense.learnt.of_packs", return_value=LEARNS_SOON):
        yield


@settings(max_examples=400, deadline=None)
@given(kind=st.sampled_from(sorted(RULES)), seed=st.integers(0, 1 << 30), count=st.integers(1, 80))
@example("anomaly and another", 20, 67)  # a step of the ladder, due by a late reading in the slot's past
@example("another's for long", 29, 51)  # a count that begins again at the very time of one that ended
@example("another's or ours", 388, 80)  # a timer that a snapshot brings
def test_cuts_clocks_restarts_and_the_past_change_nothing(kind: str, seed: int, count: int) -> None:
    rng = random.Random(seed)
    made, one = split(messages(rng, count)), RULES[kind]
    right = wanted(one, made)
    assert live(one, made, rng) == right
    bench = bench_of(one)
    with mock.patch("linli.telemetry.sense.bench.SLICE", rng.choice([1, 7, 1000])):
        bench.take(table(made, rng))
    found = bench.finish(END)
    assert sorted((str(o.device_id), o.started_at, o.raised_at, o.ended_at, tuple(o.levels)) for o in found) == right


def test_the_streams_of_the_reference_do_raise_and_end() -> None:
    """Else the test above would compare nothing with nothing."""
    for name, one in RULES.items():
        found = [o for seed in range(6) for o in wanted(one, split(messages(random.Random(seed), 80)))]
        assert len(found) >= 6 and any(o[3] for o in found), name


def test_what_is_learnt_is_forgotten_when_no_rule_looks() -> None:
    """And kept while one does, however the rule around it changes."""
    one = RULES["anomaly"]
    judge = new_judge(one)
    for n in range(20):
        judge.take([make_batch([(0, "level", T + n * 10_000, T + n * 10_000, 2.0 + n % 2, 0)])])
    learnt = judge.book.terms.learnt

    def seen() -> float:
        row = learnt.detector.rows([judge.book.key_of(int(judge.book.series_of[0, 0]))])
        return float(learnt.detector._state[0, row[0]])

    assert seen() == 20
    stricter = terms(ODD | {"value": 2.0})
    judge.book.put_rules([replace(stricter, version=2)])
    judge.take([make_batch([(0, "level", T + 300_000, T + 300_000, 2.0, 0)])])
    assert seen() == 21
    judge.book.put_rules([replace(RULES["rate"], version=3)])
    judge.take([make_batch([(0, "level", T + 310_000, T + 310_000, 2.0, 0)])])
    assert seen() == 0 and not learnt


def test_sides_are_called_the_same_where_rules_are_written() -> None:
    assert conditions.SIDES == anomaly.SIDES


def test_windows_cross_midnight_and_know_the_days_off() -> None:
    days_off = {"days": "holiday", "from": "00:00", "to": "24:00"}
    windows = Windows([{"days": "workday", "from": "22:00", "to": "06:00"}, days_off], district())

    def at(text: str) -> int:
        return round(datetime.fromisoformat(f"{text}+08:00").timestamp() * 1000)

    assert windows.edge(at("2025-10-09T12:00")) == at("2025-10-09T22:00")
    assert windows.edge(at("2025-10-09T23:00")) == at("2025-10-10T06:00")
    assert windows.since(at("2025-10-10T05:00")) == at("2025-10-09T22:00")
    assert windows.open(at("2025-10-11T22:00")), "a Saturday that is worked"
    assert not windows.open(at("2025-10-12T23:00")), "a Sunday"
    assert windows.edge(at("2025-10-02T12:00")) == at("2025-10-09T00:00"), "days that touch are one span"
    assert not windows.open(at("2025-10-19T12:00")), "a Sunday like others is no holiday"
    never = Windows([days_off], Days(ZoneInfo("Asia/Shanghai")))
    assert not never.open(T) and never.edge(T) > T
    always = Windows([{"from": "00:00", "to": "24:00"}], district())
    assert always.open(T) and always.edge(T) > T


def test_a_door_left_open_is_told_when_the_night_begins_and_ends_with_it() -> None:
    """Nothing is read at 22:00 or 06:00: the clock does it, and the readings' time is what counts."""
    night = terms(over(), windows=[{"from": "22:00", "to": "06:00"}])
    judge = new_judge(night)
    begin = round(datetime.fromisoformat("2025-10-09T21:50:00+08:00").timestamp() * 1000)
    judge.take([make_batch([(0, "level", begin, begin + 500, 9.0, 0)])])
    judge.advance(begin + 600_000, clock=True)
    assert not judge.drain(), "the device's clock is half a second behind"
    judge.advance(begin + 600_700, clock=True)
    (told,) = judge.drain()[0]
    assert (told["op"], told["started_at"], told["raised_at"], told["value"]) == (
        "raise", begin + 600_000, begin + 600_000, 9.0)  # fmt: skip
    judge.advance(begin + 9 * 3_600_000, clock=True)
    (told,) = judge.drain()[0]
    assert (told["op"], told["cleared_at"]) == ("clear", begin + 600_000 + 8 * 3_600_000)
