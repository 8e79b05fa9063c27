"""What every term of every rule says of a reading: columns, one row for each (slot, term of its rule).

`say` answers for whole batches whether a term holds and whether an alarm that it is part of would stay. It looks only
at the term's own readings, so that how a batch is cut changes nothing; what follows for an alarm is in `groups.py`.

What each kind puts into its row: `kinds.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from linli.telemetry.anomaly import Verdicts
from linli.telemetry.sense import rings
from linli.telemetry.sense.figures import Figures
from linli.telemetry.sense.kinds import COUNT, KINDS, ODD, RATE, READING, Term, compare
from linli.telemetry.sense.learnt import Key, Learnt, strengths
from linli.telemetry.sense.rings import NONE, Bank
from linli.telemetry.sense.schedule import NEVER, Windows, district
from linli.telemetry.sense.table import Table, newest_before

Ints = npt.NDArray[np.int64]
UNKNOWN = -2  # a level that the database knows and we do not


@dataclass(frozen=True, slots=True)
class Find:
    """Where the readings of a device's terms are: the series of a property of its own, and those of other devices."""

    series: Callable[[str], int]
    others: Callable[[Term, str], list[int]]


# --- groups of terms ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Past:
    """What the terms of a pending slot said since its count began, late readings in their places."""

    floor: int  # nothing from here back lengthens the count
    base: dict[int, bool]  # what was so at `floor`
    said: list[tuple[int, int, bool]]  # (time, term, whether it held), by time


@dataclass(slots=True)
class Step:
    """A step of the ladder: reached after so long (ms), or while the term of `row` holds (-1: none)."""

    severity: str
    after: int = NEVER
    row: int = -1


@dataclass(slots=True)
class Group:
    """The terms of one slot, by their place in the rule."""

    condition: Term
    version: int
    every: bool
    parts: list[list[int]]
    windows: Windows | None = None
    steps: list[Step] = field(default_factory=list)  # the ladder, from below
    level: int = -1  # which of the steps the alarm is on; -1: none
    level_at: int = NONE
    told: int = -1  # the term that the alarm named
    figures: dict[str, Any] = field(default_factory=dict)  # code → the formula of a calculated one
    others: list[int] = field(default_factory=list)  # places in `parts` of terms about other devices
    past: Past | None = field(default=None)

    def rows(self) -> Iterator[int]:
        for part in self.parts:
            yield from part
        for step in self.steps:
            if step.row >= 0:
                yield step.row

    def own(self) -> Iterator[tuple[int, Term]]:
        """Rows about the device itself with what the rule says of them, without the ladder's."""
        for part, term in zip(self.parts, self.condition["terms"], strict=True):
            if "of" not in term:
                yield part[0], term

    def aged(self) -> Iterator[int]:
        """Rows about other devices: what they say holds for a time only."""
        for place in self.others:
            yield from self.parts[place]

    def told_as(self, term: Term) -> str:
        """The property that an alarm names for a term: of a formula its first."""
        formula = self.figures.get(term["property"])
        return formula.operands[0] if formula else term["property"]

    def height(self, on: Any, lasted: int) -> int:
        """The highest step that is reached."""
        reached = (n for n, s in enumerate(self.steps) if lasted >= s.after or (s.row >= 0 and on[s.row]))
        return max(reached, default=-1)

    def open(self, ts: int) -> bool:
        return self.windows is None or self.windows.open(ts)

    def holds(self, on: Any) -> bool:
        found = (any(on[row] for row in part) for part in self.parts)
        return all(found) if self.every else any(found)


_BLANK: dict[str, Any] = {
    "mode": 0, "sign": 1.0, "clear": np.nan, "high": 0.0, "over": READING, "window": 0, "unit": 1.0, "times": 0,
    "side": 0, "ring": -1, "figure": -1, "age": 0, "said": NONE, "ts": NONE, "at": NONE, "on": False,
    "held": False, "last": np.nan,
}  # fmt: skip


@dataclass(slots=True)
class Said:
    """Rows that say something, by term and message and time."""

    place: Any  # in the arrays given
    term: Ints
    holds: Any
    stays: Any
    fresh: Any


class Terms:
    def __init__(self, key: Key) -> None:
        """`key` names a series for what is learnt of it."""
        self.row = Table(
            slot="i4", series="i4", mode="i1", sign="f8", value="f8", clear="f8", high="f8", over="i1", window="i8",
            unit="f8", times="i2", side="i1", ring="i4", figure="i4", age="i8", said="i8",
            ts="i8", at="i8", on="?", held="?", last="f8",
        )  # fmt: skip
        self.groups: dict[int, Group] = {}  # by slot
        self.rates = Bank(rings.KEPT, valued=True)
        self.counts: dict[int, Bank] = {}
        self.learnt = Learnt(key)
        self.figures = Figures()
        self.again: set[int] = set()  # slots that look at fewer devices than before
        self._free: list[int] = []
        self._schedules: dict[str, Windows] = {}
        self._links: tuple[Any, ...] | None = None  # (series, term, which operand of its figure) of all, by series
        self._read = np.zeros(1024, bool)  # whether a series has terms

    # --- which there are --------------------------------------------------------------------------------------------

    def put(self, slot: int, version: int, condition: Term, find: Find) -> bool:
        """Give a slot its terms. Returns whether they are new: where the condition is as before, what they remember
        stays, and they follow which other devices there are."""
        known = self.groups.get(slot)
        if known is not None and known.condition == condition:
            known.version = version
            if self._follow(slot, known, find):
                self.again.add(slot)
            return False
        self.drop(slot)
        texts = {one["code"]: one["formula"] for one in condition.get("calculated") or ()}
        parts = [[] if "of" in term else [self._row(slot, term, texts, find)] for term in condition["terms"]]
        windows = self._windows(condition["windows"]) if condition.get("windows") else None
        group = Group(condition, version, condition.get("match", "all") == "all", parts, windows,
                      figures={code: self.figures.read(text) for code, text in texts.items()},
                      others=[n for n, term in enumerate(condition["terms"]) if "of" in term])  # fmt: skip
        for step in condition.get("ladder") or ():
            if step.get("after_s") is not None:
                group.steps.append(Step(step["severity"], after=step["after_s"] * 1000))
                continue
            term = {**condition["terms"][0], "clear_value": None} | step
            group.steps.append(Step(step["severity"], row=self._row(slot, term, texts, find)))
        self._follow(slot, group, find)
        self.groups[slot] = group
        return True

    def _follow(self, slot: int, group: Group, find: Find) -> bool:
        """A row for each other device that a term is about. Returns whether any is gone."""
        less = False
        for place in group.others:
            term = group.condition["terms"][place]
            wanted, part = set(find.others(term["of"], term["property"])), group.parts[place]
            gone = [row for row in part if int(self.row.series[row]) not in wanted]
            new = sorted(wanted - {int(self.row.series[row]) for row in part})
            less = less or bool(gone)
            if group.past and gone:
                group.past.said = [one for one in group.past.said if one[1] not in gone]
            for row in gone:
                part.remove(row)
                self._drop_row(row)
            for series in new:
                columns = KINDS[term["kind"]](term) | {"age": term["of"]["age_s"] * 1000}
                part.append(self._add(slot, series, columns))
                if group.past:
                    group.past.base[part[-1]] = False
        return less

    def _row(self, slot: int, term: Term, texts: Mapping[str, str], find: Find) -> int:
        columns, text = KINDS[term["kind"]](term), texts.get(term["property"])
        if text is None:
            return self._add(slot, find.series(term["property"]), columns)
        row = self._add(slot, -1, columns)
        operands = [find.series(name) for name in self.figures.read(text).operands]
        self.row.figure[row] = self.figures.add(row, text, operands)
        return row

    def _windows(self, windows: list[dict[str, Any]]) -> Windows:
        """The same for all slots of a rule, so that days are looked up once."""
        key = repr(windows)
        if key not in self._schedules:
            self._schedules[key] = Windows(windows, district())
        return self._schedules[key]

    def drop(self, slot: int) -> None:
        """A slot without a rule, or with another: its terms forget."""
        group = self.groups.pop(slot, None)
        if group is None:
            return
        self.again.discard(slot)
        for row in group.rows():
            self._drop_row(row)

    def _drop_row(self, row: int) -> None:
        self._links = None
        if bank := self.bank(row):
            bank.drop(int(self.row.ring[row]))
        if self.row.figure[row] >= 0:
            self.figures.drop(int(self.row.figure[row]))
        self.row.series[row], self.row.age[row] = -1, 0
        self._free.append(row)

    def _add(self, slot: int, series: int, columns: Mapping[str, Any]) -> int:
        self._links = None
        row = self._free.pop() if self._free else self.row.add()
        for name, value in (_BLANK | dict(columns) | {"slot": slot, "series": series}).items():
            getattr(self.row, name)[row] = value
        if bank := self.bank(row):
            self.row.ring[row] = bank.add()
        return row

    def bank(self, row: int) -> Bank | None:
        """Where a term's past is kept, if it has one."""
        over = self.row.over[row]
        if over == RATE:
            return self.rates
        if over == COUNT:
            times = int(self.row.times[row])
            return self.counts.setdefault(times, Bank(times))
        return None

    def blank(self, slot: int) -> None:
        """As if no reading had ever come."""
        group = self.groups[slot]
        group.told, group.past, group.level, group.level_at = -1, None, -1, NONE
        self.again.discard(slot)
        for row in group.rows():
            self.row.ts[row] = self.row.at[row] = self.row.said[row] = NONE
            self.row.on[row] = self.row.held[row] = False
            if self.row.figure[row] >= 0:
                self.figures.blank(int(self.row.figure[row]))
            if bank := self.bank(row):
                bank.t[self.row.ring[row]] = NONE

    def of(self, series: Ints) -> tuple[Ints, Ints, Ints]:
        """Pairs of (place in `series`, term), and which operand of the term's figure a reading is."""
        keys, terms, parts = self._links or self._link()
        if series.max() >= len(self._read):
            self._read = np.append(self._read, np.zeros(int(series.max()), bool))
        found = np.flatnonzero(self._read[series])
        start = np.searchsorted(keys, series[found])
        many = np.searchsorted(keys, series[found], "right") - start
        within = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
        link = np.repeat(start, many) + within
        return np.repeat(found, many), terms[link], parts[link]

    def _link(self) -> tuple[Any, ...]:
        live = np.flatnonzero(self.row.column("series") >= 0)
        keys, terms, parts = self.row.series[live].astype(np.int64), live, np.zeros(len(live), np.int64)
        if self.figures:
            both = zip((keys, terms, parts), self.figures.links(), strict=True)
            keys, terms, parts = (np.concatenate(pair) for pair in both)
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        self._read = np.zeros(max(1024, int(keys.max(initial=0)) + 1), bool)
        self._read[keys] = True
        self._links = keys, terms[order], parts[order]
        odd = self.row.over[live] == ODD
        if self.learnt or odd.any():
            self.learnt.watch(self.row.series[live[odd]].astype(np.int64))
        return self._links

    def linked(self) -> Learnt:
        """What is learnt, by the terms of now."""
        if self._links is None:
            self._link()
        return self.learnt

    def heard(self, slot: int) -> bool:
        """Whether any reading came."""
        rows = list(self.groups[slot].rows())
        figures = self.row.figure[rows]
        return bool((self.row.ts[rows] > NONE).any() or self.figures.heard(figures[figures >= 0]))

    def hold(self, slot: int) -> bool:
        """Whether the whole holds, by what was said last."""
        return self.groups[slot].holds(self.row.on)

    def assume(self, slot: int, at: int) -> None:
        """An alarm is on since `at` of whose terms nothing was heard: each holds until it says otherwise."""
        group = self.groups[slot]
        rows = [row for part in group.parts for row in part]
        unheard = self.row.ts[rows] == NONE
        self.row.on[rows] |= unheard
        self.row.said[rows] = np.where(unheard, at, self.row.said[rows])
        group.level = UNKNOWN

    def looked_at(self) -> Ints:
        """(series, slot) columns of all that terms know of other devices."""
        rows = np.flatnonzero(self.row.column("age") > 0)
        return np.vstack([self.row.series[rows], self.row.slot[rows]]).astype(np.int64)

    def reckoned(self, told: tuple[Any, ...], part: Ints) -> tuple[Any, ...]:
        """Columns of readings (term, message, time, arrival, what is compared, what is shown), with those of figures in
        the place of what they are made of."""
        figure = self.row.figure[told[0]]
        mine = figure >= 0
        if not mine.any():
            return told
        _, message, ts, recv, _, value = (column[mine] for column in told)
        made = self.figures.take(figure[mine].astype(np.int64), part[mine], message, ts, recv, value)
        new = (self.figures.term[made.figure], made.message, made.ts, made.recv, made.value, made.shown)
        return tuple(np.concatenate((old[~mine], more)) for old, more in zip(told, new, strict=True))

    def odd(self, said: tuple[Ints, Verdicts], place: Ints, term: Ints, value: Any) -> Any:
        """`value` with the strength in its place where a term asks whether it is as expected."""
        mine = np.flatnonzero(self.row.over[term] == ODD)
        left = value.copy()
        left[mine] = strengths(said[1], said[0][place[mine]], value[mine], self.row.side[term[mine]])
        return left

    # --- what they say ----------------------------------------------------------------------------------------------

    def say(self, term: Ints, ts: Ints, value: Any) -> Said:
        """Rows stand by term, message and time. Late readings say something only of comparisons: a rate or a count is
        told at the newest."""
        t = self.row
        again = term[1:] == term[:-1]
        before = newest_before(ts, t.ts[term], again)
        fresh = ts > before
        last = np.append(~again, True)
        t.ts[term[last]] = np.maximum(before[last], ts[last])
        place = np.flatnonzero((ts != before) & (fresh | ((t.over[term] == READING) & (t.age[term] == 0))))
        term, ts, left, fresh = term[place], ts[place], value[place], fresh[place]
        over = t.over[term]
        if (some := over == RATE).any():
            left = left.copy()
            left[some] = self._rates(term[some], ts[some], left[some])
        holds, stays = compare(t.mode[term], t.sign[term], t.value[term], t.clear[term], t.high[term], left)
        if (some := over == COUNT).any():
            holds[some] = stays[some] = self._counts(term[some], ts[some], holds[some])
        t.at[term[fresh]] = ts[fresh]
        known = ~np.isnan(left)
        if known.all():
            return Said(place, term, holds, stays, fresh)
        return Said(place[known], term[known], holds[known], stays[known], fresh[known])

    def _rates(self, term: Ints, ts: Ints, value: Any) -> Any:
        first = np.append(True, term[1:] != term[:-1])
        before = np.where(first, self.row.at[term], np.append(NONE, ts[:-1]))
        found = rings.rates(self.rates, self.row.ring[term], first, ts, value, before, self.row.window[term])
        return found * self.row.unit[term]

    def _counts(self, term: Ints, ts: Ints, holds: Any) -> Any:
        found = np.zeros(len(term), bool)
        times = self.row.times[term]
        for width in np.unique(times).tolist():
            some = times == width
            mine = term[some]
            first = np.append(True, mine[1:] != mine[:-1])
            found[some] = rings.counts(
                self.counts[width], self.row.ring[mine], first, holds[some], ts[some], self.row.window[mine]
            )
        return found
