"""The state of one partition as bytes: what is needed to go on from a place in the stream as if nothing had happened.

Rows are named by device id, property and rule id, so that a snapshot outlives changes of registry and rules.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import lz4.block
import msgspec
import numpy as np

from linli.telemetry.sense.book import ACTIVE, IDLE, NEVER, PENDING, Book
from linli.telemetry.sense.judge import Judge
from linli.telemetry.sense.rings import NONE
from linli.telemetry.sense.terms import Group, Past

VERSION = 4
_READ = (1, 2, 3, 4)  # 1 did not say when a timer was to fire, 2 knew no terms, 3 nothing that was learnt
_NEVER = np.iinfo(np.int64).min


def save(judge: Judge, part: int, *, stream: str, at: int) -> bytes:
    """`stream` names the stream's making, so that a sequence of another stream is not taken for ours."""
    book = judge.book
    mine = book.dev.column("part") == part
    devices = np.flatnonzero(mine & (book.dev.column("recv") > 0))
    place = np.full(book.dev.size, -1, np.int32)
    place[devices] = np.arange(len(devices))
    series = np.flatnonzero((book.series.column("ts") > _NEVER) & (place[book.series.column("dev")] >= 0))
    state, block = book.slot.column("state"), book.slot.column("block")
    slots = np.flatnonzero(mine[book.slot.column("dev")] & ((state != IDLE) | (block > _NEVER)))
    body = {
        "v": VERSION, "stream": stream, "at": at, "floor": judge.floor, "last": judge.last_recv,
        "devices": b"".join(book.devices[i].id.bytes for i in devices),
        "recv": book.dev.recv[devices].tobytes(),
        "properties": book.properties,
        "series": [place[book.series.dev[series]].tobytes(), book.series.prop[series].tobytes(),
                   book.series.ts[series].tobytes(), book.series.recv[series].tobytes(),
                   book.series.value[series].tobytes()],
        "slots": [[book.devices[book.slot.dev[s]].id.bytes, book.slot_rule[s].bytes, int(state[s]),
                   int(book.slot.t0[s]), int(book.slot.raised[s]), int(block[s]), book.hist.get(s),
                   int(book.slot.wake[s])]
                  for s in slots.tolist()],
        "groups": [_group(book, s) for s in book.terms.groups
                   if mine[book.slot.dev[s]] and book.terms.heard(s)],
        "learnt": book.terms.linked().save(lambda s: bool(mine[book.series.dev[s]])),
    }  # fmt: skip
    return bytes(lz4.block.compress(msgspec.msgpack.encode(body)))


def load(judge: Judge, part: int, data: bytes | None) -> dict[str, Any]:
    """Bring a partition into the state of `data`; blank without. Returns {stream, at} ("" and 0 when blank)."""
    judge.book.look_around()
    judge.book.reset_partition(part)
    if not data:
        return {"stream": "", "at": 0}
    body = msgspec.msgpack.decode(lz4.block.decompress(data))
    if body.get("v") not in _READ:
        return {"stream": "", "at": 0}
    judge.floor = max(judge.floor, body["floor"])
    judge.last_recv = max(judge.last_recv, body["last"])
    keys = body["devices"]
    numbers = np.array([judge.book.by_id.get(keys[i : i + 16], -1) for i in range(0, len(keys), 16)], np.int64)
    _series(judge.book, numbers, body)
    for row in body["slots"]:
        _slot(judge, row)
    for row in body.get("groups", ()):
        _load_group(judge, row)
    judge.book.terms.learnt.load(body.get("learnt", b""))
    return {"stream": body["stream"], "at": body["at"]}


def _series(book: Book, numbers: Any, body: dict[str, Any]) -> None:
    known = numbers >= 0
    book.dev.recv[numbers[known]] = np.frombuffer(body["recv"], np.int64)[known]
    kinds = (np.int32, np.int32, np.int64, np.int64, np.float64)
    dev, prop, ts, recv, value = (np.frombuffer(b, k) for b, k in zip(body["series"], kinds, strict=True))
    properties = np.array([book.property_at(p) for p in body["properties"]], np.int64)
    for i in range(len(dev)):
        number = int(numbers[dev[i]])
        if number >= 0:
            row = book.series_at(number, int(properties[prop[i]]))
            book.series.ts[row], book.series.recv[row], book.series.value[row] = ts[i], recv[i], value[i]


def _slot(judge: Judge, row: list[Any]) -> None:
    device, rule, state, t0, raised, block, hist, *wake = row
    book, number = judge.book, judge.book.by_id.get(device, -1)
    slot = book.slot_of.get((number, UUID(bytes=rule)), -1)
    if slot < 0 or not book.slot.live[slot]:
        return
    t = book.slot
    t.t0[slot], t.raised[slot], t.block[slot] = t0, raised, block
    if state == ACTIVE:
        activate(judge, slot, t0)
    elif slot in book.terms.groups:
        return  # what it counts is told with its terms
    elif state == PENDING and not t.nodata[slot]:
        t.state[slot] = PENDING
        book.hist[slot] = [(at, held, value) for at, held, value in hist or [[t0, True, 0.0]]]
        series = int(t.series[slot])
        judge.set_timer(slot, int(book.series.recv[series] - book.series.ts[series]) if series >= 0 else 0)
        if wake:
            judge.wake_at(slot, wake[0])


def activate(judge: Judge, slot: int, t0: int) -> None:
    """An alarm of this slot is on since `t0`."""
    book = judge.book
    if book.slot.nodata[slot] and book.slot.state[slot] != ACTIVE:
        book.dev.silent[book.slot.dev[slot]] += 1
    book.hist.pop(slot, None)
    book.slot.t0[slot], book.slot.state[slot] = t0, ACTIVE
    book.slot.raised[slot] = max(int(book.slot.raised[slot]), t0)
    if slot in book.terms.groups:
        book.terms.groups[slot].past = None
        book.terms.assume(slot, int(book.slot.raised[slot]))
        book.slot.event[slot], book.slot.wake[slot] = NONE, NEVER  # look again at the next reading


# --- slots of several terms -----------------------------------------------------------------------------------------


def _group(book: Book, slot: int) -> dict[str, Any]:
    s, group = book.slot, book.terms.groups[slot]
    names = list(group.rows())
    past = group.past and [group.past.floor, [group.past.base[r] for r in names],
                           [(at, names.index(r), holds) for at, r, holds in group.past.said]]  # fmt: skip
    return {
        "device": book.devices[s.dev[slot]].id.bytes, "rule": book.slot_rule[slot].bytes, "condition": group.condition,
        "clock": [int(s.now[slot]), int(s.lag[slot]), int(s.event[slot]), int(s.wake[slot])],
        "told": names.index(group.told) if group.told >= 0 else -1, "past": past,
        "level": [group.level, group.level_at],
        "terms": [_term(book, row) for row in names], "keys": _keys(book, group),
    }  # fmt: skip


def _keys(book: Book, group: Group) -> list[tuple[int, bytes]]:
    """What each row of a group is about: its place in the rule, and the other device if it is about one."""
    known = [(place, row) for place, part in enumerate(group.parts) for row in part]
    known += [(len(group.parts) + n, step.row) for n, step in enumerate(group.steps) if step.row >= 0]
    return [(place, book.devices[book.series.dev[book.terms.row.series[row]]].id.bytes
             if book.terms.row.age[row] else b"") for place, row in known]  # fmt: skip


def _term(book: Book, row: int) -> list[Any]:
    t, bank = book.terms.row, book.terms.bank(row)
    ring = None
    if bank:
        kept = bank.t[t.ring[row]] > NONE
        ring = [bank.t[t.ring[row]][kept].tolist(), [] if bank.v is None else bank.v[t.ring[row]][kept].tolist()]
    figure = book.terms.figures.state(int(t.figure[row])) if t.figure[row] >= 0 else None
    return [int(t.ts[row]), int(t.at[row]), bool(t.on[row]), bool(t.held[row]), float(t.last[row]), ring, figure,
            int(t.said[row])]  # fmt: skip


def _load_group(judge: Judge, row: dict[str, Any]) -> None:
    book = judge.book
    slot = book.slot_of.get((book.by_id.get(row["device"], -1), UUID(bytes=row["rule"])), -1)
    group, s = book.terms.groups.get(slot), book.slot
    if group is None:
        return
    if group.condition != row["condition"]:  # the rule changed meanwhile
        if s.state[slot] == ACTIVE:
            activate(judge, slot, int(s.t0[slot]))
        return
    now = dict(zip(_keys(book, group), group.rows(), strict=True))
    names = [now.get((place, device), -1) for place, device in row["keys"]] if "keys" in row else list(group.rows())
    for name, term in zip(names, row["terms"], strict=True):
        if name >= 0:
            _load_term(book, name, term)
    group.told = names[row["told"]] if row["told"] >= 0 else -1
    group.level, group.level_at = row["level"]
    s.now[slot], s.lag[slot], s.event[slot], _ = row["clock"]
    if row["past"]:
        floor, base, said = row["past"]
        known = dict.fromkeys(group.rows(), False) | dict(zip(names, base, strict=True))
        group.past = Past(floor, known, [(at, names[n], held) for at, n, held in said if names[n] >= 0])
        s.state[slot] = PENDING
    if -1 in names or (s.state[slot] != IDLE and not book.terms.hold(slot)):
        book.terms.again.add(slot)  # another device is there no longer
    s.wake[slot] = NEVER
    if row["clock"][3] < NEVER:
        judge.wake_at(slot, row["clock"][3])


def _load_term(book: Book, row: int, saved: list[Any]) -> None:
    t, bank = book.terms.row, book.terms.bank(row)
    t.ts[row], t.at[row], t.on[row], t.held[row], t.last[row], ring, *more = saved
    if more and more[0]:
        book.terms.figures.restore(int(t.figure[row]), more[0])
    if len(more) > 1:
        t.said[row] = more[1]
    if bank and ring and ring[0]:
        bank.t[t.ring[row], -len(ring[0]) :] = ring[0]
        if bank.v is not None:
            bank.v[t.ring[row], -len(ring[1]) :] = ring[1]
