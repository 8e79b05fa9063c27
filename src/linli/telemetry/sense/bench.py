"""A rule over readings of the past: the judge of sense, fed from history in the order in which the stream brought them.

    bench = Bench(rule, devices)
    for table in pages:        # device, property, t, recv, value, flags, seq; `seq` never falls
        bench.take(table)
    bench.finish()             # list[Occurrence]

Pure columns; knows neither database nor network. Devices are independent of each other, so that a fleet may be judged
group by group. Not known here, because it is the state of a whole line and not of a rule: whether nobody spoke (then
sense calls no device silent).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa

from linli.devices.contracts import RegistryRow, RuleRow
from linli.telemetry.batch import NOT_JUDGED
from linli.telemetry.sense.book import NEVER, Book
from linli.telemetry.sense.judge import Judge

SLICE = 20_000  # readings judged at once: fewer rows beside those where something happens


@dataclass(slots=True)
class Occurrence:
    """An alarm that the rule raised. Times are ms UTC of the readings; `ended_at` None: still on at the end."""

    device_id: UUID
    started_at: int
    raised_at: int
    value: float | None
    ended_at: int | None = None
    peak: float | None = None  # the worst reading from `raised_at` on
    levels: list[tuple[int, str]] = field(default_factory=list)  # its severity, from when on


class Bench:
    """`tell` hears after each slice how many readings are judged; what it raises ends the bench."""

    def __init__(
        self, rule: RuleRow, devices: Iterable[RegistryRow], tell: Callable[[int], None] = lambda judged: None,
        *, others: Iterable[RegistryRow] = (),
    ) -> None:  # fmt: skip
        """`others`: devices that the rule looks at besides those that it judges here."""
        devices, seen = list(devices), dict[UUID, RegistryRow]()
        for row in [*devices, *others]:
            seen.setdefault(row.device_id, row)
        if len(seen) > len(devices):
            rule = replace(rule, device_ids=[row.device_id for row in devices])
        self.book = Book(1)
        self.book.put_rules([rule])
        self.book.put_devices(seen.values(), whole=True)
        self.judge = Judge(self.book, line=False)
        self.judge.owned[:] = self.judge.ready[:] = True
        self.points = self.unfit = 0
        self._tell = tell
        first = rule.condition["terms"][0] if rule.condition else {"op": rule.op}
        self._low = first.get("op") in ("lt", "le") or first.get("side") == "below"
        self._severity = rule.severity
        self._windowed = bool(rule.condition and rule.condition.get("windows"))
        self._main = self.book.property_at(rule.property) if rule.condition else -1
        self._measured = not rule.no_data_s
        self._ledger: dict[str, list[Occurrence]] = {}
        self._open: list[Occurrence] = []  # whose worst reading may still come

    def take(self, table: pa.Table) -> None:
        """Readings in the order of `seq`; rows of one `seq` are never split over tables."""
        if not len(table):
            return
        before, share = self.points, len(table)
        self.points += len(table)
        columns = self._columns(table)
        message = columns[-1]
        ends = [*np.flatnonzero(np.diff(message)) + 1, len(message)]
        start = 0
        while start < len(message):
            stop = int(next((e for e in ends[np.searchsorted(ends, start + SLICE) :] if e > start), len(message)))
            part = [c[start:stop] for c in columns]
            part[-1] = np.cumsum(np.append(0, np.diff(part[-1]) != 0))
            self.judge.take_columns(*part)
            self._note()
            if self._measured:
                self._peaks(part[0], part[2], part[4], self._main_ones(part[1], part[5]))
            start = stop
            self._tell(before + share * stop // len(message))

    def _columns(self, table: pa.Table) -> list[Any]:
        """The table by the book's numbers; readings of devices that it does not have are left out."""
        book = self.book
        ids, dev = _numbered(table["device"])
        names, prop = _numbered(table["property"])
        dev = np.array([book.by_id.get(d, -1) for d in ids], np.int64)[dev]
        prop = np.array([book.property_at(n) for n in names], np.int64)[prop]
        rest = [table[c].to_numpy() for c in ("t", "recv", "value", "flags", "seq")]
        keep = dev >= 0
        self.unfit += int(np.count_nonzero(rest[3] & NOT_JUDGED))
        return [column[keep] for column in (dev, prop, *rest)]

    def _main_ones(self, prop: Any, flags: Any) -> Any:
        good = (flags & NOT_JUDGED) == 0
        return good if self._main < 0 else good & (prop == self._main)

    def _peaks(self, dev: Any, ts: Any, value: Any, good: Any) -> None:
        good = np.flatnonzero(good & np.isfinite(value))
        if not len(good):
            return
        order = good[np.argsort(dev[good], kind="stable")]
        dev, ts, value = dev[order], ts[order], value[order]
        for one in self._open:
            number = self.book.by_id[one.device_id.bytes]
            a, b = np.searchsorted(dev, (number, number + 1))
            until = NEVER if one.ended_at is None else one.ended_at
            found = value[a:b][(ts[a:b] >= one.raised_at) & (ts[a:b] <= until)]
            known = [] if one.peak is None else [one.peak]
            if len(found):
                known.append(float(found.min() if self._low else found.max()))
            one.peak = (min(known) if self._low else max(known)) if known else None
        self._open = [one for one in self._open if one.ended_at is None]

    def finish(self, until: int = NEVER) -> list[Occurrence]:
        """Let every timer run out, and say what was raised, by device and time. Windows open and close for ever: under
        a rule that has some, time ends at `until`, or two days after the last reading."""
        if self._windowed:
            until = min(until, self.judge.last_recv + 2 * 86_400_000)
        self.judge.advance(until)
        self._note()
        return [one for key in sorted(self._ledger) for one in self._ledger[key]]

    def _note(self) -> None:
        """Operations become occurrences as `devices_alarms_apply` makes them."""
        for operation in self.judge.drain().get(0, ()):
            said = self._ledger.setdefault(operation["device_id"], [])
            if operation["op"] == "raise":
                started, raised = operation["started_at"], operation["raised_at"]
                told = any(o.started_at == started or (o.started_at <= raised < (o.ended_at or 0)) for o in said[-8:])
                if not told and (not said or said[-1].ended_at is not None):
                    one = Occurrence(UUID(operation["device_id"]), started, raised, operation["value"])
                    one.peak = one.value
                    one.levels.append((raised, operation.get("severity", self._severity)))
                    said.append(one)
                    if self._measured:
                        self._open.append(one)
            elif said and said[-1].ended_at is None and said[-1].started_at <= operation["started_at"]:
                if operation["op"] == "clear":
                    said[-1].ended_at = max(said[-1].raised_at, operation["cleared_at"])
                elif operation["severity"] != said[-1].levels[-1][1]:
                    said[-1].levels.append((operation["at"], operation["severity"]))


def _numbered(column: pa.ChunkedArray) -> tuple[list[Any], Any]:
    """(distinct values, each row's index among them)"""
    found = column.combine_chunks()
    if isinstance(found, pa.ChunkedArray):
        found = found.chunk(0)
    found = found if pa.types.is_dictionary(found.type) else found.dictionary_encode()
    return found.dictionary.to_pylist(), found.indices.to_numpy(zero_copy_only=False)
