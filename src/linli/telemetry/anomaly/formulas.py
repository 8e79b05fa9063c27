"""What one reading does to the state of its series, and what is said of it: the same text for columns and for numbers.

`o` are the few operations in which columns (`COLUMNS`) and single numbers (`SINGLE`) differ. Only + - * / and
comparisons are used, so that both give the same bits, and what is decided does not depend on how readings are cut into
batches.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from linli.telemetry.anomaly.settings import DAY, HOUR, Settings

HALF_HOURS, HOURS = 48, 168
START: dict[str, float] = {
    "n": 0, "t": -1, "x": 0, "born": 0, "every": 0,
    "level": 0, "half": -1, "hour": -1,  # the half hour and the hour of the last reading, counted from 1970
    "e0": 0, "e1": 0, "e2": 0, "k1": 0, "k2": 0,  # errors of level, of the day, of the week, and for how long known
    "spread": 0, "step": 0,
    "up": 2.5, "up_m": 0.6, "down": 2.5, "down_m": 0.6,  # where the tails of the residual begin; their mean excess
    "past": 0, "cov": 0, "var": 0, "jolt": 0, "jump": 3.0, "jump_m": 0.7,
    "long": 0, "lasts": 0, "long_q": 3.0, "long_m": 0.7,
    "run_t": 0, "run_n": 0, "run_max": 0, "runs": 0,
    "peak": 0,
}  # fmt: skip
SCALARS = tuple(START)
NONE, ABOVE, BELOW, JUMP, LONG_ABOVE, LONG_BELOW, FLAT = range(7)
COLUMNS = SimpleNamespace(where=np.where, maximum=np.maximum, minimum=np.minimum, absolute=np.abs, no=np.logical_not)
SINGLE = SimpleNamespace(
    where=lambda c, a, b: a if c else b, maximum=max, minimum=min, absolute=abs, no=lambda c: not c
)  # fmt: skip
TINY = 1e-12


class Values:
    """The state of one series, or of many as columns, with its places in the seasons: `d`, `a`, `nd` of the half hour
    of the day (middle, spread, visits), `w`, `nw` of the hour of the week."""

    __slots__ = (*SCALARS, "a", "d", "nd", "nw", "w")


class Reading:
    """What is known while one reading is worked on."""

    __slots__ = ("age", "c0", "c1", "c2", "centre", "dt", "first", "g", "gap", "high", "innovation", "low", "new_d",
                 "new_w", "r", "rc", "ready", "s", "t", "x", "z")  # fmt: skip


def judge(o: Any, v: Any, t: Any, x: Any, half: Any, hour: Any, p: Settings) -> tuple[Any, ...]:
    """(low, high, centre, score, kind, told): told is the score while it is news, else 0. Changes `v`."""
    r = Reading()
    r.t, r.x = t, x
    r.first = v.n == 0.0
    v.level, v.x = o.where(r.first, x, v.level), o.where(r.first, x, v.x)
    v.born, v.run_t = o.where(r.first, t, v.born), o.where(r.first, t, v.run_t)
    r.dt = o.where(r.first, 1.0, t - v.t)
    v.every = o.where(v.n < 2.0, r.dt, v.every + 0.05 * (o.minimum(r.dt, 5.0 * v.every) - v.every))
    r.gap = r.dt > 4.0 * v.every
    r.g = o.minimum(r.dt, 4.0 * v.every)
    r.age = t - v.born
    r.ready = (r.age >= p.learn_ms) & (v.n >= p.learn_readings)
    r.new_d, r.new_w = v.half != half, v.hour != hour
    _expect(o, v, r, p)
    score, kind = _score(o, v, r, p)
    told = _news(o, v, r, score, p)
    unknown = float("nan")
    low, high = o.where(r.ready, r.centre - r.low, unknown), o.where(r.ready, r.centre + r.high, unknown)
    centre = r.centre
    _learn(o, v, r, p)
    v.half, v.hour, v.t, v.x, v.n = half, hour, t, x, v.n + 1.0
    return low, high, centre, score, kind, told


def _rate(o: Any, known: Any, g: Any, memory: float) -> Any:
    """The mean of all that is known while that is less than the memory, then a fading one; by time, not by readings."""
    return o.maximum(g / (known + g), g / (memory + g))


def _floor(o: Any, v: Any) -> Any:
    """No spread is smaller than half the smallest step ever seen, or than what a number of that size can mean."""
    return o.maximum(0.5 * v.step, 1e-4 * o.absolute(v.level)) + TINY


def _expect(o: Any, v: Any, r: Reading, p: Settings) -> None:
    """The centre and spread by the season that has erred least, and how far the band reaches on both sides."""
    before_d = v.nd - o.where(r.new_d, 0.0, 1.0)  # visits before this one
    before_w = v.nw - o.where(r.new_w, 0.0, 1.0)
    r.c0 = v.level
    r.c1 = v.level + o.where(before_d >= 1.0, v.d, 0.0)
    r.c2 = r.c1 + o.where(before_w >= 1.0, v.w * (before_w / (before_w + 1.0)), 0.0)
    day = (v.k1 >= DAY / 2) & (v.e1 < 0.95 * v.e0) & (before_d >= 1.0)
    week = day & (v.k2 >= 2 * DAY) & (v.e2 < 0.97 * v.e1)
    r.centre = o.where(week, r.c2, o.where(day, r.c1, r.c0))
    r.r = r.x - r.centre
    known = o.maximum(before_d, 0.0)
    mixed = v.spread + (known / (known + 3.0)) * (v.a - v.spread)
    r.s = o.maximum(o.maximum(mixed, 0.4 * v.spread), _floor(o, v))
    r.z = r.r / r.s
    r.high = v.up * r.s + o.maximum(v.up_m * r.s, 0.25 * v.step) * p.reach
    r.low = v.down * r.s + o.maximum(v.down_m * r.s, 0.25 * v.step) * p.reach
    r.rc = o.where(v.n < 20.0, r.r, o.maximum(o.minimum(r.r, r.high), -r.low))
    steady = o.where(r.gap, 0.0, o.minimum(o.maximum(v.cov / (v.var + TINY), 0.0), 0.98))
    r.innovation = r.r - steady * v.past


def _score(o: Any, v: Any, r: Reading, p: Settings) -> tuple[Any, Any]:
    """The highest of what speaks for something odd, each 1 at its own edge; and which it is."""
    above, below = r.r / r.high, -r.r / r.low
    score = o.maximum(above, below)
    kind = o.where(above >= below, float(ABOVE), float(BELOW))
    usual = o.maximum(v.jolt, _floor(o, v))
    jolt = o.absolute(r.innovation) / (v.jump * usual + o.maximum(v.jump_m * usual, 0.25 * v.step) * p.reach)
    kind, score = o.where(jolt > score, float(JUMP), kind), o.maximum(jolt, score)
    zc = o.maximum(o.minimum(r.rc / r.s, 10.0), -10.0)
    v.long = v.long + (r.g / (p.long_ms + r.g)) * (zc - v.long)
    lasting = o.absolute(v.long) / (o.maximum(v.lasts, 0.05) * (v.long_q + v.long_m * p.reach))
    side = o.where(v.long > 0.0, float(LONG_ABOVE), float(LONG_BELOW))
    kind, score = o.where(lasting > score, side, kind), o.maximum(lasting, score)
    flat = _flat(o, v, r, p)
    kind, score = o.where(flat > score, float(FLAT), kind), o.maximum(flat, score)
    return o.where(r.ready, score, 0.0), o.where(r.ready, kind, float(NONE))


def _flat(o: Any, v: Any, r: Reading, p: Settings) -> Any:
    """1 when a series that never rests stands still for far longer than ever before."""
    same = r.x == v.x
    ended = v.t - v.run_t
    changed = o.no(same) & o.no(r.first)
    v.run_max = o.where(changed, o.maximum(v.run_max, ended), v.run_max)
    v.runs = o.where(changed, v.runs + 1.0, v.runs)
    v.run_t, v.run_n = o.where(same, v.run_t, r.t), o.where(same, v.run_n + 1.0, 0.0)
    moves = (v.runs >= 100.0) & (v.run_max <= 6 * HOUR) & (r.age >= 2 * p.learn_ms)
    stands = (r.t - v.run_t > p.flat * (v.run_max + v.every)) & (v.run_n >= 12.0)
    return o.where(moves & stands, 1.1, 0.0)


def _news(o: Any, v: Any, r: Reading, score: Any, p: Settings) -> Any:
    """A score is news when it is clearly above what was told before, which fades with time."""
    faded = v.peak * (p.told_ms / (p.told_ms + r.dt))
    fresh = score > 1.1 * faded
    v.peak = o.maximum(faded, score)
    return o.where(fresh, score, 0.0)


def _learn(o: Any, v: Any, r: Reading, p: Settings) -> None:
    fade = _rate(o, r.age, r.g, p.spread_ms)
    _learn_tails(o, v, r, p)
    _learn_spread(o, v, r, fade)
    _learn_memory(o, v, r, fade)
    _learn_season(o, v, r, p)
    v.level = v.level + _rate(o, r.age, r.g, p.level_ms) * r.rc


def _soft(o: Any, size: Any, usual: Any) -> Any:
    """A size bounded by four times the usual one, but for a little: so that no outlier counts much and zero is left."""
    return o.minimum(size, 4.0 * usual + 0.02 * size)


def _learn_spread(o: Any, v: Any, r: Reading, fade: Any) -> None:
    v.spread = v.spread + fade * (_soft(o, o.absolute(r.r), v.spread) - v.spread)
    for error, known, centre in (("e1", "k1", r.c1), ("e2", "k2", r.c2)):
        seen = (v.nd >= 2.0) if error == "e1" else (v.nw >= 2.0)
        old, lasted = getattr(v, error), getattr(v, known)
        rate = o.where(lasted > 0.0, r.g / (o.minimum(lasted, 3 * DAY) + r.g), 1.0)
        now = old + rate * (_soft(o, o.absolute(r.x - centre), o.where(lasted > 0.0, old, v.e0)) - old)
        setattr(v, error, o.where(seen, now, old))
        setattr(v, known, o.where(seen, lasted + r.g, lasted))
    v.e0 = v.e0 + fade * (_soft(o, o.absolute(r.x - r.c0), v.e0) - v.e0)
    change = o.absolute(r.x - v.x)
    smaller = (change > 0.0) & ((v.step == 0.0) | (change < v.step))
    v.step = o.where(smaller, change, v.step)


def _tail(o: Any, q: Any, m: Any, z: Any, weight: Any, tail: float) -> tuple[Any, Any]:
    """Where the outermost share begins, and the mean excess over it, moved by one value."""
    over = z > q
    excess = o.minimum(z - q, 4.0 * m)
    moved = q + weight * 0.15 * m * (o.where(over, 1.0, 0.0) - tail)
    grown = m + weight * o.where(over, 0.05 * (excess - m), 0.0)
    return o.maximum(moved, 0.1), o.maximum(grown, 0.05)


def _learn_tails(o: Any, v: Any, r: Reading, p: Settings) -> None:
    """Readings of one excursion are one event: those after its first count a tenth."""
    on = o.where((r.age >= p.learn_ms / 4) & (v.n >= 20.0), 1.0, 0.0)
    up = o.where((v.past > v.up * r.s) & (r.z > v.up), 0.1, 1.0)
    down = o.where((-v.past > v.down * r.s) & (-r.z > v.down), 0.1, 1.0)
    v.up, v.up_m = _tail(o, v.up, v.up_m, r.z, on * up, p.tail)
    v.down, v.down_m = _tail(o, v.down, v.down_m, -r.z, on * down, p.tail)
    size = o.absolute(r.innovation)
    v.jump, v.jump_m = _tail(o, v.jump, v.jump_m, size / o.maximum(v.jolt, _floor(o, v)), on, p.tail)
    lasts, seldom = o.absolute(v.long), on * o.minimum(3.0 * r.g / p.long_ms, 1.0)
    v.long_q, v.long_m = _tail(o, v.long_q, v.long_m, lasts / o.maximum(v.lasts, 0.05), seldom, p.tail)
    fade = _rate(o, r.age, r.g, p.spread_ms)
    v.lasts = v.lasts + fade * (_soft(o, lasts, v.lasts) - v.lasts)
    v.jolt = v.jolt + fade * (_soft(o, size, v.jolt) - v.jolt)


def _learn_memory(o: Any, v: Any, r: Reading, fade: Any) -> None:
    """How much of a deviation is still there at the next reading."""
    rate = o.where(r.gap, 0.0, fade)
    v.cov = v.cov + rate * (r.rc * v.past - v.cov)
    v.var = v.var + rate * (v.past * v.past - v.var)
    v.past = r.rc


def _learn_season(o: Any, v: Any, r: Reading, p: Settings) -> None:
    """Each time of day (half hours) and of the week (hours, over the day's) moves towards what was seen there."""
    again, week_again = o.where(r.new_d, 1.0, 0.0), o.where(r.new_w, 1.0, 0.0)
    fresh, week_fresh = v.nd == 0.0, v.nw == 0.0
    v.nd, v.nw = o.minimum(v.nd + again, 250.0), o.minimum(v.nw + week_again, 250.0)
    share = o.minimum(r.g / (HOUR / 2), 1.0) * o.maximum(1.0 / v.nd, p.season)
    off = o.maximum(o.minimum(r.x - v.level - v.d, r.high), -r.low)
    old_d = v.d
    v.d = o.where(fresh, r.x - v.level, v.d + share * off)
    v.a = o.where(fresh, o.absolute(r.r), v.a + share * (_soft(o, o.absolute(r.r), r.s) - v.a))
    share = o.minimum(r.g / HOUR, 1.0) * o.maximum(1.0 / v.nw, p.season)
    over = r.x - v.level - o.where(fresh, v.d, old_d)
    off = o.maximum(o.minimum(over - v.w, r.high), -r.low)
    v.w = o.where(week_fresh, o.maximum(o.minimum(over, r.high), -r.low), v.w + share * off)
