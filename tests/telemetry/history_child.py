"""Run by test_history_store in its own process: `history_child.py FOLDER WHAT ...`; prints ok or fails."""

from __future__ import annotations

import os
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from linli.kernel import packs
from linli.telemetry import batch, corrected, tiers
from linli.telemetry.batch import NO_TIME, PRIVATE, Batch
from linli.telemetry.corrected import Change
from linli.telemetry.history import backup, corrections, questions
from linli.telemetry.history.journal import Journal
from linli.telemetry.history.store import Store
from linli.telemetry.history.writer import Writer

T0 = 1_790_000_000_000
DEV = [uuid.uuid5(uuid.NAMESPACE_URL, f"d{i}").bytes for i in range(50)]


def one(seq: int, rows: Sequence[tuple[int, str, int, float]], flags: int = 0) -> Batch:
    names = sorted({r[1] for r in rows})
    b = batch.make(
        DEV, names, [r[0] for r in rows], [names.index(r[1]) for r in rows], [r[2] for r in rows],
        [T0] * len(rows), [r[3] for r in rows], [flags] * len(rows),
    )  # fmt: skip
    b.sequence = seq
    return b


def block(seq: int) -> Batch:
    """Message `seq` of an endless made stream: new rows, resent rows of the message before, late and old rows."""
    rng = np.random.default_rng(seq)
    rows = [(int(d), f"p{p}", T0 + seq * 1000 + i, float(seq)) for i, (d, p) in enumerate(
        zip(rng.integers(0, 50, 150), rng.integers(0, 3, 150), strict=True))]  # fmt: skip
    if seq > 1:
        rows += block_new(seq - 1)[: seq % 60]
    rows.append((0, "old", T0 - 40 * 86_400_000 + seq, 1.0))
    rows.append((0, "old", T0 - 40 * 86_400_000 + seq // 2, 1.0))
    return one(seq, rows)


def block_new(seq: int) -> list[tuple[int, str, int, float]]:
    rng = np.random.default_rng(seq)
    return [(int(d), f"p{p}", T0 + seq * 1000 + i, float(seq)) for i, (d, p) in enumerate(
        zip(rng.integers(0, 50, 150), rng.integers(0, 3, 150), strict=True))]  # fmt: skip


class Run:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.store = Store(folder)
        self.writer = Writer(self.store)
        self.journal = Journal(folder / "journal")

    def put(self, *batches: Batch) -> int:
        intent = self.journal.intend(batches[0].sequence, batches[-1].sequence)
        rows = self.writer.write(intent, batches)
        self.journal.done()
        return rows

    def value(self, sql: str) -> object:
        return self.writer.client.query(sql).result_rows[0][0]

    def totals(self) -> tuple[object, ...]:
        return tuple(self.value(q) for q in (
            "SELECT count() FROM raw", "SELECT sum(n) FROM minute", "SELECT sum(n) FROM hour"))  # fmt: skip


def rules(run: Run) -> None:
    run.journal.set_stream("one")
    assert run.put(one(1, [(0, "a", T0, 1), (0, "a", T0 + 1, 2), (0, "a", T0, 1), (1, "a", T0, 3)])) == 3
    assert run.put(one(2, [(0, "a", T0, 1), (0, "a", T0 + 1, 2)])) == 0, "resent after a lost acknowledgement"
    assert run.put(one(3, [(0, "a", T0 - 5_000, 9), (0, "b", T0, 1), (0, "a", T0 + 1, 2), (0, "a", T0 + 2, 5)])) == 3
    assert run.put(one(4, [(0, "a", T0 - 5_000, 9), (0, "a", T0 - 90 * 86_400_000, 7)])) == 1, "late, once"
    assert run.put(one(5, [(2, "a", T0, 1), (2, "a", T0, 1)], NO_TIME)) == 2, "without own time: every one is kept"
    assert run.put(one(6, [(2, "a", T0, 1)])) == 1
    assert run.totals() == (10, 10, 10)
    last = questions.ask(run.writer.client, questions.latest([DEV[0], DEV[1]])).to_pylist()
    found = sorted((r["property"], r["t"], r["value"]) for r in last)
    assert found == [("a", T0, 3), ("a", T0 + 2, 5), ("b", T0, 1)], last
    newest = questions.ask(run.writer.client, questions.readings(DEV[0], None, 0, T0 + 10, None, 3, True)).to_pylist()
    assert [r["t"] for r in newest] == [T0 + 2, T0 + 1, T0], newest
    more = questions.readings(DEV[0], None, 0, T0 + 10, (T0, newest[-1]["property"]), 9, True)
    rest = questions.ask(run.writer.client, more).to_pylist()
    assert (len(rest) == 3 and {r["property"] for r in rest} == {"a"}) or len(rest) == 3, rest
    assert sum(len(t) for t in questions.pages(run.writer.client, DEV[0], None, 0, T0 + 10, size=2)) == 6
    counted = questions.ask(run.writer.client, questions.counts([DEV[0]], T0 - 10_000, T0 + 10)).to_pylist()
    assert sum(r["count"] for r in counted) == 5, counted


def private(run: Run) -> None:
    """Of households, persons and vehicles: kept apart, once, for 30 days, in no rollup and no open question."""
    now = int(time.time() * 1000)
    run.journal.set_stream("one")
    mixed = one(1, [(0, "lat", now, 31.9), (0, "lat", now - 1_000, 31.8)], PRIVATE)
    assert run.put(mixed, one(2, [(1, "level", now, 2.0)])) == 3
    assert run.put(one(3, [(0, "lat", now, 31.9), (0, "lat", now - 1_000, 31.8), (0, "lat", now - 9, 7)], PRIVATE)) == 1
    again = Writer.__new__(Writer)
    again.__dict__.update(run.writer.__dict__, last={}, devices={}, ids=[], props={}, names=[])
    again._load_last()  # as after a restart
    run.writer = again
    assert run.put(one(4, [(0, "lat", now, 31.9), (0, "lat", now - 31 * 86_400_000, 1)], PRIVATE)) == 1
    for intent, batches in zip(run.journal.intents[:1], [[mixed, one(2, [(1, "level", now, 2.0)])]], strict=True):
        run.writer.write(intent, batches)
    assert run.totals() == (1, 1, 1) and run.value("SELECT count() FROM latest FINAL") == 1
    assert run.value(f"SELECT count() FROM private WHERE ts > fromUnixTimestamp64Milli({now - 86_400_000})") == 3
    assert questions.ask(run.writer.client, questions.latest([DEV[0]])).to_pylist() == []
    assert questions.ask(run.writer.client, questions.readings(DEV[0], None, 0, now, None, 9, True)).to_pylist() == []
    run.writer.client.command("OPTIMIZE TABLE private FINAL")
    assert run.value("SELECT count() FROM private") == 3, "what is older than 30 days is gone"


def epochs(run: Run) -> None:
    run.journal.set_stream("one")
    run.put(one(7, [(0, "a", T0, 1)]))
    assert run.journal.next_sequence() == 8
    assert run.journal.set_stream("two") and run.journal.next_sequence() == 1
    assert run.put(one(1, [(0, "a", T0, 1), (0, "a", T0 + 1, 1)])) == 1
    again = Journal(run.journal.path)
    assert (again.epoch, again.next_sequence(), again.rebooted) == (run.journal.epoch, 2, False)
    run.journal.path.write_text(run.journal.path.read_text().replace("B ", "B other-"))
    assert Journal(run.journal.path).rebooted
    with open(run.journal.path, "a") as out:
        out.write("I 2 2")
    assert Journal(run.journal.path).open_intent is None
    for intent in run.journal.intents:  # replayed as after a reboot: nothing changes
        run.writer.write(intent, [one(intent.first, [(0, "a", T0, 1), (0, "a", T0 + 1, 1)][: intent.epoch])])
    assert run.totals() == (2, 2, 2), run.totals()


def series(run: Run) -> None:
    run.journal.set_stream("one")
    rng = np.random.default_rng(5)
    ts = np.unique(T0 + rng.integers(0, 40 * 86_400_000, 60_000))
    values = rng.normal(size=len(ts)) * 10
    run.put(one(1, [(0, "a", int(t), float(v)) for t, v in zip(ts, values, strict=True)]))
    for span, points in (
        (40 * 86_400_000, 300),
        (3 * 86_400_000, 500),
        (7_200_000, 100),
        (999_999_937, 7),
        (600_001, 20),
    ):
        start = int(T0 + rng.integers(0, 86_400_000))
        end = start + span
        found = questions.ask(run.writer.client, questions.series([DEV[0]], "a", start, end, points)).to_pylist()
        inside = (ts >= start) & (ts < end)
        assert sum(r["count"] for r in found) == inside.sum(), (span, points)
        assert 0 < len(found) <= points + 1
        assert (
            max(r["max"] for r in found) == values[inside].max()
            and min(r["min"] for r in found) == values[inside].min()
        )
        edges = [r["t"] for r in found] + [end]
        for r, after in zip(found, edges[1:], strict=True):
            here = inside & (ts >= r["t"]) & (ts < after)
            part = values[here]
            assert r["min"] == part.min() and r["max"] == part.max() and r["count"] == len(part)
            assert abs(r["mean"] - part.mean()) < 1e-9
    days = questions.ask(
        run.writer.client, questions.rollup([DEV[0]], ["a"], T0, T0 + 40 * 86_400_000, "day")
    ).to_pylist()
    assert sum(r["count"] for r in days) == len(ts) and len(days) in (40, 41, 42)


DAY = 86_400_000


def keeps(folder: Path | None, said: str) -> None:
    """The district's pack says how long readings are kept, as a process finds it when it starts."""
    assert folder is not None
    (folder / "pack").mkdir(exist_ok=True)
    (folder / "pack" / "retention.yaml").write_text(f"retention: {said}\n")
    os.environ["LINLI_PACKS"] = str(folder / "pack")
    for known in (tiers.of_packs, tiers._at, packs.read_yaml):
        known.cache_clear()


def retention(run: Run) -> None:
    """What is past its days goes, the oldest first; charts go on with what is coarser; nothing of then comes back."""
    now = int(time.time() * 1000) // 3_600_000 * 3_600_000
    ages = (900, 350, 200, 40, 1)
    run.journal.set_stream("one")
    rows = [(0, "a", now - age * DAY + i * 20_000, float(age + i)) for age in ages for i in range(6)]
    assert run.put(one(1, rows)) == 30
    assert corrections.expire(run.writer.client, tiers.now()) == {}, "without a word all is kept"
    keeps(run.store.folder, "{raw: 100, minute: 300, hour: 400}")
    since = tiers.now()
    assert now - 131 * DAY < since.raw <= now - 100 * DAY and since.hour < since.minute < since.raw
    passes = []
    while went := corrections.expire(run.writer.client, tiers.now()):
        passes.append(went)
    month = [time.strftime("%Y%m", time.gmtime((now - age * DAY) / 1000)) for age in ages]
    assert passes[0] == {"raw": month[0], "minute": month[0], "hour": month[0][:4]}, passes
    assert [p.get("raw") for p in passes] == month[:3] and [p.get("minute") for p in passes][:2] == month[:2]
    assert run.totals() == (12, 18, 24), run.totals()

    def chart(age: int, length: int = 3_600_000, points: int = 500) -> list[tuple[float, float, int]]:
        start = now - age * DAY
        asked = questions.series([DEV[0]], "a", start, start + length, points, since=tiers.now())
        return [(r["min"], r["max"], r["count"]) for r in questions.ask(run.writer.client, asked).to_pylist()]

    assert chart(1) == [(float(1 + i), float(1 + i), 1) for i in range(6)]
    assert chart(200) == [(200, 202, 3), (203, 205, 3)], "of then, minutes are left"
    assert chart(350) == [(350, 355, 6)], "of then, hours are left"
    assert chart(900) == []
    assert sum(n for *_, n in chart(200, 199 * DAY + 30_000)) == 6 + 6 + 2, "exact where raw is kept"
    side = questions.side_by_side([(DEV[0], "a", now - 200 * DAY, now - 199 * DAY)], 9, tiers.now())
    assert [r["last"] for r in questions.ask(run.writer.client, side).to_pylist()] == [205.0]

    assert run.put(one(2, [*rows[6:18], (0, "a", now, 7.0)])) == 1, "sent again, it would count twice"
    assert run.writer.too_old == 12 and run.writer.dropped == 0
    assert run.put(one(3, rows[12:18])) == 0
    assert run.totals() == (13, 19, 25), run.totals()


class Cut:
    """A client of the store that dies at its `after`th statement."""

    def __init__(self, client: Any, after: int) -> None:
        self.client, self.left = client, after

    def __getattr__(self, name: str) -> Any:
        if self.left <= 0:
            raise KeyboardInterrupt
        self.left -= 1
        return getattr(self.client, name)


def summed(run: Run) -> None:
    """The buckets and the newest ones say what raw says."""

    def grouped(what: str, table: str, by: str) -> Any:
        sql = f"SELECT device, property, {what} FROM {table} GROUP BY {by} ORDER BY {by}"
        return run.writer.client.query(sql).result_rows

    for table, start in (("minute", "toStartOfMinute"), ("hour", "toStartOfHour")):
        own = "t, min(lo), max(hi), round(sum(total), 6), sum(n), max(last).1, max(last).2"
        anew = f"{start}(ts) AS t, min(value), max(value), round(sum(value), 6), count(), max(ts), argMax(value, ts)"
        kept, made = grouped(own, table, "device, property, t"), grouped(anew, "raw", "device, property, t")
        wrong = [pair for pair in zip(kept, made, strict=False) if pair[0] != pair[1]]
        assert kept == made, (table, len(kept), len(made), wrong[:2])
    newest = grouped("max(last).1, max(last).2, max(last).3", "latest", "device, property")
    assert newest == grouped("max(ts), argMax(value, ts), argMax(flags, ts)", "raw", "device, property")


def correct(run: Run) -> None:
    """Cut off after any statement and told again, a correction leaves raw and buckets as one that was not cut off."""
    run.journal.set_stream("one")
    mine = [(0, "a", T0 + i * 20_000, float(i)) for i in range(1_000)]
    assert run.put(one(1, mine), one(2, [(2, "a", mine[0][2], 1)]), one(3, [(0, "b", mine[0][2], 1.0)])) == 1_002
    untouched = (f"SELECT groupArray((ts, value)) FROM (SELECT * FROM raw WHERE property = 'b' OR device !="
                 f" unhex('{DEV[0].hex()}') ORDER BY device, ts)")  # fmt: skip
    other = run.value(untouched)

    def read() -> pa.Table:
        asked = questions.arrivals([DEV[0]], ["a"], T0, T0 + 86_400_000, None, 20_000)
        return questions.ask(run.writer.client, asked).select(corrected.COLUMNS)

    for change in (Change("flag"), Change("replace", 2.0, -7.5, 0.0, 500.0), Change("remove")):
        was = read()
        span = was.filter(pa.array([100 <= i < 700 for i in range(len(was))]))
        span = corrected.unpacked(corrected.packed(span))
        wanted = corrected.rows(span, change.after(span))
        told = (DEV[0], "a", wanted["t"].to_pylist(), wanted.filter(wanted["keep"]))
        for after in range(9) if change.act == "replace" else (1, 2, 9):
            try:
                corrections.put(Cut(run.writer.client, after), *told)
                break
            except KeyboardInterrupt:
                corrections.put(run.writer.client, *told)
                summed(run)
        else:
            raise AssertionError("more statements than the test cuts")
        assert after in (6, 7, 8, 9)
        now = read()
        left = now.filter(pa.array([span["t"][0].as_py() <= t <= span["t"][-1].as_py() for t in now["t"].to_pylist()]))
        assert left.sort_by("t").to_pylist() == change.after(span).sort_by("t").to_pylist(), change
        assert len(now) == 1_000 - (600 if change.act == "remove" else 0)
        if change.act != "remove":
            assert run.put(one(10 + len(change.act), mine)) == 0, "sent again, it changes nothing"
            corrections.put(run.writer.client, DEV[0], "a", span["t"].to_pylist(), span)  # undone
            summed(run)
            assert read().sort_by("t").to_pylist() == was.sort_by("t").to_pylist()
    assert run.put(one(30, mine)) == 600, "what was taken out may be told again"
    summed(run)
    assert other == run.value(untouched)


def forget_far(run: Run) -> None:
    """As many readings as may be, as far apart as may be, in statements that the store takes."""
    run.journal.set_stream("one")
    far = [(1, "b", T0 - i * 3_600_000, float(i)) for i in range(corrections.MOST)]
    assert run.put(one(1, far)) == corrections.MOST
    corrections.forget(run.writer.client, DEV[1], "b", [t for _, _, t, _ in far[1:]])
    assert run.totals() == (1, 1, 1)
    summed(run)


def insert(run: Run, count: int) -> None:
    run.journal.set_stream("one")
    print("begin", flush=True)
    if (intent := run.journal.open_intent) is not None:
        run.writer.write(intent, [block(s) for s in range(intent.first, intent.last + 1)])
        run.journal.done()
    at = run.journal.next_sequence()
    while at <= count:
        last = min(count, at + at % 5)
        run.put(*(block(s) for s in range(at, last + 1)))
        at = last + 1
    print("finished", flush=True)


def verify(run: Run, count: int) -> None:
    wanted = {(d, p, t) for s in range(1, count + 1) for d, p, t, _ in block_new(s)}
    old = set(range(1, count + 1)) | {s // 2 for s in range(1, count + 1)}
    total = len(wanted) + len(old)
    assert run.totals() == (total, total, total), (run.totals(), total)
    assert run.value("SELECT count() FROM (SELECT DISTINCT device, property, ts FROM raw)") == total


def main() -> None:
    folder, what, *rest = sys.argv[1:]
    if what == "restore":
        assert backup.restore(Path(folder), Path(rest[0]) / "one") == 3
        run = Run(Path(folder))
        assert run.totals() == (3, 3, 3) and run.journal.next_sequence() == 2
        assert run.put(one(2, [(0, "a", T0, 1), (0, "a", T0 + 9, 1)])) == 1
    elif what == "backup":
        run = Run(Path(folder))
        run.journal.set_stream("one")
        run.put(one(1, [(0, "a", T0, 1), (0, "a", T0 + 1, 2), (1, "a", T0, 3)]))
        saved, rows = backup.make(run.store, run.writer.client, "one")
        assert rows == 3
        Path(rest[0]).mkdir()
        saved.rename(Path(rest[0]) / "one")
    else:
        run = Run(Path(folder))
        globals()[what](run, *(int(w) for w in rest))
    print("ok")


if __name__ == "__main__":
    main()
