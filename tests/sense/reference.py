"""Rules of several terms told slowly and obviously: one device, one reading after the other, all from the start.

It knows no columns, timers or snapshots: what falls due is looked for when the next reading comes, and at the end.
"""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta
from itertools import groupby, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from linli.devices.contracts import RuleRow
from linli.telemetry import anomaly

Reading = tuple[str, int, int, float, bool]  # property, own time, arrival, value, good
NEVER = 1 << 60
WORKED = {date(2025, 10, 11): True, date(2025, 10, 8): False}  # a Saturday that is worked, a holiday


FORMULAS: dict[str, Any] = {
    "level - flow": lambda level, flow: level - flow,
    "flow / (level - 2) + abs(ph - 3)": lambda flow, level, ph: flow / (level - 2) + abs(ph - 3),
    "max(level, flow, 2) * 0.5 - -min(ph, level)": lambda level, flow, ph: max(level, flow, 2) * 0.5 + min(ph, level),
}
"""Text → the same by Python, of its operands in their order."""
LEARNS_SOON = anomaly.Settings(learn_ms=20_000, learn_readings=4, rare=0.004, told_ms=60_000)


class Term:
    def __init__(self, data: dict[str, Any], texts: dict[str, str]) -> None:
        self.data = data
        self.text = texts.get(data["property"])
        self.parts = {data["property"]: (-NEVER, math.nan)}  # of a figure: the newest time and value of each operand
        if self.text:
            names = FORMULAS[self.text].__code__.co_varnames
            self.parts, self.clock = dict.fromkeys(names, (-NEVER, math.nan)), -NEVER
        self.detector = anomaly.Detector(LEARNS_SOON)
        self.newest = -NEVER
        self.age = data["of"]["age_s"] * 1000 if "of" in data else 0
        self.said = -NEVER  # when it was told last, in the order in which its rule hears
        self.fresh: list[tuple[int, float]] = []  # good ones, by time
        self.on = self.held = False

    def told(self, ts: int, heard: dict[str, tuple[float, bool]]) -> tuple[Any, ...] | None:
        """(at, holds, stays, fresh) for what one message says of one time, or None when the term says nothing."""
        mine = {name: heard[name][0] for name in self.parts if name in heard and heard[name][1]}
        if self.text is None:
            said = self.hear(ts, next(iter(mine.values())), True) if mine else None
            return said and (ts, *said)
        fresh = {name: (ts, value) for name, value in mine.items() if ts > self.parts[name][0]}
        self.parts |= fresh
        if not fresh:
            return None
        ts = self.clock = max(ts, self.clock + 1)
        try:
            value = FORMULAS[self.text](**{name: value for name, (_, value) in self.parts.items()})
        except ZeroDivisionError:
            return None
        said = None if any(math.isnan(v) for _, v in self.parts.values()) else self.hear(ts, value, True)
        return said and (ts, *said)

    def hear(self, ts: int, value: float, good: bool) -> tuple[bool, bool, bool] | None:
        """(holds, stays, fresh), or None when it says nothing."""
        if not good:
            return None
        fresh, again = ts > self.newest, ts == self.newest
        self.newest = max(self.newest, ts)
        kind = self.data["kind"]
        if again or (not fresh and (self.age or kind in ("rate", "count", "anomaly"))):
            return None
        if fresh:
            self.fresh.append((ts, value))
        if kind == "range":
            return (*_range(self.data, value), fresh)
        if kind == "rate":
            rate = self._rate(ts, value)
            return None if rate is None else (*_compare(self.data, rate), fresh)
        if kind == "anomaly":
            found = self.detector.take(self.detector.rows("x"), np.array([ts]), np.array([value]))
            (how_far,) = anomaly.strength(found, np.array([value]), self.data["side"])
            return None if math.isnan(how_far) else (*_compare(self.data | {"op": "gt"}, how_far), fresh)
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


class Schedule:
    """Windows, looked at minute by minute over some days from `begin`."""

    def __init__(self, windows: list[dict[str, Any]], begin: int) -> None:
        self.windows = windows
        minutes = range(begin // 60_000 - 1_500, begin // 60_000 + 5_000)
        open_at = [(m * 60_000, self.open(m * 60_000)) for m in minutes]
        self.edges = [at for (_, was), (at, now) in pairwise(open_at) if was != now]

    def open(self, ts: int) -> bool:
        local = datetime.fromtimestamp(ts / 1000, ZoneInfo("Asia/Shanghai"))
        clock, today, yesterday = f"{local:%H:%M}", local.date(), local.date() - timedelta(days=1)
        for one in self.windows:
            a, b, days = one["from"], one["to"], one.get("days", "every")
            if a < b and a <= clock < b and self._fits(today, days):
                return True
            if b < a and ((clock >= a and self._fits(today, days)) or (clock < b and self._fits(yesterday, days))):
                return True
        return False

    def _fits(self, day: date, days: Any) -> bool:
        if isinstance(days, list):
            return day.isoweekday() in days
        worked = WORKED.get(day, day.isoweekday() < 6)
        return {"every": True, "workday": worked, "restday": not worked, "holiday": WORKED.get(day) is False}[days]

    def edge(self, ts: int) -> int:
        return next(at for at in self.edges if at > ts)

    def since(self, ts: int) -> int:
        return max((at for at in self.edges if at <= ts), default=-NEVER)


class Reference:
    """`hear` messages in the order of the stream, then `end`; `told` has (started, raised, ended)."""

    def __init__(self, rule: RuleRow, begin: int, others: dict[int, list[int]] | None = None) -> None:
        """`others`: by level, the devices that terms are about besides; their properties are told `number:property`."""
        assert rule.condition is not None
        self.every = rule.condition.get("match", "all") == "all"
        texts = {one["code"]: one["formula"] for one in rule.condition.get("calculated") or ()}
        self.terms, self.parts = list[Term](), list[range]()
        for term in rule.condition["terms"]:
            names = (
                [f"{other}:{term['property']}" for other in (others or {})[term["of"]["level"]]]
                if "of" in term
                else [term["property"]]
            )
            self.parts.append(range(len(self.terms), len(self.terms) + len(names)))
            self.terms += [Term(term | {"property": name}, texts) for name in names]
        self.duration, self.pause = rule.duration_s * 1000, rule.reraise_s * 1000
        self.state, self.begun, self.block, self.now, self.lag = "idle", 0, -NEVER, -NEVER, 0
        self.event = self.wake = NEVER
        self.floor, self.base, self.said = 0, [False], dict[tuple[int, int], bool]()
        self.told: list[list[Any]] = []
        self.severity = rule.severity
        self.ladder = rule.condition.get("ladder") or []
        self.steps = [Term({**rule.condition["terms"][0], "clear_value": None} | s, texts) if "value" in s else None
                      for s in self.ladder]  # fmt: skip
        windows = rule.condition.get("windows")
        self.schedule = Schedule(windows, begin) if windows else None

    def hear(self, message: list[Reading]) -> None:
        said: list[tuple[Any, ...]] = []  # time, place among terms and steps, arrival, holds, stays, fresh
        for ts, some in groupby(sorted(message, key=lambda r: r[1]), key=lambda r: r[1]):
            heard: dict[str, tuple[float, bool]] = {}
            for prop, _, arrived, value, good in some:
                recv = arrived
                heard.setdefault(prop, (value, good and math.isfinite(value)))
            for number, term in enumerate([*self.terms, *self.steps]):
                if term and (told := term.told(ts, heard)):
                    said.append((told[0], number, recv, *told[1:]))
        for ts, some in groupby(sorted(said, key=lambda one: one[0]), key=lambda one: one[0]):
            moment = [one[1:] for one in some]
            rows = [one for one in moment if one[0] < len(self.terms)]
            climbs = [(self.steps[n - len(self.terms)], holds, stays, new) for n, _, holds, stays, new in moment
                      if n >= len(self.terms) and new]  # fmt: skip
            if rows:
                self._moment(ts, rows, climbs)

    def end(self, at: int) -> list[tuple[Any, ...]]:
        """As the clock on the wall reaches `at`."""
        self._pass(-NEVER, at)
        return [(a, b, c, tuple(levels)) for a, b, c, levels in self.told]

    def _whole(self, on: list[bool]) -> bool:
        found = [any(on[n] for n in part) for part in self.parts]
        return all(found) if self.every else any(found)

    def _old(self, now: int) -> list[int]:
        """Terms about others that ended by `now`, since they were told too long ago."""
        gone = [n for n, t in enumerate(self.terms) if t.age and (t.on or t.held) and now - t.said > t.age]
        for n in gone:
            self.terms[n].on = self.terms[n].held = False
        return gone

    def _moment(self, ts: int, rows: list[tuple[Any, ...]], climbs: list[tuple[Any, ...]]) -> None:
        fresh = any(row[4] for row in rows)
        self._pass(ts if fresh else -NEVER, rows[0][1])
        if self.state == "idle":
            self._old(max(self.now, ts) if fresh else self.now)
        late = max(self.now, ts) - ts
        ages = [self.terms[row[0]].age for row in rows]
        rows = [(*row[:2], False, False, row[4]) if age and late > age else row
                for row, age in zip(rows, ages, strict=True)]  # fmt: skip
        before, floor = [t.held for t in self.terms], self.now
        for number, recv, holds, stays, new in rows:
            if new:
                term = self.terms[number]
                term.on = holds or (self.state == "active" and term.on and stays)
                term.held, self.lag, term.said = holds, recv - ts, ts
        for step, holds, stays, _ in climbs:
            step.on = holds or (self.state == "active" and step.on and stays)
            step.held = holds
        if self.state == "pending":
            self._count(ts, rows)
        if not fresh:
            return
        self.now = max(self.now, ts)
        if self.state == "idle":
            self.floor, self.base = floor, before
            if self.schedule and self._open():
                self.floor = max(floor, self.schedule.since(self.now) - 1)
            self.said = {(self.now, n): holds for n, _, holds, _, new in rows if new}
        self._look()

    def _open(self) -> bool:
        return self.schedule is None or self.schedule.open(self.now)

    def _look(self) -> None:
        whole = self._whole([t.on for t in self.terms]) and self._open()
        if self.state == "idle" and whole:
            self._begin(self.now)
        elif self.state == "active" and not whole:
            self._clear(self.now)
        elif self.state == "pending" and not whole:
            self.state = "idle"
        if self.state == "active" and self._reached(self.now) != self.told[-1][3][-1][1]:
            levels = self.told[-1][3]
            levels.append((max(self.now, levels[-1][0] + 1), self._reached(self.now)))
        self._watch()

    def _reached(self, at: int) -> str:
        found = self.severity
        for step, term in zip(self.ladder, self.steps, strict=True):
            if term.on if term else at - self.told[-1][1] >= step["after_s"] * 1000:
                found = step["severity"]
        return found

    def _begin(self, at: int) -> None:
        self.begun = at = self._after_last(at)
        if max(at + self.duration, self.block) <= at:
            self._raise(at)
        else:
            self.state = "pending"

    def _after_last(self, at: int) -> int:
        return max(at, self.told[-1][1] + 1) if self.told else at

    def _count(self, ts: int, rows: list[tuple[Any, ...]]) -> None:
        for number, _, holds, _, fresh in rows:
            at = max(ts, self.floor + 1) if fresh else ts
            at = max(at, self.now) if self.terms[number].age else at
            if at > self.floor and (fresh or (at, number) not in self.said):
                self.said[at, number] = holds
        on = list(self.base)
        start = self.begun if self._whole(on) else None
        for at, some in groupby(sorted(self.said.items()), key=lambda one: one[0][0]):
            for (_, number), holds in some:
                on[number] = holds
            start = (at if start is None else start) if self._whole(on) else None
        if start is None:
            self.state = "idle"
        else:
            self.begun = self._after_last(start)
        self._watch()

    def _watch(self) -> None:
        event = max(self.begun + self.duration, self.block) if self.state == "pending" else NEVER
        if self.schedule and (self.state != "idle" or self._whole([t.on for t in self.terms])):
            event = min(event, self.schedule.edge(self.now))
        if self.state != "idle" or self._whole([t.on for t in self.terms]):
            event = min([event, *(t.said + t.age + 1 for t in self.terms if t.age and (t.on or t.held))])
        if self.state == "active":
            later = [self.told[-1][1] + s["after_s"] * 1000 for s in self.ladder if "after_s" in s]
            event = min([event, *(at for at in later if at > self.now)])
        if event != self.event:
            self.event, self.wake = event, NEVER if event == NEVER else event + max(self.lag, 0)

    def _pass(self, ts: int, recv: int) -> None:
        while self.event < NEVER and (ts >= self.event or recv >= self.wake):
            event, self.event, self.wake = self.event, NEVER, NEVER
            self.now = max(self.now, event)
            self.said |= {(event, n): False for n in self._old(event)}
            whole = self._whole([t.on for t in self.terms])
            if (
                self.state == "pending"
                and whole
                and self._open()
                and max(self.begun + self.duration, self.block) <= event
            ):
                self._raise(event)
            if self.state == "idle":
                self.floor, self.base, self.said = event - 1, [t.held for t in self.terms], {}
            self._look()

    def _raise(self, at: int) -> None:
        self.state = "active"
        self.told.append([self.begun, at, None, []])
        self.told[-1][3].append((at, self._reached(at)))

    def _clear(self, at: int) -> None:
        self.state, self.block = "idle", at + self.pause
        self.told[-1][2] = max(at, self.told[-1][1])
        for term in [*self.terms, *filter(None, self.steps)]:
            term.on = term.held


def occurrences(said: list[dict[str, Any]], *, severity: str | None = None) -> list[tuple[Any, ...]]:
    """What the database keeps of these operations, told independently of the bench: device, started, raised, ended, and
    with the rule's `severity` how that went."""
    rows: list[list[Any]] = []
    for o in said:
        mine = [r for r in rows if r[0] == o["device_id"]]
        if o["op"] == "raise":
            started, raised = o["started_at"], o["raised_at"]
            if any(r[1] == started or r[3] is None or (r[1] <= started and r[3] > raised) for r in mine):
                continue
            rows.append([o["device_id"], started, raised, None, ((raised, o.get("severity", severity)),)])
        for r in mine:
            if r[3] is not None or r[1] > o["started_at"]:
                continue
            if o["op"] == "clear":
                r[3] = max(r[2], o["cleared_at"])
            elif o["op"] == "level" and r[4][-1][0] < o["at"] and r[4][-1][1] != o["severity"]:
                r[4] += ((o["at"], o["severity"]),)
    return sorted(tuple(r) if severity else tuple(r[:4]) for r in rows)
