"""Judging readings: whole batches as columns, and a small state machine for the few slots where something happens.

A slot is idle, pending (its condition holds, but not long enough yet) or active (an alarm is on). Readings move it
by their own time; timers move it when nothing arrives. What comes out are operations for `devices_alarms_apply`.

Readings count in the order of the stream: message by message, within a message by their own time. What is decided does
not depend on how many messages are taken at once, so that the bench (`bench.py`) decides over history as sense did.
"""

from __future__ import annotations

import bisect
import heapq
from typing import Any

import numpy as np
import numpy.typing as npt

from linli.kernel import ids
from linli.telemetry.batch import NOT_JUDGED, Batch
from linli.telemetry.sense.book import ACTIVE, IDLE, NEVER, PENDING, Book
from linli.telemetry.sense.groups import NOT_FRESH, Groups
from linli.telemetry.sense.kinds import compare
from linli.telemetry.sense.table import newest_before

Ints = npt.NDArray[np.int64]
Op = dict[str, Any]
KEPT = 512  # readings of a pending slot that are kept to place late ones
SCAN_MS = 1000
QUIET_MS = 60_000  # nothing from anybody for at least so long: the line is down, not the devices
CROWD = 20


class Judge:
    """All partitions that this process owns. Times are ms UTC."""

    def __init__(self, book: Book, *, line: bool = True) -> None:
        self.book = book
        self.groups = Groups(self)
        self.line = line  # whether the devices here are those of a line, which may be silent as a whole
        self.ready = np.zeros(book.partitions, bool)  # caught up with the stream: the clock may move its timers
        self.owned = np.zeros(book.partitions, bool)
        self.seen = np.full(book.partitions, -1, np.int64)  # the message up to which a partition was told all
        self.timers: list[tuple[int, int]] = []
        self.out: dict[int, list[Op]] = {}
        self.floor = 0  # silence counts from here at the earliest
        self.last_recv = 0
        self.points = self.late = 0
        self._scanned = 0
        self._quiet_ms = NEVER

    # --- readings ---------------------------------------------------------------------------------------------------

    def take(self, batches: list[Batch]) -> None:
        """Judge what has arrived, in the order of the stream; each batch is one message."""
        self.book.look_around()
        numbered = [(c, b.sequence) for b in batches if (c := self._number(b)) is not None]
        if not numbered:
            return
        columns = [c for c, _ in numbered]
        if len(columns) == 1:
            whole, message = columns[0], np.zeros(len(columns[0][0]), np.int64)
        else:
            message = np.repeat(np.arange(len(columns)), [len(c[0]) for c in columns])
            whole = tuple(np.concatenate(c) for c in zip(*columns, strict=True))
        sequence = np.array([s for _, s in numbered], np.int64)
        if self.book.places.looking and sequence.all():
            self._take_some(whole, message, sequence[message])
        else:
            self.take_columns(*whole, message)

    def _take_some(self, whole: tuple[Any, ...], message: Ints, sequence: Ints) -> None:
        """Of the readings those that are ours to judge; of the others what rules of ours look at."""
        part = self.book.dev.part[whole[0]]
        ours = self.owned[part] & (sequence > self.seen[part])
        far = self.book.series_of[whole[0], whole[1]].astype(np.int64)
        others = np.flatnonzero(~ours & (far >= 0))
        _, _, ts, recv, value, flags = (column[others] for column in whole)
        good = ((flags & NOT_JUDGED) == 0) & np.isfinite(value)
        told = (far[others], ts, recv, value, good, message[others], sequence[others])
        mine = np.flatnonzero(ours)
        if len(mine):
            self.take_columns(*(column[mine] for column in whole), message[mine], sequence[mine], told)
        elif len(others):
            self.groups.take(*told)

    def take_columns(self, dev: Ints, prop: Ints, ts: Ints, recv: Ints, value: Any, flags: Any, message: Ints,
                     sequence: Ints | None = None, far: tuple[Any, ...] | None = None) -> None:  # fmt: skip
        """Readings by the book's numbers. `message` never falls: which readings came together, and in which order.
        `far`, with `sequence`: columns for `Groups.take` of what devices of others said in the same messages."""
        book = self.book
        self.points += len(dev)
        first, newest = int(recv.min()), int(recv.max())
        if self.line_silent(first):
            self.floor = first
        self.last_recv = max(self.last_recv, newest)
        early = first if far is None or not len(far[2]) else int(far[2].min())
        self.advance(min(first, early))  # no timer fires before what others said earlier is told
        series = book.series_of[dev, prop]
        if series.min() < 0:
            for i in np.flatnonzero(series < 0):
                series[i] = book.series_at(int(dev[i]), int(prop[i]))
        if book.dev.silent[dev].any() or (newest - book.dev.recv[dev] >= book.dev.quiet[dev]).any():
            self._hear(dev, series, recv, message)
        book.dev.recv[dev] = recv
        self._judge(series, ts, recv, value, (flags & NOT_JUDGED) == 0, message, sequence, far)

    def _number(self, b: Batch) -> tuple[Any, ...] | None:
        """A batch with the book's numbers for devices and properties; without devices that the book does not have."""
        book = self.book
        get = book.by_id.get
        devices = np.array([get(d, -1) for d in b.devices], np.int64)
        properties = np.array([book.property_at(p) for p in b.properties], np.int64)
        if not len(devices) or not len(b):
            return None
        dev = devices[b.device]
        if devices.min() >= 0:
            return dev, properties[b.prop], b.ts, b.recv, b.value, b.flags
        keep = dev >= 0
        if not keep.any():
            return None
        return dev[keep], properties[b.prop[keep]], b.ts[keep], b.recv[keep], b.value[keep], b.flags[keep]

    def _judge(self, series: Ints, ts: Ints, recv: Ints, value: Any, good: Any, message: Ints,
               sequence: Ints | None, far: tuple[Any, ...] | None) -> None:  # fmt: skip
        t = self.book.series
        if message[-1]:
            order = np.lexsort((ts, series * (int(message[-1]) + 1) + message))
        else:
            order = np.lexsort((ts, series))
        series, ts, recv, value, good = series[order], ts[order], recv[order], value[order], good[order]
        before = t.ts[series]
        again = series[1:] == series[:-1]
        if (again & (ts[1:] <= ts[:-1])).any():
            before = newest_before(ts, before, again)
        elif again.any():
            np.copyto(before[1:], ts[:-1], where=again & (ts[:-1] > before[1:]))
        fresh = ts > before
        self.late += len(fresh) - int(np.count_nonzero(fresh))
        t.recv[series] = recv
        rows = np.flatnonzero(fresh)
        ends = series[rows]
        last = rows[np.append(ends[1:] != ends[:-1], True)] if len(rows) else rows
        ends = series[last]
        t.ts[ends], t.value[ends], t.dirty[ends] = ts[last], value[last], True
        good = good & np.isfinite(value)
        if self.book.terms.groups:
            told: tuple[Any, ...] = (series, ts, recv, value, good, message[order])
            if sequence is not None and far is not None:
                both = zip((*told, sequence[order]), far, strict=True)
                told = tuple(np.concatenate(pair) for pair in both)
            self.groups.take(*told)
        good &= ts != before
        for column in range(self.book.slots_of.shape[1]):
            slots = self.book.slots_of[series, column]
            mine = (slots >= 0) & good
            if mine.any():
                self._compare(slots[mine], ts[mine], recv[mine], value[mine], before[mine])

    def _compare(self, slots: Any, ts: Ints, recv: Ints, value: Any, before: Ints) -> None:
        """`before`: the newest time of each reading's series when it came."""
        t, fresh = self.book.slot, ts > before
        limit = t.value[slots]
        breach, stays = compare(t.mode[slots], t.sign[slots], limit, t.clear[slots], limit, value)
        ends = ~stays
        state = t.state[slots]
        hot = np.where(state == IDLE, breach & fresh, (state == PENDING) | (ends & fresh))
        if not hot.any():
            return
        among = np.isin(slots, slots[hot])
        rows = zip(
            slots[among].tolist(), ts[among].tolist(), recv[among].tolist(), value[among].tolist(),
            breach[among].tolist(), ends[among].tolist(), before[among].tolist(), strict=True,
        )  # fmt: skip
        for row in rows:
            self._step(*row)

    # --- one slot ---------------------------------------------------------------------------------------------------

    def _step(self, slot: int, ts: int, recv: int, value: float, breach: bool, ends: bool, before: int) -> None:
        fresh = ts > before
        state = self.book.slot.state[slot]
        if state == PENDING:
            if recv >= self.book.slot.wake[slot] or (fresh and ts >= self.due(slot)):
                self._raise(slot, self.due(slot), None)  # its timer fired before this reading came, or would now
                state = ACTIVE
            else:
                self._pend(slot, ts, recv, breach, value)
                return
        if not fresh:
            return
        if state == ACTIVE:
            if ends:
                self.clear_at(slot, ts, value)
        elif breach:
            self._begin(slot, ts, recv, value, before)

    def due(self, slot: int) -> int:
        """When a condition that is being counted has held long enough."""
        t = self.book.slot
        return max(int(t.t0[slot]) + int(t.dur[slot]), int(t.block[slot]))

    def _begin(self, slot: int, ts: int, recv: int, value: float, before: int) -> None:
        t = self.book.slot
        t.t0[slot] = ts
        if self.due(slot) <= ts:
            self._raise(slot, ts, value)
            return
        t.state[slot] = PENDING
        # the reading before did not hold: no late one from before it can lengthen the count
        self.book.hist[slot] = [(before, False, value), (ts, True, value)]
        self.set_timer(slot, recv - ts)

    def _pend(self, slot: int, ts: int, recv: int, breach: bool, value: float) -> None:
        """A reading while the condition is being counted, perhaps a late one: the count starts after the last "no"."""
        hist = self.book.hist.setdefault(slot, [(int(self.book.slot.t0[slot]), True, value)])
        place = bisect.bisect_left(hist, (ts,))
        if place < len(hist) and hist[place][0] == ts:
            return  # sent again: the first counts, as in the store
        hist.insert(place, (ts, breach, value))
        del hist[:-KEPT]
        start = -1
        for at, held, _ in reversed(hist):
            if not held:
                break
            start = at
        else:
            start = min(start, int(self.book.slot.t0[slot]))  # longer ago than what is kept
        if start < 0:
            self.book.rest(slot)
        elif start != self.book.slot.t0[slot]:
            self.book.slot.t0[slot] = start
            self.set_timer(slot, recv - ts)

    def set_timer(self, slot: int, lag: int) -> None:
        """Wake when the condition has held long enough by the device's own clock, which is `lag` behind ours."""
        self.wake_at(slot, self.due(slot) + max(lag, 0))

    def wake_at(self, slot: int, at: int) -> None:
        self.book.slot.wake[slot] = at
        heapq.heappush(self.timers, (at, slot))

    def _raise(self, slot: int, at: int, value: float | None) -> None:
        hist = self.book.hist.pop(slot, None)
        if value is None and hist:
            value = hist[-1][2]
        self.raise_at(slot, at, self.book.rules[self.book.slot_rule[slot]].property, value)

    def raise_at(self, slot: int, at: int, prop: str, value: float | None, severity: str | None = None) -> None:
        t = self.book.slot
        t.state[slot], t.raised[slot] = ACTIVE, at
        rule = self.book.rules[self.book.slot_rule[slot]]
        self._emit(slot, {"op": "raise", "alarm_id": str(ids.new_id()), "rule_version": rule.version,
                          "raised_at": at, "property": prop, "value": value,
                          **({"severity": severity} if severity else {})})  # fmt: skip

    def level_at(self, slot: int, at: int, severity: str | None) -> None:
        """`severity` None: that of the rule."""
        own = self.book.rules[self.book.slot_rule[slot]].severity
        self._emit(slot, {"op": "level", "note_id": str(ids.new_id()), "at": at, "severity": severity or own})

    def clear_at(self, slot: int, at: int, value: float | None) -> None:
        t = self.book.slot
        t.block[slot] = at + int(t.reraise[slot])
        self.book.rest(slot)
        self._emit(slot, {"op": "clear", "cleared_at": at, "value": value, "reason": "condition"})

    def _emit(self, slot: int, op: Op) -> None:
        number = int(self.book.slot.dev[slot])
        op |= {"event_id": str(ids.new_id()), "device_id": self.book.devices[number].text,
               "rule_id": str(self.book.slot_rule[slot]), "started_at": int(self.book.slot.t0[slot])}  # fmt: skip
        self.out.setdefault(int(self.book.dev.part[number]), []).append(op)

    # --- time -------------------------------------------------------------------------------------------------------

    def advance(self, now: int, *, clock: bool = False) -> None:
        """Move time on. With `clock` (the wall clock, not a reading) only partitions that are caught up move."""
        allowed = self.ready if clock else self.owned
        self.book.look_around()
        if self.book.terms.again:
            self._look_again(allowed)
        later = []
        while self.timers and self.timers[0][0] <= now:
            entry = heapq.heappop(self.timers)
            wake, slot = entry
            grouped = slot in self.book.terms.groups
            if self.book.slot.wake[slot] != wake or not (grouped or self.book.slot.state[slot] == PENDING):
                continue
            if allowed[self.book.dev.part[self.book.slot.dev[slot]]]:
                if grouped:
                    self.groups.until(slot, NOT_FRESH, wake)
                else:
                    self._raise(slot, self.due(slot), None)
            else:
                later.append(entry)
        for entry in later:
            heapq.heappush(self.timers, entry)
        if abs(now - self._scanned) >= SCAN_MS:
            self._scanned = now
            self._measure_quiet()
            self._silences(now, allowed)

    def _look_again(self, allowed: Any) -> None:
        """Slots that look at fewer devices than before: no reading need come for that to matter."""
        again, book = self.book.terms.again, self.book
        for slot in sorted(again):
            part = book.dev.part[book.slot.dev[slot]]
            if allowed[part]:
                self.groups.again(slot)
            if allowed[part] or not self.owned[part]:
                again.discard(slot)

    def _silences(self, now: int, allowed: Any) -> None:
        """Devices from which nothing has come for too long; none while nothing comes from anybody."""
        book, t = self.book, self.book.slot
        slots = book.silence_slots()
        if not len(slots) or self.line_silent(now):
            return
        dev, series = t.dev[slots], t.series[slots]
        heard = np.where(series >= 0, book.series.recv[series], book.dev.recv[dev])
        start = np.maximum(heard, self.floor)
        due = (heard > 0) & (t.state[slots] == IDLE) & (now - start >= t.nodata[slots]) & allowed[book.dev.part[dev]]
        for slot, was, begun in zip(slots[due].tolist(), heard[due].tolist(), start[due].tolist(), strict=True):
            self._fall_silent(slot, was, begun)

    def line_silent(self, now: int) -> bool:
        """Whether many devices used to speak and none does: then it is the line, and the alarm is the operator's."""
        return self.line and bool(self.last_recv) and now - self.last_recv > self._quiet_ms

    def _measure_quiet(self) -> None:
        """How long nobody may speak before it is the line: three intervals of the quickest of those heard lately."""
        recent = self.book.dev.column("recv") > max(self.last_recv - 3_600_000, 0)
        many = int(np.count_nonzero(recent)) >= CROWD
        quickest = int(self.book.dev.column("interval")[recent].min()) if many else 0
        self._quiet_ms = max(QUIET_MS, 3000 * quickest) if many else NEVER

    def _hear(self, dev: Ints, series: Ints, recv: Ints, message: Ints) -> None:
        """Arrivals at devices that are silent, or were so long that they should have been called so by now."""
        book, t = self.book, self.book.slot
        order = np.lexsort((recv, message, dev))
        dev, series, recv = dev[order], series[order], recv[order]
        found = np.unique(dev[(book.dev.silent[dev] > 0) | (recv.max() - book.dev.recv[dev] >= book.dev.quiet[dev])])
        for number in found.tolist():
            start, end = np.searchsorted(dev, (number, number + 1))
            for slot in book.silences_of.get(number, ()):
                if t.series[slot] < 0:
                    self._arrive(slot, int(book.dev.recv[number]), recv[start:end])
                else:
                    mine = recv[start:end][series[start:end] == t.series[slot]]
                    self._arrive(slot, int(book.series.recv[t.series[slot]]), mine)

    def _arrive(self, slot: int, heard: int, arrivals: Ints) -> None:
        """What a no-data slot says of these arrivals, in their order; `heard` is the one before (0: never)."""
        if not len(arrivals):
            return
        t = self.book.slot
        if t.state[slot] == ACTIVE:
            self.clear_at(slot, int(arrivals[0]), None)
            heard = 0
        since = np.append(heard or arrivals[0], arrivals[:-1])
        begun = np.maximum(since, self.floor)
        for i in np.flatnonzero(arrivals - begun >= t.nodata[slot]).tolist():
            self._fall_silent(slot, int(since[i]), int(begun[i]))
            self.clear_at(slot, int(arrivals[i]), None)

    def _fall_silent(self, slot: int, heard: int, begun: int) -> None:
        t = self.book.slot
        t.t0[slot] = heard
        self.book.dev.silent[t.dev[slot]] += 1
        self._raise(slot, begun + int(t.nodata[slot]), None)

    def followed(self) -> set[int]:
        """Partitions of others with devices that rules of ours look at."""
        self.book.look_around()
        series, slot = self.book.terms.looked_at()
        dev, part = self.book.series.dev, self.book.dev.part
        far = part[dev[series[self.owned[part[self.book.slot.dev[slot]]]]]]
        return set(np.unique(far[~self.owned[far]]).tolist())

    def drain(self) -> dict[int, list[Op]]:
        """Operations since the last call, by partition."""
        found, self.out = self.out, {}
        return found
