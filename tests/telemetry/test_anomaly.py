"""The detector of odd readings: what it learns and tells, and that batches, snapshots and the future change nothing."""

from __future__ import annotations

import random
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest
from tests.sense.test_judge import device, rule

from linli.telemetry import anomaly
from linli.telemetry.anomaly import (
    ABOVE,
    BELOW,
    FLAT,
    JUMP,
    LONG_ABOVE,
    NONE,
    Detector,
    Settings,
    Verdicts,
    strength,
)
from linli.telemetry.sense.bench import Bench

T = 1_790_000_000_000 // 86_400_000 * 86_400_000
STEP, DAY = 300_000, 288  # five minutes
COLUMNS = ("low", "high", "centre", "score", "kind", "told")


def times(n: int) -> Any:
    return T + np.arange(n) * STEP


def noise(n: int, seed: int = 1) -> Any:
    return np.random.default_rng(seed).normal(0, 1, n)


def season(n: int) -> Any:
    return 10 * np.sin(2 * np.pi * np.arange(n) / DAY)


def run(x: Any, t: Any = None, **options: Any) -> Verdicts:
    detector = Detector(**options)
    return detector.take(
        np.repeat(detector.rows(["a"]), len(x)), times(len(x)) if t is None else t, np.asarray(x, float)
    )


def told(found: Verdicts, start: int = 0) -> list[tuple[int, int]]:
    return [(int(i), int(found.kind[i])) for i in np.flatnonzero(found.told >= 1) if i >= start]


def test_quiet_series_are_told_of_about_as_often_as_set() -> None:
    """2 readings in 10,000 are outside by the setting, and jumps come on top: 200 series of 5 days have 230,000 to be
    judged."""
    detector, n, many = Detector(), 5 * DAY, 200
    rows, x = detector.rows(range(many)), np.vstack([season(n) + noise(n, seed) for seed in range(many)])
    odd = 0
    for i in range(n):
        found = detector.take(rows, np.full(many, T + i * STEP), x[:, i])
        odd += int((found.told >= 1).sum())
    assert 10 < odd < 300, odd


def test_a_spike_a_shift_and_a_lasting_deviation_have_names() -> None:
    n = 24 * DAY
    spike = season(n) + noise(n)
    spike[20 * DAY] += 20
    assert (20 * DAY, JUMP) in told(run(spike)) or (20 * DAY, ABOVE) in told(run(spike))
    low = season(n) + noise(n)
    low[20 * DAY] -= 20
    found = run(low)
    assert found.score[20 * DAY] > 1.5 and strength(found, low, "below")[20 * DAY] > 1.2
    assert strength(found, low, "above")[20 * DAY] == 0 and low[20 * DAY] < found.low[20 * DAY]
    lasting = season(n) + noise(n)
    lasting[20 * DAY : 21 * DAY] += 1.5
    found = run(lasting)
    mine = np.flatnonzero((found.score >= 1) & (found.kind == LONG_ABOVE))
    assert len(mine) and 20 * DAY < mine[0] < 20 * DAY + 100, mine[:3]


def test_a_new_level_is_told_once_and_becomes_the_expected_one() -> None:
    n, at = 26 * DAY, 20 * DAY
    x = season(n) + noise(n)
    x[at:] += 25
    found = run(x)
    assert [i for i, _ in told(found, at)] == [at], told(found, at)
    after = slice(at + 2 * DAY, n)
    assert np.mean((x[after] >= found.low[after]) & (x[after] <= found.high[after])) > 0.99
    assert np.mean(x[at + 1 : at + 60] > found.high[at + 1 : at + 60]) > 0.9, "and for an hour it was not"


def test_a_stuck_sensor_is_told_but_not_one_that_rests() -> None:
    n, at = 24 * DAY, 20 * DAY
    x = season(n) + noise(n)
    x[at : at + 60] = x[at]
    assert (FLAT in [k for i, k in told(run(x), at)]) and told(run(x), at)[0][0] < at + 30
    assert told(run(np.full(n, 7.0))) == []
    resting = np.zeros(n)
    resting[:: 2 * DAY] = 5.0
    assert FLAT not in [k for _, k in told(run(resting))]
    moves = np.full(n, 7.0)
    moves[at:] = 7.5
    assert [i for i, _ in told(run(moves))] == [at]


def test_coarse_values_are_not_odd_for_being_coarse() -> None:
    assert told(run(np.round(20 + 0.05 * noise(28 * DAY), 1))) == []


def test_the_day_is_learnt_in_the_zone_of_the_district() -> None:
    """A school bell at 08:00 Berlin, over the change of clocks in October: known in that zone, late in UTC."""
    t = 1_789_862_400_000 + np.arange(50 * DAY) * STEP  # 2026-09-20 00:00 UTC
    x = noise(len(t)) * 0.2
    for i, at in enumerate(t.tolist()):
        ahead = 2 if at < 1_792_890_000_000 else 1  # 2026-10-25 01:00 UTC
        if (at // 3_600_000 + ahead) % 24 == 8:
            x[i] += 30
    late = slice(40 * DAY, 50 * DAY)
    known, other = run(x, t, zone="Europe/Berlin"), run(x, t, zone="UTC")
    odd = [int((found.score[36 * DAY :] >= 1).sum()) for found in (known, other)]
    assert odd[0] < 5 < 20 < odd[1], odd
    at_eight = [i for i in range(*late.indices(len(t))) if x[i] > 20]
    assert np.median(known.centre[at_eight]) > 20


def test_the_week_is_learnt() -> None:
    n = 42 * DAY
    x = season(n) + noise(n) + np.where(np.arange(n) // DAY % 7 < 5, 10.0, 0.0)
    found = run(x)
    last = slice(35 * DAY, n)
    assert np.mean((x[last] >= found.low[last]) & (x[last] <= found.high[last])) > 0.99
    x[37 * DAY : 37 * DAY + 144] -= 10  # a working day that is none
    assert any(i >= 37 * DAY and i < 37 * DAY + 144 for i, _ in told(run(x), 37 * DAY))


def messy(seed: int, n: int) -> tuple[Any, Any]:
    """Irregular steps, gaps, late readings, holes and jumps."""
    rng = random.Random(seed)
    at, t, x = T + rng.randint(0, 10**7), [], []
    for i in range(n):
        at += rng.choice([60_000, 300_000, 300_000, 301_000, 900_000]) if rng.random() < 0.99 else 20 * 3_600_000
        t.append(at - (10**6 if rng.random() < 0.02 else 0))
        x.append(
            float("nan") if rng.random() < 0.01 else round(rng.gauss(5 + 5 * (i % 97 > 60), 1), rng.choice([1, 6]))
        )
        if rng.random() < 0.01:
            x[-1] += rng.choice([30, -30])
    return np.array(t), np.array(x)


def test_how_readings_are_cut_into_batches_changes_nothing() -> None:
    """40 series: all at once, one by one, and in heaps of any size, with a snapshot between: the same bits."""
    series = [messy(seed, 400) for seed in range(40)]
    rows = np.repeat(np.arange(40), 400)
    order = np.argsort(np.tile(np.arange(400), 40), kind="stable")  # as they would arrive
    rows, t, x = rows[order], *(np.concatenate(c)[order] for c in zip(*series, strict=True))
    keys = [bytes([n]) for n in range(40)]
    whole = Detector()
    whole.rows(keys)
    wanted = whole.take(rows, t, x)
    assert (wanted.score[np.isfinite(wanted.score)] >= 1).sum() > 50 and np.isnan(wanted.score).any()
    rng, cut, at = random.Random(5), Detector(), 0
    cut.rows(keys)
    parts = []
    while at < len(rows):
        end = at + rng.choice([1, 7, 40, 333, 2000])
        parts.append(cut.take(rows[at:end], t[at:end], x[at:end]))
        at = end
        if rng.random() < 0.2:
            data, cut = cut.save(), Detector()
            assert cut.load(data) == 40
    for name in COLUMNS:
        np.testing.assert_array_equal(np.concatenate([getattr(p, name) for p in parts]), getattr(wanted, name), name)
    assert whole.save(keys) == cut.save(keys) and whole.bytes_a_series <= 4096


def test_the_future_is_not_known() -> None:
    t, x = messy(3, 1500)
    early, whole = run(x[:900], t[:900]), run(x, t)
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(early, name), getattr(whole, name)[:900], name)


def test_late_and_missing_readings_and_young_series_are_not_judged() -> None:
    x = season(3 * DAY) + noise(3 * DAY)
    t = times(3 * DAY)
    found = run(x, t)
    assert (found.score[: DAY - 1] == 0).all() and np.isnan(found.low[: DAY - 1]).all() and found.low[2 * DAY] < 0
    again = run(np.append(x, [99.0, float("nan")]), np.append(t, [t[-1], t[-1] + STEP]))
    assert np.isnan(again.score[-2:]).all() and (again.told[-2:] == 0).all() and (again.kind[-2:] == NONE).all()
    assert np.isnan(strength(again, np.append(x, [99.0, np.nan]), "above")[-2:]).all()
    with pytest.raises(ValueError, match="side"):
        strength(found, x, "left")


def test_after_a_gap_a_jump_is_none() -> None:
    """Three days of silence: the next reading is judged by the range, not by the one before it."""
    n = 20 * DAY
    x, t = season(n) + noise(n), times(n).copy()
    t[15 * DAY :] += 3 * 86_400_000 + 43_200_000  # and goes on at another time of day, by its season
    x[15 * DAY :] = 10 * np.sin(2 * np.pi * ((t[15 * DAY :] - T) / STEP) / DAY) + noise(5 * DAY, 9)
    assert all(i < 15 * DAY or i > 15 * DAY + 3 for i, _ in told(run(x, t)))


def test_snapshots_of_another_making_are_left() -> None:
    detector = Detector()
    assert detector.load(None) == 0
    other = Detector()
    other.take(np.repeat(other.rows([b"k"]), 300), times(300), noise(300))
    data = other.save()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("linli.telemetry.anomaly.detector.VERSION", 2)
        assert detector.load(data) == 0
    assert detector.load(data) == 1
    detector.forget([b"k"])
    blank = Detector()
    blank.rows([b"k"])
    assert detector.save([b"k"]) == blank.save([b"k"]) and other.save([b"no"]) != data


def test_a_pack_sets_the_detector(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert anomaly.of_packs() == Settings(), "the standard pack says what the code would do without it"
    (tmp_path / "anomaly.yaml").write_text("anomaly: {told_s: 3600, rare: 0.001}\n", encoding="utf-8")
    monkeypatch.setenv("LINLI_PACKS", str(tmp_path))
    found = anomaly.of_packs()
    assert (found.told_ms, found.rare, found.level_ms) == (3_600_000, 0.001, Settings().level_ms)
    n = 20 * DAY
    x = season(n) + noise(n)
    assert (run(x, settings=found).score >= 1).sum() > (run(x).score >= 1).sum()


def test_a_rule_may_ask_for_strength_and_is_judged_as_any_other() -> None:
    """What sense is to do with a term `anomaly`: the judge compares strengths as it compares readings."""
    n, at = 24 * DAY, 20 * DAY
    x = season(n) + noise(n)
    x[at : at + 6] += 30
    found, t = run(x), times(n)
    one = device(1)
    bench = Bench(rule(value=1.2, clear_value=0.8, property="level"), [one])
    bench.take(pa.table({
        "device": pa.array([one.device_id.bytes] * n, pa.binary(16)), "property": ["level"] * n, "t": t,
        "recv": t + 500, "value": strength(found, x, "above"), "flags": np.zeros(n, np.uint8), "seq": np.arange(n) + 1,
    }))  # fmt: skip
    (occurred,) = [o for o in bench.finish() if o.started_at >= t[at] - STEP]
    assert (occurred.device_id, occurred.started_at, occurred.ended_at) == (UUID(int=1001), t[at], t[at + 6]), occurred


def test_every_kind_has_words_in_both_languages() -> None:
    assert set(anomaly.CODES) == set(anomaly.WORDS) == set(range(7)) and BELOW in anomaly.CODES
    assert all(bool(w["zh"]) == bool(w["en"]) == (kind != NONE) for kind, w in anomaly.WORDS.items())
