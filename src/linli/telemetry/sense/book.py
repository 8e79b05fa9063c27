"""What is judged by what: devices, their series, and one slot for each (device, rule), all as columns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import numpy.typing as npt

from linli.devices.contracts import OPEN_SUBJECTS, RegistryRow, RuleRow
from linli.telemetry.batch import partition_of
from linli.telemetry.sense.kinds import MODES, STRICT
from linli.telemetry.sense.places import Places
from linli.telemetry.sense.rings import NONE
from linli.telemetry.sense.table import Table
from linli.telemetry.sense.terms import Find, Terms

__all__ = ["ACTIVE", "IDLE", "NEVER", "PENDING", "Book"]
IDLE, PENDING, ACTIVE = 0, 1, 2
NEVER = 1 << 60


@dataclass(slots=True)
class Device:
    """A device as the book knows it."""

    id: UUID
    text: str
    model: str
    area: str
    judged: bool


class Book:
    """Devices of places only: others get no row, so neither rules nor live values can reach them."""

    def __init__(self, partitions: int) -> None:
        self.partitions = partitions
        self.devices: list[Device] = []
        self.by_id: dict[bytes, int] = {}
        self.stamps: dict[bytes, int] = {}  # of each row of the registry, those that are not judged among them
        self.by_model: dict[str, list[int]] = {}
        self.properties: list[str] = []
        self.by_property: dict[str, int] = {}
        self.rules: dict[UUID, RuleRow] = {}
        self.rules_for: dict[str, list[RuleRow]] = {}  # by model
        self.slot_of: dict[tuple[int, UUID], int] = {}
        self.slot_rule: list[UUID] = []
        self.rules_of: dict[int, list[UUID]] = {}  # rules that ever had a slot at the device
        self.hist: dict[int, list[tuple[int, bool, float]]] = {}  # readings of pending slots
        self.dev = Table(part="i2", recv="i8", silent="i2", interval="i4", quiet="i8", fill={"quiet": NEVER})
        self.series = Table(
            dev="i4", prop="i4", ts="i8", recv="i8", value="f8", dirty="?", fill={"ts": np.iinfo(np.int64).min}
        )
        self.slot = Table(
            dev="i4", series="i4", live="?", state="i1", t0="i8", raised="i8", block="i8", mode="i1", sign="f8",
            value="f8", clear="f8", dur="i8", nodata="i8", reraise="i8", wake="i8",
            now="i8", lag="i8", event="i8",
            fill={"series": -1, "clear": np.nan, "block": np.iinfo(np.int64).min, "now": NONE, "event": NEVER},
        )  # fmt: skip
        self.terms = Terms(self.key_of)
        self.places = Places(self)
        self.series_of: npt.NDArray[np.int32] = np.full((1024, 16), -1, np.int32)
        self.slots_of: npt.NDArray[np.int32] = np.full((1024, 2), -1, np.int32)
        self.silence: npt.NDArray[np.int32] = np.zeros(0, np.int32)  # live no-data slots
        self._silence_stale = True
        self.silences_of: dict[int, list[int]] = {}  # the same by device; `dev.quiet` is the shortest of them

    # --- devices and rules ------------------------------------------------------------------------------------------

    def put_devices(self, rows: Iterable[RegistryRow], *, whole: bool = False) -> int:
        """Bring devices up to date; with `whole`, those not among the rows are gone. Returns how many changed."""
        changed, seen = 0, set()
        for row in rows:
            key = row.device_id.bytes
            seen.add(key)
            self.stamps[key] = row.stamp
            if row.subject in OPEN_SUBJECTS:
                changed += self._put(key, row)
        for gone in [key for key in self.stamps if key not in seen] if whole else ():
            changed += self.forget(UUID(bytes=gone))
        self._silence_stale = self._silence_stale or changed > 0
        return changed

    def differing(self, page: Iterable[tuple[UUID, int]]) -> list[UUID]:
        """Whose row in the registry is new or another one than that which is known."""
        return [key for key, stamp in page if self.stamps.get(key.bytes) != stamp]

    def forget(self, device_id: UUID) -> int:
        """A device that the registry no longer has. Returns 1 when it was judged until now."""
        self.stamps.pop(device_id.bytes, None)
        number = self.by_id.get(device_id.bytes)
        if number is None or not self.devices[number].judged:
            return 0
        self._silence_stale = True
        return self._judge(number, False)

    def look_around(self) -> None:
        """Rules that look at other devices follow which there are: once for many changes, before they matter."""
        for number in self.places.neighbours():
            self._slots(number)

    def _put(self, key: bytes, row: RegistryRow) -> int:
        judged = bool(row.enabled) and row.state in ("active", "planned")
        number = self.by_id.get(key)
        if number is None:
            number = self.dev.add(part=partition_of(key, self.partitions), interval=row.interval_s)
            self.devices.append(Device(row.device_id, str(row.device_id), row.model, row.area_path, judged))
            self.by_id[key] = number
            self.by_model.setdefault(row.model, []).append(number)
            if judged:
                self.places.came(number)
            if number >= len(self.series_of):
                self.series_of = _taller(self.series_of)
            self._slots(number)
            return 1
        known = self.devices[number]
        if (known.area, known.judged, known.model) == (row.area_path, judged, row.model):
            return 0
        self.places.went(number)
        if known.model != row.model:
            self.by_model[known.model].remove(number)
            self.by_model.setdefault(row.model, []).append(number)
        known.area, known.judged, known.model = row.area_path, judged, row.model
        if judged:
            self.places.came(number)
        self._slots(number)
        return 1

    def _judge(self, number: int, judged: bool) -> int:
        self.devices[number].judged = judged
        (self.places.came if judged else self.places.went)(number)
        self._slots(number)
        return 1

    def put_rules(self, rows: Iterable[RuleRow]) -> int:
        """All rules in force. A changed rule starts to count again, but an alarm that is on stays on."""
        new = {r.rule_id: r for r in rows}
        touched = {r.model for k, r in new.items() if self.rules.get(k) != r}
        touched |= {r.model for k, r in self.rules.items() if new.get(k) != r}
        changed = {k for k, r in new.items() if k in self.rules and self.rules[k] != r}
        self.rules, self.rules_for = new, {}
        self.places.watch(new.values())
        for rule in new.values():
            self.rules_for.setdefault(rule.model, []).append(rule)
        for (_, rule_id), slot in self.slot_of.items() if changed else ():
            if rule_id in changed and self.slot.state[slot] == PENDING:
                self.rest(slot)
        for model in touched:
            for number in self.by_model.get(model, ()):
                self._slots(number)
        self._silence_stale = self._silence_stale or bool(touched)
        return len(touched)

    def _wanted(self, number: int) -> dict[UUID, RuleRow]:
        d = self.devices[number]
        if not d.judged:
            return {}
        return {
            r.rule_id: r for r in self.rules_for.get(d.model, ())
            if (not r.area_path or (d.area + ".").startswith(r.area_path + "."))
            and (r.device_ids is None or d.id in r.device_ids)
        }  # fmt: skip

    def _slots(self, number: int) -> None:
        """Make the slots of a device what its rules say; a slot without a rule rests."""
        wanted = self._wanted(number)
        stale = [s for k in self.rules_of.get(number, ()) if k not in wanted and (s := self.slot_of[number, k]) >= 0]
        for slot in stale:
            self.slot.live[slot] = False
            self._unlink(slot)
            self.rest(slot)
            self.terms.drop(slot)
        for rule_id, rule in wanted.items():
            slot = self.slot_of.get((number, rule_id), -1)
            if slot < 0:
                slot = self.slot_of[number, rule_id] = self.slot.add(dev=number)
                self.slot_rule.append(rule_id)
                self.rules_of.setdefault(number, []).append(rule_id)
            self._set(slot, number, rule)
        quiet = [s for k in wanted if self.slot.nodata[s := self.slot_of[number, k]]]
        if quiet or number in self.silences_of:
            self.silences_of[number] = quiet
            self.dev.quiet[number] = min((int(self.slot.nodata[s]) for s in quiet), default=NEVER)

    def _set(self, slot: int, number: int, rule: RuleRow) -> None:
        t = self.slot
        if bool(t.nodata[slot]) != bool(rule.no_data_s):
            self.rest(slot)
        t.live[slot] = True
        if rule.condition is not None:
            self._set_terms(slot, number, rule)
            return
        self.terms.drop(slot)
        t.mode[slot], t.sign[slot] = MODES.get(rule.op, (STRICT, 1))
        t.value[slot] = rule.value or 0.0
        t.clear[slot] = np.nan if rule.clear_value is None else rule.clear_value
        t.dur[slot], t.nodata[slot] = rule.duration_s * 1000, rule.no_data_s * 1000
        t.reraise[slot] = rule.reraise_s * 1000
        series = self.series_at(number, self.property_at(rule.property)) if rule.property else -1
        if rule.kind == "no_data":
            self._unlink(slot)
            t.series[slot] = series
            return
        if t.series[slot] != series:
            self._unlink(slot)
            t.series[slot] = series
        self._link(slot, series)

    def _set_terms(self, slot: int, number: int, rule: RuleRow) -> None:
        t = self.slot
        self._unlink(slot)
        t.series[slot], t.dur[slot], t.nodata[slot] = -1, rule.duration_s * 1000, 0
        t.reraise[slot] = rule.reraise_s * 1000
        assert rule.condition is not None
        find = Find(
            lambda name: self.series_at(number, self.property_at(name)),
            lambda of, name: [self.series_at(n, self.property_at(name)) for n in self.places.others(number, of)],
        )
        new = self.terms.put(slot, rule.version, rule.condition, find)
        if new:
            t.now[slot], t.event[slot], t.wake[slot] = NONE, NEVER, NEVER
            if t.state[slot] == ACTIVE:
                self.terms.assume(slot, int(t.raised[slot]))
        if t.state[slot] == IDLE and t.event[slot] == NEVER and self.terms.hold(slot):
            t.event[slot] = NONE  # what it waited for was forgotten: look again at the next reading

    def _link(self, slot: int, series: int) -> None:
        row = self.slots_of[series]
        if slot in row:
            return
        free = np.flatnonzero(row < 0)
        if not len(free):
            self.slots_of = np.hstack([self.slots_of, np.full_like(self.slots_of, -1)])
            free = np.flatnonzero(self.slots_of[series] < 0)
        self.slots_of[series, free[0]] = slot

    def _unlink(self, slot: int) -> None:
        series = int(self.slot.series[slot])
        if series >= 0:
            row = self.slots_of[series]
            row[row == slot] = -1

    def rest(self, slot: int) -> None:
        """Forget what a slot was waiting for or telling."""
        if self.slot.nodata[slot] and self.slot.state[slot] == ACTIVE:
            self.dev.silent[self.slot.dev[slot]] -= 1
        self.slot.state[slot] = IDLE
        self.hist.pop(slot, None)
        if group := self.terms.groups.get(slot):
            group.past = None
            self.slot.event[slot] = self.slot.wake[slot] = NEVER

    # --- series -----------------------------------------------------------------------------------------------------

    def property_at(self, name: str) -> int:
        number = self.by_property.get(name)
        if number is None:
            number = self.by_property[name] = len(self.properties)
            self.properties.append(name)
            if number >= self.series_of.shape[1]:
                self.series_of = np.hstack([self.series_of, np.full_like(self.series_of, -1)])
        return number

    def series_at(self, device: int, prop: int) -> int:
        number = int(self.series_of[device, prop])
        if number < 0:
            number = self.series.add(dev=device, prop=prop)
            self.series_of[device, prop] = number
            if number >= len(self.slots_of):
                self.slots_of = _taller(self.slots_of)
        return number

    def key_of(self, series: int) -> bytes:
        """A series by its device and property, which outlives its number."""
        return self.devices[self.series.dev[series]].id.bytes + self.properties[self.series.prop[series]].encode()

    def silence_slots(self) -> npt.NDArray[np.int32]:
        """Slots of the live no-data rules."""
        if self._silence_stale:
            found = np.flatnonzero((self.slot.column("nodata") > 0) & self.slot.column("live"))
            self.silence, self._silence_stale = found.astype(np.int32), False
        return self.silence

    def reset_partition(self, part: int) -> None:
        """Forget all state of a partition, as before its snapshot is loaded or after its lease is lost."""
        mine = self.dev.column("part") == part
        self.dev.column("recv")[mine] = 0
        self.dev.column("silent")[mine] = 0
        series = mine[self.series.column("dev")]
        self.series.column("ts")[series] = np.iinfo(np.int64).min
        self.series.column("recv")[series] = 0
        self.series.column("dirty")[series] = False
        slots = mine[self.slot.column("dev")]
        self.slot.column("state")[slots] = IDLE
        self.slot.column("block")[slots] = np.iinfo(np.int64).min
        self.terms.learnt.forget(lambda one: bool(series[one]))
        for slot in [s for s in self.hist if slots[s]]:
            del self.hist[slot]
        for slot in [s for s in self.terms.groups if slots[s]]:
            self.terms.blank(slot)
            self.slot.now[slot], self.slot.event[slot], self.slot.wake[slot] = NONE, NEVER, NEVER


def _taller(matrix: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    return np.vstack([matrix, np.full_like(matrix, -1)])
