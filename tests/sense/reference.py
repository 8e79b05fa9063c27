"""Rules of several terms told slowly and obviously: one device, one reading after the other, all from the start.

It knows no columns, timers or snapshots: what falls due is looked for when the next reading comes, and at the end.
"""

from __future__ import annotations

import math
from itertools import groupby
from typing import Any

from linli.devices.contracts import RuleRow

Reading = tuple[str, int, int, float, bool]  # property, own time, arrival, value, good
NEVER = 1 << 60


class Term:
    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data
        self.newest = -NEVER
        self.fresh: list[tuple[int, float]] = []  # good ones, by time
        self.on = self.held = False

    def hear(self, ts: int, value: float, good: bool) -> tuple[bool, bool, bool] | None:
        """(holds, stays, fresh), or None when it says nothing."""
        fresh, again = ts > self.newest, ts == self.newest
        self.newest = max(self.newest, ts)
        kind = self.data["kind"]
        if not good or again or (not fresh and kind in ("rate", "count")):
            return None
        if fresh:
            self.fresh.append((ts, value))
        if kind == "range":
            return (*_range(self.data, value), fresh)
        if kind == "rate":
            rate = self._rate(ts, value)
            return None if rate is None else (*_compare(self.data, rate), fresh)
        if kind == "count":
            window = self.data["window_s"] * 1000
            holding = [t for t, v in self.fresh if ts - window <= t and _compare(self.data, v)[0]]
            return (len(holding) >= self.data["times"],) * 2 + (fresh,)
        return (*_compare(self.data, value), fresh)

    def _rate(self, ts: int, value: float) -> float | None:
        window = self.data["window_s"] * 1000
        part = window // 24
        samples = [next(g) for _, g in groupby(self.fresh, key=lambda one: one[0] // part)]
        at, was = next((t, v) for t, v in samples + [(ts, value)] if t >= ts - window)
        if ts - at < window / 2:
            return None
        return (value - was) / (ts - at) * {"minute": 60_000, "hour": 3_600_000}[self.data["per"]]


def _range(data: dict[str, Any], value: float) -> tuple[bool, bool]:
    low, high, margin = data["low"], data["high"], data.get("margin", 0)
    if data["op"] == "inside":
        return low <= value <= high, low - margin <= value <= high + margin
    return not low <= value <= high, not low + margin <= value <= high - margin


def _compare(data: dict[str, Any], value: float) -> tuple[bool, bool]:
    limit, clear = data["value"], data.get("clear_value")
    holds = {"gt": value > limit, "ge": value >= limit, "lt": value < limit, "le": value <= limit,
             "eq": value == limit, "ne": value != limit}[data["op"]]  # fmt: skip
    if clear is None:
        return holds, holds
    return holds, value > clear if data["op"] in ("gt", "ge") else value < clear


class Reference:
    """`hear` messages in the order of the stream, then `end`; `told` has (started, raised, ended)."""

    def __init__(self, rule: RuleRow) -> None:
        assert rule.condition is not None
        self.every = rule.condition.get("match", "all") == "all"
        self.terms = [Term(t) for t in rule.condition["terms"]]
        self.duration, self.pause = rule.duration_s * 1000, rule.reraise_s * 1000
        self.state, self.begun, self.block, self.now, self.lag = "idle", 0, -NEVER, -NEVER, 0
        self.event = self.wake = NEVER
        self.floor, self.base, self.said = 0, [False], dict[tuple[int, int], bool]()
        self.told: list[list[Any]] = []

    def hear(self, message: list[Reading]) -> None:
        seen = set()
        for ts, some in groupby(sorted(message, key=lambda r: r[1]), key=lambda r: r[1]):
            rows = []
            for prop, _, recv, value, good in some:
                if (prop, ts) in seen:
                    continue
                seen.add((prop, ts))
                for number, term in enumerate(self.terms):
                    if term.data["property"] == prop:
                        said = term.hear(ts, value, good and math.isfinite(value))
                        if said:
                            rows.append((number, recv, *said))
            if rows:
                self._moment(ts, rows)

    def end(self) -> list[tuple[Any, ...]]:
        self._pass(NEVER - 1, NEVER - 1)
        return [tuple(one) for one in self.told]

    def _whole(self, on: list[bool]) -> bool:
        return all(on) if self.every else any(on)

    def _moment(self, ts: int, rows: list[tuple[Any, ...]]) -> None:
        fresh = any(row[4] for row in rows)
        self._pass(ts if fresh else -NEVER, rows[0][1])
        before, floor = [t.held for t in self.terms], self.now
        for number, recv, holds, stays, new in rows:
            if new:
                term = self.terms[number]
                term.on = holds or (self.state == "active" and term.on and stays)
                term.held, self.lag = holds, recv - ts
        if self.state == "pending":
            self._count(ts, rows)
        if not fresh:
            return
        self.now = max(self.now, ts)
        whole = self._whole([t.on for t in self.terms])
        if self.state == "idle" and whole:
            self.floor, self.base = floor, before
            self.said = {(self.now, n): holds for n, _, holds, _, new in rows if new}
            self._begin(self.now)
        elif self.state == "active" and not whole:
            self._clear(self.now)
        elif self.state == "pending" and not whole:
            self.state = "idle"
        self._watch()

    def _begin(self, at: int) -> None:
        if self.told and at <= self.begun:
            at = self.begun + 1
        self.begun = at
        if max(at + self.duration, self.block) <= at:
            self._raise(at)
        else:
            self.state = "pending"

    def _count(self, ts: int, rows: list[tuple[Any, ...]]) -> None:
        for number, _, holds, _, fresh in rows:
            at = max(ts, self.floor + 1) if fresh else ts
            if at > self.floor and (fresh or (at, number) not in self.said):
                self.said[at, number] = holds
        on, start = list(self.base), None
        for at, some in groupby(sorted(self.said.items()), key=lambda one: one[0][0]):
            for (_, number), holds in some:
                on[number] = holds
            start = (at if start is None else start) if self._whole(on) else None
        if start is None:
            self.state = "idle"
        else:
            self.begun = start
        self._watch()

    def _watch(self) -> None:
        event = max(self.begun + self.duration, self.block) if self.state == "pending" else NEVER
        if event != self.event:
            self.event, self.wake = event, NEVER if event == NEVER else event + max(self.lag, 0)

    def _pass(self, ts: int, recv: int) -> None:
        while self.event < NEVER and (ts >= self.event or recv >= self.wake):
            event, self.event, self.wake = self.event, NEVER, NEVER
            self.now = max(self.now, event)
            self._raise(event)
            self._watch()

    def _raise(self, at: int) -> None:
        self.state = "active"
        self.told.append([self.begun, at, None])

    def _clear(self, at: int) -> None:
        self.state, self.block = "idle", at + self.pause
        self.told[-1][2] = max(at, self.told[-1][1])
        for term in self.terms:
            term.on = term.held


def occurrences(said: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What the database keeps of these operations, told independently of the bench."""
    rows: list[list[Any]] = []
    for o in said:
        mine = [r for r in rows if r[0] == o["device_id"]]
        if o["op"] == "raise":
            started, raised = o["started_at"], o["raised_at"]
            if any(r[1] == started or r[3] is None or (r[1] <= started and r[3] > raised) for r in mine):
                continue
            rows.append([o["device_id"], started, raised, None])
        else:
            for r in mine:
                if r[3] is None:
                    r[3] = max(r[2], o["cleared_at"])
    return sorted(tuple(r) for r in rows)
