"""Slots of several terms. The states are those of every slot (idle, pending, active); here is what moves them.

Terms of one message and one time are judged together. A slot has a clock of its own, `now`: the newest time of what its
terms were told, or of what fell due. `event` is the next moment at which something falls due without a reading; it
happens when a reading of that time arrives, or when the clock on the wall reaches `wake`, whichever is first.
"""

from __future__ import annotations

import bisect
import math
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from linli.telemetry.sense.book import ACTIVE, IDLE, NEVER, PENDING
from linli.telemetry.sense.rings import NONE
from linli.telemetry.sense.terms import Group, Past

if TYPE_CHECKING:
    from linli.telemetry.sense.judge import Judge

Ints = npt.NDArray[np.int64]
Row = tuple[int, int, int, int, int, float, bool, bool, bool]
"""slot, message, time, term, arrival, value, holds, stays, fresh"""
KEPT = 512  # of what is said while a count runs
NOT_FRESH = NONE - 1


class Groups:
    def __init__(self, judge: Judge) -> None:
        self.judge, self.book, self.terms = judge, judge.book, judge.book.terms

    def take(
        self, series: Ints, ts: Ints, recv: Ints, value: Any, good: Any, message: Ints, sequence: Ints | None = None
    ) -> None:
        """Readings by series, message and time. Those that are not to be judged are as if they had not come. With their
        `sequence` in the stream each slot hears only what its partition has not heard."""
        place, term, part = self.terms.of(series)
        fit = good[place]
        if sequence is not None:
            fit &= self._new(self.book.slot.dev[self.terms.row.slot[term]], sequence[place])
            good = good & self._new(self.book.series.dev[series], sequence)
        learnt = self.terms.learnt.take(series, ts, value, good) if self.terms.learnt else None
        place, term, part = place[fit], term[fit], part[fit]
        if not len(place):
            return
        left = value[place] if learnt is None else self.terms.odd(learnt, place, term, value[place])
        told = (term, message[place], ts[place], recv[place], left, value[place])
        if self.terms.figures:
            told = self.terms.reckoned(told, part)
            if not len(told[0]):
                return
        order = np.lexsort((told[2], told[1], told[0]))
        term, message, ts, recv, left, value = (column[order] for column in told)
        said = self.terms.say(term, ts, left)
        if not len(said.term):
            return
        place = said.place
        slot = self.terms.row.slot[said.term]
        order = np.lexsort((said.term, ts[place], message[place], slot))
        place = place[order]
        columns = [slot[order], message[place], ts[place], said.term[order], recv[place], value[place],
                   said.holds[order], said.stays[order], said.fresh[order]]  # fmt: skip
        hot = self._hot(*columns)
        if not hot.all():
            self._note(*(c[~hot] for c in columns))
        if hot.any():
            rows = zip(*(c[hot].tolist() for c in columns), strict=True)
            for (number, _, at), moment in groupby(rows, key=lambda row: row[:3]):
                self._moment(number, at, list(moment))

    def _new(self, dev: Any, sequence: Ints) -> Any:
        """Whether a message was not yet told to the partitions of these devices, which are ours."""
        part = self.book.dev.part[dev]
        return self.judge.owned[part] & (sequence > self.judge.seen[part])

    def _hot(self, slot: Any, message: Any, ts: Any, term: Any, recv: Any, value: Any, holds: Any, stays: Any,
             fresh: Any) -> Any:  # fmt: skip
        """Rows of the slots where something may change."""
        s, on = self.book.slot, self.terms.row.on[term]
        state, event = s.state[slot], s.event[slot]
        changes = np.where(on, ~holds & ~(stays & (state == ACTIVE)), holds)
        due = (event < NEVER) & ((fresh & (ts >= event)) | (recv >= s.wake[slot]))
        longer = (self.terms.row.age[term] > 0) & (on | holds) & ((state != IDLE) | (event < NEVER))
        found = (fresh & (changes | longer)) | (state == PENDING) | due
        return np.isin(slot, slot[found]) if found.any() else found

    def _note(self, slot: Any, message: Any, ts: Any, term: Any, recv: Any, value: Any, holds: Any, stays: Any,
              fresh: Any) -> None:  # fmt: skip
        """Readings that change nothing but what was read last."""
        t, s = self.terms.row, self.book.slot
        slot, ts, term, recv = slot[fresh], ts[fresh], term[fresh], recv[fresh]
        t.last[term], t.held[term], t.said[term] = value[fresh], holds[fresh], ts
        np.maximum.at(s.now, slot, ts)
        s.lag[slot] = recv - ts

    # --- one slot ---------------------------------------------------------------------------------------------------

    def _moment(self, slot: int, ts: int, rows: list[Row]) -> None:
        """What the terms of a slot say at one time, in one message."""
        s, t, group = self.book.slot, self.terms.row, self.terms.groups[slot]
        recv, fresh = rows[-1][4], any(row[8] for row in rows)
        self.until(slot, ts if fresh else NOT_FRESH, recv)
        floor = int(s.now[slot])
        if group.others:
            rows = self._timely(slot, group, max(floor, ts) if fresh else floor, rows)
        before = {row[3]: bool(t.held[row[3]]) for row in rows}
        active = s.state[slot] == ACTIVE
        for _, _, _, term, arrived, value, holds, stays, new in rows:
            if new:
                t.on[term] = holds or bool(active and t.on[term] and stays)
                t.held[term], t.last[term], t.said[term] = holds, value, ts
                s.lag[slot] = arrived - ts
        if s.state[slot] == PENDING:
            self._recall(slot, group, ts, rows)
        if fresh:
            now = s.now[slot] = max(floor, ts)
            said = [(now, row[3], row[6]) for row in rows if row[8]]
            base = {row: before.get(row, bool(t.held[row])) for row in group.rows()}
            if group.windows and s.state[slot] == IDLE and group.holds(t.on) and group.open(now):
                floor = max(floor, group.windows.since(now) - 1)
            self._settle(slot, group, now, Past(floor, base, said))

    def _timely(self, slot: int, group: Group, now: int, rows: list[Row]) -> list[Row]:
        """What other devices say counts from `now` on, and not at all when it is too old by then."""
        age = self.terms.row.age
        if self.book.slot.state[slot] == IDLE:
            self._expire(group, now)
        return [row if not age[row[3]] or now - row[2] <= age[row[3]] else (*row[:6], False, False, row[8])
                for row in rows]  # fmt: skip

    def _expire(self, group: Group, now: int) -> list[int]:
        """Terms about other devices that hold no longer, since nothing newer came for too long."""
        t = self.terms.row
        gone = [row for row in group.aged() if (t.on[row] or t.held[row]) and t.said[row] + t.age[row] < now]
        t.on[gone] = t.held[gone] = False
        return gone

    def _begin(self, slot: int, group: Group, at: int, past: Past) -> None:
        s = self.book.slot
        at = s.t0[slot] = self._after_last(slot, at)
        if self.judge.due(slot) <= at:
            self._raise(slot, group, at)
        else:
            s.state[slot], group.past = PENDING, past

    def _after_last(self, slot: int, at: int) -> int:
        """Two occurrences never begin at one time: one begins after that before it was raised."""
        s = self.book.slot
        return max(at, int(s.raised[slot]) + 1) if s.block[slot] > NONE else at

    def _settle(self, slot: int, group: Group, at: int, past: Past) -> None:
        """After anything happened: whether what was so still is."""
        state = self.book.slot.state[slot]
        whole = group.holds(self.terms.row.on) and group.open(at)
        if state == IDLE and whole:
            self._begin(slot, group, at, past)
        elif state == ACTIVE and not whole:
            self._clear(slot, group, at)
        elif state == PENDING and not whole:
            self.book.rest(slot)
        if group.steps and self.book.slot.state[slot] == ACTIVE:
            self._climb(slot, group, at)
        self._arm(slot, group)

    # --- time -------------------------------------------------------------------------------------------------------

    def until(self, slot: int, ts: int, recv: int) -> None:
        """Let happen what is due before a reading of time `ts` that arrives at `recv`."""
        s = self.book.slot
        while (event := int(s.event[slot])) < NEVER and (ts >= event or recv >= s.wake[slot]):
            s.event[slot] = s.wake[slot] = NEVER
            if event == NONE:
                return  # only to look again, at the reading
            now = s.now[slot] = max(int(s.now[slot]), event)  # a late reading may have made something due in the past
            group = self.terms.groups[slot]
            gone = self._expire(group, event) if group.others else []
            if gone and group.past:
                for row in gone:
                    bisect.insort(group.past.said, (event, row, False))
                _forget(group.past)
            whole = group.holds(self.terms.row.on) and group.open(now)
            if s.state[slot] == PENDING and self.judge.due(slot) <= event and whole:
                self._raise(slot, group, self.judge.due(slot))
            base = {row: bool(self.terms.row.held[row]) for row in group.rows()}
            self._settle(slot, group, now, Past(event - 1, base, []))

    def again(self, slot: int) -> None:
        """Look at a slot at its own time as it is, without a reading."""
        s = self.book.slot
        if s.now[slot] > NONE and s.event[slot] != NONE:
            s.event[slot] = s.now[slot]
            self.until(slot, int(s.now[slot]), NOT_FRESH)

    def _arm(self, slot: int, group: Group) -> None:
        """When something falls due next, by the slot's own time and on the wall: its devices' clocks may lag."""
        s = self.book.slot
        event = self.judge.due(slot) if s.state[slot] == PENDING else NEVER
        if (group.windows or group.others) and (s.state[slot] != IDLE or group.holds(self.terms.row.on)):
            if group.windows:
                event = min(event, group.windows.edge(int(s.now[slot])))
            t = self.terms.row
            event = min([event, *(int(t.said[r] + t.age[r]) + 1 for r in group.aged() if t.on[r] or t.held[r])])
        if group.steps and s.state[slot] == ACTIVE:
            later = (int(s.raised[slot]) + step.after for step in group.steps)
            event = min(event, *(at for at in later if at > s.now[slot]), NEVER)
        if event != s.event[slot]:
            s.event[slot], s.wake[slot] = event, NEVER
            if event < NEVER:
                self.judge.wake_at(slot, event + max(int(s.lag[slot]), 0))

    # --- late readings ----------------------------------------------------------------------------------------------

    def _recall(self, slot: int, group: Group, ts: int, rows: list[Row]) -> None:
        """What is said while a count runs, perhaps late: the count starts after the last "no" of the whole."""
        past, s = group.past, self.book.slot
        assert past is not None
        late = False
        for _, _, _, term, _, _, holds, _, fresh in rows:
            at = max(ts, past.floor + 1) if fresh else ts
            at = max(at, int(s.now[slot])) if self.terms.row.age[term] else at
            if at <= past.floor:
                continue
            place = bisect.bisect_left(past.said, (at, term))
            known = place < len(past.said) and past.said[place][:2] == (at, term)
            if known and not fresh:
                continue  # sent again: the first counts, as in the store
            past.said[place : place + known] = [(at, term, holds)]
            late = late or past.said[-1][:2] != (at, term)
        _forget(past)
        if not late:
            return
        start = _start(past, group, int(s.t0[slot]))
        if start is None:
            self.book.rest(slot)
        else:
            s.t0[slot] = self._after_last(slot, start)
        self._arm(slot, group)

    # --- alarms -----------------------------------------------------------------------------------------------------

    def _raise(self, slot: int, group: Group, at: int) -> None:
        t = self.terms.row
        group.past, first = None, next(group.own())
        group.told, term = next(((row, term) for row, term in group.own() if t.on[row]), first)
        group.level, group.level_at = group.height(t.on, 0), at
        severity = group.steps[group.level].severity if group.level >= 0 else None
        self.judge.raise_at(slot, at, group.told_as(term), self._shown(group), severity)

    def _shown(self, group: Group) -> float | None:
        """The newest reading of the term that the alarm names; None: nothing was heard of it."""
        value = float(self.terms.row.last[group.told]) if group.told >= 0 else math.nan
        return None if math.isnan(value) else value

    def _climb(self, slot: int, group: Group, at: int) -> None:
        """The severity of an alarm that is on: up and down the ladder."""
        s = self.book.slot
        level = group.height(self.terms.row.on, int(s.now[slot]) - int(s.raised[slot]))
        if level != group.level:
            group.level, group.level_at = level, max(at, group.level_at + 1)
            self.judge.level_at(slot, group.level_at, group.steps[level].severity if level >= 0 else None)

    def _clear(self, slot: int, group: Group, at: int) -> None:
        t = self.terms.row
        self.judge.clear_at(slot, at, self._shown(group))
        rows = list(group.rows())
        t.on[rows], group.told = t.held[rows], -1


def _forget(past: Past) -> None:
    while len(past.said) > KEPT:
        past.floor = past.said[0][0]
        while past.said and past.said[0][0] == past.floor:
            _, term, holds = past.said.pop(0)
            past.base[term] = holds


def _start(past: Past, group: Group, begun: int) -> int | None:
    """Since when the whole holds without a break; None: it does not."""
    on = dict(past.base)
    run = begun if group.holds(on) else None
    for at, said in groupby(past.said, key=lambda one: one[0]):
        on.update((term, holds) for _, term, holds in said)
        run = (at if run is None else run) if group.holds(on) else None
    return run
