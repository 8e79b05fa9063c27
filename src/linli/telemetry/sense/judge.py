"""Judging readings: whole batches as columns, and a small state machine for the few slots where something happens.

A slot is idle, pending (its condition holds, but not long enough yet) or active (an alarm is on). Readings move it
by their own time; timers move it when nothing arrives. What comes out are operations for `devices_alarms_apply`.
"""

from __future__ import annotations

import bisect
import heapq
from typing import Any

import numpy as np
import numpy.typing as npt

from linli.kernel import ids
from linli.telemetry.batch import NOT_JUDGED, Batch
from linli.telemetry.sense.book import ACTIVE, EQUAL, IDLE, PENDING, STRICT, Book

Ints = npt.NDArray[np.int64]
Op = dict[str, Any]
KEPT = 512  # readings of a pending slot that are kept to place late ones
SCAN_MS = 1000
QUIET_MS = 60_000  # nothing from anybody for at least so long: the line is down, not the devices
CROWD = 20
NEVER = 1 << 60


class Judge:
    """All partitions that this process owns. Times are ms UTC."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.ready = np.zeros(book.partitions, bool)  # caught up with the stream: the clock may move its timers
        self.owned = np.zeros(book.partitions, bool)
        self.timers: list[tuple[int, int, int]] = []
        self.out: dict[int, list[Op]] = {}
        self.floor = 0  # silence counts from here at the earliest
        self.last_recv = 0
        self.points = self.late = 0
        self._scanned = 0
        self._quiet_ms = NEVER

    # --- readings ---------------------------------------------------------------------------------------------------

    def take(self, batches: list[Batch]) -> None:
        """Judge what has arrived, in the order of the stream."""
        book = self.book
        columns = [c for c in (self._number(b) for b in batches) if c is not None]
        if not columns:
            return
        dev, prop, ts, recv, value, flags = (
            columns[0] if len(columns) == 1 else tuple(np.concatenate(c) for c in zip(*columns, strict=True))
        )
        self.points += len(dev)
        first, newest = int(recv.min()), int(recv.max())
        if self.line_silent(newest):
            self.floor = first
        self.last_recv = max(self.last_recv, newest)
        self.advance(first)
        series = book.series_of[dev, prop]
        if series.min() < 0:
            for i in np.flatnonzero(series < 0):
                series[i] = book.series_at(int(dev[i]), int(prop[i]))
        book.dev.recv[dev] = recv
        if book.dev.silent[dev].any():
            self._heard(dev, recv)
        self._judge(series, ts, recv, value, (flags & NOT_JUDGED) == 0)

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

    def _judge(self, series: Ints, ts: Ints, recv: Ints, value: Any, good: Any) -> None:
        t = self.book.series
        order = np.lexsort((ts, series))
        series, ts, recv, value, good = series[order], ts[order], recv[order], value[order], good[order]
        before = t.ts[series]
        fresh = ts > before
        self.late += len(fresh) - int(np.count_nonzero(fresh))
        last = np.empty(len(series), bool)
        last[-1] = True
        np.not_equal(series[1:], series[:-1], out=last[:-1])
        last &= fresh
        ends = series[last]
        t.ts[ends], t.recv[ends], t.value[ends], t.dirty[ends] = ts[last], recv[last], value[last], True
        good = good & np.isfinite(value) & (ts != before)
        for column in range(self.book.slots_of.shape[1]):
            slots = self.book.slots_of[series, column]
            mine = (slots >= 0) & good
            if mine.any():
                self._compare(slots[mine], ts[mine], recv[mine], value[mine], fresh[mine])

    def _compare(self, slots: Any, ts: Ints, recv: Ints, value: Any, fresh: Any) -> None:
        t = self.book.slot
        mode, sign, clear = t.mode[slots], t.sign[slots], t.clear[slots]
        over = (value - t.value[slots]) * sign
        breach = np.where(mode == STRICT, over > 0, over >= 0)
        odd = mode >= EQUAL
        if odd.any():
            breach[odd] = (over[odd] == 0) == (mode[odd] == EQUAL)
        ends = np.where(np.isnan(clear), ~breach, (value - clear) * sign <= 0)
        state = t.state[slots]
        hot = np.where(state == IDLE, breach & fresh, (state == PENDING) | (ends & fresh))
        if not hot.any():
            return
        among = np.isin(slots, slots[hot])
        rows = zip(
            slots[among].tolist(), ts[among].tolist(), recv[among].tolist(), value[among].tolist(),
            breach[among].tolist(), ends[among].tolist(), fresh[among].tolist(), strict=True,
        )  # fmt: skip
        for row in rows:
            self._step(*row)

    # --- one slot ---------------------------------------------------------------------------------------------------

    def _step(self, slot: int, ts: int, recv: int, value: float, breach: bool, ends: bool, fresh: bool) -> None:
        state = self.book.slot.state[slot]
        if state == PENDING:
            if fresh and ts >= self._due(slot):
                self._raise(slot, self._due(slot), value if breach else None)
                state = ACTIVE
            else:
                self._pend(slot, ts, recv, breach, value)
                return
        if not fresh:
            return
        if state == ACTIVE:
            if ends:
                self._clear(slot, ts, value)
        elif breach:
            self._begin(slot, ts, recv, value)

    def _due(self, slot: int) -> int:
        t = self.book.slot
        return max(int(t.t0[slot]) + int(t.dur[slot]), int(t.block[slot]))

    def _begin(self, slot: int, ts: int, recv: int, value: float) -> None:
        t = self.book.slot
        t.t0[slot] = ts
        if self._due(slot) <= ts:
            self._raise(slot, ts, value)
            return
        t.state[slot] = PENDING
        self.book.hist[slot] = [(ts, True, value)]
        self.set_timer(slot, recv - ts)

    def _pend(self, slot: int, ts: int, recv: int, breach: bool, value: float) -> None:
        """A reading while the condition is being counted, perhaps a late one: the count starts after the last "no"."""
        hist = self.book.hist.setdefault(slot, [(int(self.book.slot.t0[slot]), True, value)])
        bisect.insort(hist, (ts, breach, value))
        del hist[:-KEPT]
        start = -1
        for at, held, _ in reversed(hist):
            if not held:
                break
            start = at
        if start < 0:
            self.book.rest(slot)
        elif start != self.book.slot.t0[slot]:
            self.book.slot.t0[slot] = start
            self.set_timer(slot, recv - ts)

    def set_timer(self, slot: int, lag: int) -> None:
        """Wake when the condition has held long enough by the device's own clock, which is `lag` behind ours."""
        heapq.heappush(self.timers, (self._due(slot) + max(lag, 0), slot, int(self.book.slot.t0[slot])))

    def _raise(self, slot: int, at: int, value: float | None) -> None:
        t, book = self.book.slot, self.book
        t.state[slot], t.raised[slot] = ACTIVE, at
        hist = book.hist.pop(slot, None)
        if value is None and hist:
            value = hist[-1][2]
        rule = book.rules[book.slot_rule[slot]]
        self._emit(slot, {"op": "raise", "alarm_id": str(ids.new_id()), "rule_version": rule.version,
                          "raised_at": at, "property": rule.property, "value": value})  # fmt: skip

    def _clear(self, slot: int, at: int, value: float | None) -> None:
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
        later = []
        while self.timers and self.timers[0][0] <= now:
            entry = heapq.heappop(self.timers)
            slot, t0 = entry[1:]
            if self.book.slot.state[slot] != PENDING or self.book.slot.t0[slot] != t0:
                continue
            if allowed[self.book.dev.part[self.book.slot.dev[slot]]]:
                self._raise(slot, self._due(slot), None)
            else:
                later.append(entry)
        for entry in later:
            heapq.heappush(self.timers, entry)
        if abs(now - self._scanned) >= SCAN_MS:
            self._scanned = now
            self._measure_quiet()
            self._silences(now, allowed)

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
            t.t0[slot] = was
            book.dev.silent[t.dev[slot]] += 1
            self._raise(slot, begun + int(t.nodata[slot]), None)

    def line_silent(self, now: int) -> bool:
        """Whether many devices used to speak and none does: then it is the line, and the alarm is the operator's."""
        return bool(self.last_recv) and now - self.last_recv > self._quiet_ms

    def _measure_quiet(self) -> None:
        """How long nobody may speak before it is the line: three intervals of the quickest of those heard lately."""
        recent = self.book.dev.column("recv") > max(self.last_recv - 3_600_000, 0)
        many = int(np.count_nonzero(recent)) >= CROWD
        quickest = int(self.book.dev.column("interval")[recent].min()) if many else 0
        self._quiet_ms = max(QUIET_MS, 3000 * quickest) if many else NEVER

    def _heard(self, dev: Ints, recv: Ints) -> None:
        """Devices that had fallen silent speak again."""
        book, t = self.book, self.book.slot
        back = set(dev[book.dev.silent[dev] > 0].tolist())
        for slot in book.silence_slots().tolist():
            number = int(t.dev[slot])
            if number in back and t.state[slot] == ACTIVE:
                self._clear(slot, int(recv[dev == number].max()), None)

    def drain(self) -> dict[int, list[Op]]:
        """Operations since the last call, by partition."""
        found, self.out = self.out, {}
        return found
