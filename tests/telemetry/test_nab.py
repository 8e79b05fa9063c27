"""The NAB score against cases worked by hand, and the detector against a windowed Gaussian on the given series."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from tests.bench import nab, nab_events, nab_others, nab_score
from tests.bench.nab_score import FREE, PROBATION


def test_what_a_detection_is_worth_by_hand() -> None:
    """20 rows, so that 3 are probation; one window of rows 10 to 13, four wide.

    At its first row: position -4/4, worth 1. At its last: position -1/4: (2/(1+e^-1.25) - 1) / (2/(1+e^-5) - 1)
    = 0.554600 / 0.986614 = 0.562125. The row behind it: position 1/3: 0.11 (2/(1+e^(5/3)) - 1) = -0.075050. Row 19:
    position 6/3, 0.11 (2/(1+e^10) - 1) = -0.109990; three widths behind it would be -0.11, as before any window.
    """
    found = nab_score.weigh(20, [(10, 13)])
    assert found.windows == 1 and (found.window[:3] == PROBATION).all() and (found.window[3:10] == FREE).all()
    assert (found.window[10:14] == 0).all() and (found.window[14:] == FREE).all()
    assert found.worth[10] == pytest.approx(1.0) and found.worth[13] == pytest.approx(0.562125, abs=1e-5)
    assert found.worth[14] == pytest.approx(-0.075050, abs=1e-5)
    assert found.worth[19] == pytest.approx(-0.109990, abs=1e-5) and (found.worth[3:10] == -0.11).all()
    assert nab_score.sigmoid(3.0) == -1.0 and nab_score.sigmoid(0.0) == 0.0
    assert [nab_score.probation(n) for n in (20, 100, 4032, 5000, 10320)] == [3, 15, 604, 750, 750]


def scores(rows: int, **at: float) -> Any:
    out = np.zeros(rows)
    for name, score in at.items():
        out[int(name[1:])] = score
    return out


def test_only_the_earliest_in_a_window_counts_and_probation_does_not() -> None:
    weighed = nab_score.weigh(20, [(10, 13)])
    told = nab_score.tell(weighed, scores(20, r1=1, r12=1, r13=1), 0.5)
    # position of row 12: -2/4: (2/(1+e^-2.5) - 1) / 0.986614 = 0.848284 / 0.986614
    assert (told.found, told.windows, told.inside, told.false) == (1, 1, 2, 0)
    assert told.score == pytest.approx(0.859793, abs=1e-5)
    missed = nab_score.tell(weighed, scores(20, r5=1, r19=1), 0.5)
    assert (missed.found, missed.false) == (0, 2) and missed.score == pytest.approx(-1 - 0.11 - 0.10999, abs=1e-4)


def test_one_threshold_for_all_files_is_the_best_one() -> None:
    """At 0.9: the first window, no more (1 - 1 = 0). At 0.8 the second too, with one false: 2 - 0.11. At 0.3 two false
    more. Of 2 windows, nothing told is -2 and all is 2: (1.89 + 2) / 4."""
    weighed = {"a": nab_score.weigh(20, [(10, 13)]), "b": nab_score.weigh(20, [(10, 13)])}
    found = {"a": scores(20, r10=0.9, r5=0.8), "b": scores(20, r10=0.8, r5=0.3, r6=0.3)}
    best = nab_score.score(weighed, found)
    assert best.threshold == 0.8 and best.score == pytest.approx(97.25) and (best.found, best.false) == (2, 1)
    nothing = {n: np.zeros(20) for n in weighed}
    assert nab_score.score(weighed, nothing, math.inf).score == 0
    perfect = {n: scores(20, r10=1) for n in weighed}
    assert nab_score.score(weighed, perfect).score == 100
    # without "b" 0.9 is best for "a"; without "a" 0.8 for "b"; so 0.8 is asked of "a" and 0.9 of "b": 0.89 - 1
    assert nab_score.left_out(weighed, found) == pytest.approx(100 * (0.89 - 1 + 2) / 4)


def test_telling_everything_is_worse_than_telling_nothing() -> None:
    weighed = {"a": nab_score.weigh(1000, [(500, 540)])}
    assert nab_score.score(weighed, {"a": np.ones(1000)}, 0.5).score < 0
    assert nab_score.best_threshold({"a": nab_score.weigh(100, [])}, {"a": np.ones(100)}) == math.inf


def test_the_windowed_gaussian_is_the_one_of_nab() -> None:
    """One minus the tail probability under mean and deviation of all before, both sides alike; a window of 4 that moves
    by 2."""
    x = np.array([1.0, 3.0, 5.0, 1.0, 4.0, 9.0, 2.0])
    found = nab_others.gaussian(np.arange(7), x, window=4, step=2)

    def tail(value: float, seen: list[float]) -> float:
        deviation = np.std(seen) or 1e-6
        return 1 - 0.5 * math.erfc(abs(value - np.mean(seen)) / deviation / math.sqrt(2))

    wanted = [0.0, tail(3, [1]), tail(5, [1, 3]), tail(1, [1, 3, 5]), tail(4, [1, 3, 5, 1]), tail(9, [1, 3, 5, 1]),
              tail(2, [5, 1, 4, 9])]  # fmt: skip
    np.testing.assert_allclose(found, wanted)


def test_events_are_counted_by_what_they_meet() -> None:
    hour = nab_events.HOUR
    assert nab_events.spans([5, 0, hour, 3 * hour], hour) == [(0, hour), (3 * hour, 3 * hour)]
    assert nab_events.merged([(0, 5), (4, 2), (9, 10), (3, 7)], 1) == [(0, 7), (9, 10)]
    counts = nab_events.counted([(0, 2), (10, 11), (20, 20)], [(2, 5), (6, 9), (15, 25)])
    assert counts == {"told": 3, "right": 2, "real": 3, "found": 2}
    found = nab_events.figures([counts, {"told": 1, "right": 0, "real": 1, "found": 1}])
    assert (found["precision"], found["recall"]) == (0.5, 0.75) and found["f1"] == 0.6
    assert nab_events.figures([{"told": 0, "right": 0, "real": 2, "found": 0}])["f1"] == 0


def test_rules_are_judged_by_sense() -> None:
    t = np.arange(20, dtype=np.int64) * 60_000 + 1_790_000_000_000
    x = np.zeros(20)
    x[5:9] = 9
    told = nab_events.judged([nab_events.rule("level", "gt", 5.0, duration_s=120)], {"level": (t, x)})
    assert told == {"level": [(int(t[5]), int(t[9]))]}
    assert nab_events.judged([nab_events.rule("level", "gt", 5.0, duration_s=600)], {"level": (t, x)}) == {"level": []}
    assert list(nab_events.shipped("river_stage")), "the standard pack has rules for rivers"


def test_the_default_detector_beats_a_windowed_gaussian_on_the_given_series() -> None:
    if not (nab.DATA / "nab").is_dir():
        pytest.skip("the recordings folder (LINLI_RECORDINGS) is absent")
    series = nab.read(nab.DATA / "nab")
    weighed = {n: nab_score.weigh(len(t), cut) for n, (t, _, cut) in series.items()}
    assert len(series) == 11 and sum(w.windows for w in weighed.values()) == 18
    ours = {n: nab_others.ours(t, x).told for n, (t, x, _) in series.items()}
    gaussian = {n: nab_others.gaussian(t, x) for n, (t, x, _) in series.items()}
    mine, other = nab_score.score(weighed, ours), nab_score.score(weighed, gaussian)
    assert mine.score > other.score + 20 and mine.score > 60, (mine.score, other.score)
    assert mine.false < other.false and mine.found > other.found
    assert nab_score.score(weighed, ours, 1.0).score > other.score, "and at its own edge, with nothing optimised"
    assert nab_score.left_out(weighed, ours) > nab_score.left_out(weighed, gaussian)
