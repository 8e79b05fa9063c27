"""The bench over stored history tells the alarms that sense raised, one for one."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sense.reference import occurrences
from tests.sense.test_judge import T, device, rule
from tests.telemetry.historykit import HistoryProcess

from linli.devices.contracts import RuleRow
from linli.devices.models import Alarm, AlarmNote
from linli.kernel import ids
from linli.kernel.actor import Actor, Grant
from linli.kernel.errors import Invalid, TooMany
from linli.telemetry import batch, bench_selectors, selectors
from linli.telemetry.sense.bench import Bench
from linli.telemetry.sense.book import Book
from linli.telemetry.sense.judge import Judge

Point = tuple[int, int, int, float, int]  # device, own time, arrival, value, flags
RULES = {
    "threshold": rule(),
    "bare": rule(clear_value=None, reraise_s=40),
    "duration": rule("duration", duration_s=60, reraise_s=30),
    "below": rule("duration", op="lt", value=3.0, clear_value=3.2, duration_s=45),
    "silence": rule("no_data", op="", value=None, clear_value=None, no_data_s=100),
}


def messages(rng: random.Random, count: int, *, again: bool) -> list[list[Point]]:
    """Readings that come late, out of range, in heaps, after gaps and (`again`) twice; a message has those of some
    devices. A reading is (device, own time): sent again it is the same."""
    known: dict[tuple[int, int], tuple[float, int]] = {}
    made: list[list[Point]] = []
    now, sent = T, list[Point]()
    for _ in range(count):
        now += rng.choice([200, 5_000, 9_000, 20_000, 130_000] if rng.random() < 0.3 else [1_000, 3_000, 10_000])
        one: list[Point] = []
        for n in rng.sample(range(4), rng.randint(1, 3)):
            for _ in range(rng.choice([1, 1, 1, 3])):
                lag = rng.choice([0, 0, 0, 40, 8_000, 30_000, 70_000])
                value = rng.choice([1.0, 2.9, 3.1, 3.5, 9.0, float("nan")] if rng.random() < 0.1 else [1.0, 2.9, 3.5])
                flags = batch.OUT_OF_RANGE if rng.random() < 0.1 else 0
                one.append((n, now - lag, now, *known.setdefault((n, now - lag), (value, flags))))
        if again and sent and rng.random() < 0.3:
            n, ts, _, value, flags = rng.choice(sent[-20:])
            one.append((n, ts, now, value, flags))
        if not again:
            one = [p for i, p in enumerate(one) if all(p[:2] != q[:2] for q in [*sent, *one[:i]])]
        sent += one
        made += [one] if one else []
    return made


def live(one_rule: RuleRow, made: list[list[Point]], rng: random.Random) -> list[tuple[Any, ...]]:
    """As sense takes them: some messages at once, the clock between, ending late."""
    book = Book(1)
    book.put_rules([one_rule])
    book.put_devices([device(n) for n in range(4)], whole=True)
    judge = Judge(book)
    judge.owned[:] = judge.ready[:] = True
    said: list[tuple[Any, ...]] = []
    at = 0
    while at < len(made):
        size = rng.choice([1, 1, 2, 5, 40])
        judge.take([_batch(m) for m in made[at : at + size]])
        at += size
        if at < len(made) and rng.random() < 0.5:
            judge.advance(made[at][0][2] - rng.choice([1, 150]), clock=True)
        said += judge.drain().get(0, [])
    judge.advance(T + 10**12, clock=True)
    said += judge.drain().get(0, [])
    return occurrences(said)


def _batch(points: list[Point]) -> batch.Batch:
    keys = [uuid.UUID(int=1000 + n).bytes for n in range(4)]
    dev, ts, recv, value, flags = zip(*points, strict=True)
    return batch.decode(batch.encode(batch.make(keys, ["level"], dev, [0] * len(dev), ts, recv, value, flags)))


def stored(made: list[list[Point]]) -> list[tuple[int, Point]]:
    """What history keeps: the first of each (device, own time)."""
    seen: set[tuple[int, int]] = set()
    kept = []
    for seq, one in enumerate(made):
        for p in one:
            if p[:2] not in seen:
                seen.add(p[:2])
                kept.append((seq, p))
    return kept


def table(rows: list[tuple[int, Point]]) -> pa.Table:
    return pa.table({
        "device": pa.array([uuid.UUID(int=1000 + p[0]).bytes for _, p in rows], pa.binary(16)),
        "property": ["level"] * len(rows), "t": [p[1] for _, p in rows], "recv": [p[2] for _, p in rows],
        "value": [p[3] for _, p in rows], "flags": np.array([p[4] for _, p in rows], np.uint8),
        "seq": np.array([s for s, _ in rows], np.uint64),
    })  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(kind=st.sampled_from(sorted(RULES)), seed=st.integers(0, 1 << 30), count=st.integers(1, 80))
def test_history_judged_again_is_what_sense_said(kind: str, seed: int, count: int) -> None:
    rng = random.Random(seed)
    made = messages(rng, count, again=kind != "silence")  # what is sent again is not stored, so it is no arrival
    rows = stored(made)
    rng.shuffle(rows)  # the store keeps the order of messages, not that within one
    rows.sort(key=lambda r: r[0])
    bench = Bench(RULES[kind], [device(n) for n in range(4)])
    with mock.patch("linli.telemetry.sense.bench.SLICE", rng.choice([1, 7, 1000])):
        bench.take(table(rows))
    found = sorted((str(o.device_id), o.started_at, o.raised_at, o.ended_at) for o in bench.finish())
    assert found == live(RULES[kind], made, rng)


def test_peak_and_what_is_not_judged() -> None:
    bench = Bench(RULES["threshold"], [device(1)])
    points = [(1, T + s * 1000, T + s * 1000, v, f) for s, v, f in
              ((0, 1, 0), (10, 4, 0), (20, 99, batch.OUT_OF_RANGE), (30, 7, 0), (40, 1, 0), (50, 5, 0))]  # fmt: skip
    bench.take(table(list(enumerate(points))))
    one, two = bench.finish()
    assert (one.started_at, one.ended_at, one.value, one.ended_at) == (T + 10_000, T + 40_000, 4, T + 40_000)
    assert one.peak == 7, "a reading that is not judged is no peak"
    assert (two.started_at, two.ended_at, two.peak, bench.points, bench.unfit) == (T + 50_000, None, 5, 6, 1)


SEVERAL = {
    "match": "any",
    "terms": [{"kind": "rate", "property": "level", "op": "gt", "value": 1.5, "per": "hour", "window_s": 3600},
              {"kind": "count", "property": "level", "op": "ge", "value": 4.0, "times": 2, "window_s": 1800}],
    "windows": [{"days": "every", "from": "20:00", "to": "12:00"}],
    "ladder": [{"severity": "warning", "after_s": 900}, {"severity": "severe", "value": 3.0}],
}  # fmt: skip


@pytest.mark.engines
@pytest.mark.timeout(120)
def test_live_alarms_in_the_database_and_the_bench_over_the_store_are_the_same(fleet: Callable, tmp_path: Path) -> None:
    """Two days of a random stream through the real sense, database and history, then the same rules on the bench."""
    f = fleet(12)
    rules = [f.rule(clear_value=2.8), f.rule(kind="duration", duration_s=600, reraise_s=300, value=2.8),
             f.rule(kind="no_data", property="", op="", value=None, no_data_s=1800),
             f.rule(kind="terms", op="", value=None, severity="info", duration_s=600, condition=SEVERAL)]  # fmt: skip
    home = tmp_path / "history"
    home.mkdir()
    store = HistoryProcess(home, f.nats)
    store.start()
    begin = int(time.time() * 1000) - 3 * 86_400_000

    try:
        last = asyncio.run(fill(f, begin))
        f.wait_ready(f.start())  # it reads all of it, then follows the clock
        assert store.client.flush(last, 20)
        time.sleep(1.5)
        f.stop()
        with mock.patch.object(selectors, "history", return_value=store.client):
            for one in rules:
                compare(one, begin)
            told = AlarmNote.objects.filter(alarm__rule=rules[3], kind="severity")
            assert told.filter(text="info → warning").exists() and told.filter(text__endswith="severe").exists()
            refuse(rules[0], begin)
    finally:
        store.stop()


async def fill(f: Any, begin: int) -> int:
    """Two days of readings every ten minutes, some missing, late, out of range or doubled; the last sequence."""
    nc, rng, last = await f.connect(), random.Random(11), 0
    for now in range(begin, begin + 288 * 600_000, 600_000):
        groups: dict[int, list[tuple[int, int, float, int]]] = {}
        for n in (n for n in range(12) if rng.random() > 0.15):
            mine = groups.setdefault(batch.partition_of(f.devices[n].pk.bytes, 4), [])
            at, value = now - rng.choice([0, 0, 0, 730_000, 1_300_000]), rng.choice([1.0, 2.7, 3.5, 4.0])
            mine += [(n, at, value, 4 if rng.random() < 0.05 else 0)] * rng.choice([1] * 9 + [2])
        for part, mine in groups.items():
            numbers = sorted({p[0] for p in mine})
            one = batch.make(
                [f.devices[n].pk.bytes for n in numbers], ["level"], [numbers.index(p[0]) for p in mine],
                [0] * len(mine), [p[1] for p in mine], [now] * len(mine), [p[2] for p in mine], [p[3] for p in mine],
            )  # fmt: skip
            last = (await nc.jetstream().publish(batch.subject_of(part), batch.encode(one))).seq
    await nc.close()
    return last


def someone(*permissions: str, area: str = "d") -> Actor:
    held = frozenset(permissions or ("rules.view", "devices.view", "alarms.view"))
    return Actor(kind="account", account_id=ids.new_id(), grants=(Grant("test", area, held),))


def ask(one: Any, begin: int, actor: Actor | None = None, **body: Any) -> dict[str, Any]:
    start, end = (datetime.fromtimestamp(x, UTC) for x in (begin / 1000 - 86_400, time.time()))
    actor = actor or someone()
    what = bench_selectors.asked(actor, rule_id=one.pk, version=None, body=body, model="", start=start, end=end)
    return bench_selectors.at_once(actor, what)


def compare(one: Any, begin: int) -> None:
    answer = ask(one, begin)
    wanted = {(a.device_id, a.started_at, a.raised_at, a.cleared_at) for a in Alarm.objects.filter(rule=one)}
    found = {(a["device"]["id"], a["started_at"], a["raised_at"], a["ended_at"]) for a in answer["alarms"]}
    assert found == wanted and len(wanted) > 12
    assert answer["only_new"] == answer["only_old"] == 0 and answer["both"] == answer["total"] == len(wanted)
    assert answer["points"] > 2_000 and answer["line_unknown"] == (one.kind == "no_data")


def refuse(one: Any, begin: int) -> None:
    """A stricter draft differs; another area sees nothing; bounds and busy are told."""
    assert ask(one, begin, value=3.8)["only_old"] >= 0 < ask(one, begin, value=3.8)["total"]
    assert ask(one, begin, value=2.8, clear_value=None)["only_new"] == 0
    never = ask(one, begin, value=50)
    assert never["total"] == 0 and never["only_old"] == Alarm.objects.filter(rule=one).count()
    assert ask(one, begin, someone("rules.view", "devices.view", area="d.2"))["devices"] == 0
    with pytest.raises(Invalid, match=r"rule\.op"):
        ask(one, begin, op="about")
    with mock.patch.object(bench_selectors, "MAX_POINTS", 10), pytest.raises(Invalid, match="at most 10"):
        ask(one, begin)
    with bench_selectors._one, pytest.raises(TooMany):
        ask(one, begin)
