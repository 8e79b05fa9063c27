"""Open cases as the map counts them, held in the memory of each process as columns of numbers.

Counting 27,000 of them by SQL costs several times what counting them here does. Each question first reads what changed
since the last one: the database notes every change with its transaction (migration 0014), and what was under way at the
last reading is read again, so no commit is missed, whoever made it. Who may see a case is decided here by the same rule
as in `visible`; a test compares both under random changes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
from django.db import connection

from linli.cases.selectors import fast
from linli.cases.selectors.visible import PRIVATE, VIEW
from linli.kernel.actor import Actor, contains

STALE_S = 1800.0  # read all anew after so long a pause; the notes of changes are kept for two hours
MOST = 200_000  # of more open cases none is held
SQUARES = 1 << 18  # so many are counted without being sorted first
NONE, ALL_ANEW = -1, UUID(int=0)  # the second is noted when the table is emptied
EPOCH, MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
NEVER = np.iinfo(np.int64).max
ROW = np.dtype([("x", "i4"), ("y", "i4"), ("due", "i8"), ("area", "i4"), ("team", "i4"), ("maker", "i4"),
                ("open", "?"), ("private", "?"), ("urgent", "?"), ("paused", "?")], align=True)  # fmt: skip
_OPEN = "c.closed_at IS NULL AND c.source = 'linli' AND c.x IS NOT NULL"
_COLUMNS = """c.id, c.number, c.x, c.y, (extract(epoch FROM c.due_at) * 1000000)::int8 AS due, c.area_path, c.team_id,
    c.created_by, c.private, c.urgent, c.state = 'suspended' AS paused"""
_SINCE = "(SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS xid) s"
_ALL = f"""SELECT s.xid, c.id, c.* FROM {_SINCE} LEFT JOIN (SELECT {_COLUMNS} FROM cases_case c WHERE {_OPEN}
    LIMIT {MOST + 1}) c ON true"""
_CHANGED = f"""SELECT s.xid, k.case_id, c.* FROM {_SINCE}
    LEFT JOIN (SELECT DISTINCT case_id FROM cases_map_change WHERE xid >= %s::xid8) k ON true
    LEFT JOIN LATERAL (SELECT {_COLUMNS} FROM cases_case c WHERE c.id = k.case_id AND {_OPEN} LIMIT 1) c ON true"""
COUNTED = ("x", "y", "due", "urgent", "paused")
Flags, Columns = npt.NDArray[np.bool_], dict[str, npt.NDArray[Any]]
Cell = tuple[int, int, int, int, int, int, UUID | None, str | None]  # x, y, count, urgent, soon, paused, id, number


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is counted: cases below an area, within (west, south, east, north) in metres, by squares of a size."""

    area: str
    box: tuple[int, int, int, int] | None
    size: int
    half: int
    now: datetime
    soon: timedelta


class OpenMap:
    """The open cases of one process. A place of `_rows` belongs to one case until it ends, then to the next."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.forget()

    def forget(self) -> None:
        """Read all anew at the next question."""
        self._rows = np.zeros(1024, ROW)
        self._ids: list[UUID] = []
        self._numbers: list[str] = []
        self._places: dict[UUID, int] = {}
        self._free: list[int] = []
        self._areas: dict[str, int] = {}
        self._owners: dict[UUID, int] = {}
        self._since, self._read_at, self._too_many = "", 0.0, False

    def cells(self, actor: Actor, wanted: Wanted) -> list[Cell] | None:
        """The cells, or None where SQL must count: there are too many, or this transaction may yet be undone."""
        if connection.in_atomic_block:
            return None
        with self._lock:
            self._refresh()
            return None if self._too_many else self._cells(actor, wanted)

    def _refresh(self) -> None:
        now = time.monotonic()
        fresh = bool(self._since) and now - self._read_at < STALE_S
        if fresh and self._too_many:
            return
        rows = fast.rows(_CHANGED, [self._since]) if fresh else []
        if not fresh or any(row[1] == ALL_ANEW for row in rows):
            self.forget()
            rows = fast.rows(_ALL, [])
            self._too_many = len(rows) > MOST
        for row in () if self._too_many else rows:
            self._take(*row[1:])
        self._since, self._read_at = rows[0][0], now

    def _take(self, known: UUID | None, case_id: UUID | None, *row: Any) -> None:
        """A case as it is now; of one that is open no more there is only the id by which it was known."""
        if known is None:
            return
        place = self._places.get(known)
        if case_id is None:
            if place is not None:
                self._rows["open"][place] = False
                self._free.append(self._places.pop(known))
            return
        number, x, y, due, area, team, maker, private, urgent, paused = row
        if place is None:
            place = self._places[known] = self._free.pop() if self._free else self._more()
        self._ids[place], self._numbers[place] = known, number
        self._rows[place] = (x, y, NEVER if due is None else due, self._areas.setdefault(area, len(self._areas)),
                             self._owner(team), self._owner(maker), True, private, urgent, paused)  # fmt: skip

    def _more(self) -> int:
        place = len(self._ids)
        self._ids.append(UUID(int=0))
        self._numbers.append("")
        if place == len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros(place, ROW)])
        return place

    def _owner(self, owner: UUID | None) -> int:
        return NONE if owner is None else self._owners.setdefault(owner, len(self._owners))

    def _within(self, areas: tuple[str, ...]) -> Flags:
        """Of each case, whether it lies in one of these areas or below it."""
        inside = [any(contains(area, path) for area in areas) for path in self._areas]
        return np.array(inside, bool)[self._rows["area"][: len(self._ids)]]

    def _seen(self, actor: Actor) -> Flags:
        """Of each case, whether the actor sees it: the words of `visible.ways`."""
        rows = self._rows[: len(self._ids)]
        if not actor.can(VIEW):
            return np.zeros(len(rows), bool)
        seen = self._within(actor.areas(VIEW))
        if actor.areas(PRIVATE) != actor.areas(VIEW):
            seen &= ~rows["private"] | self._within(actor.areas(PRIVATE))
        for team in actor.team_ids:
            seen |= rows["team"] == self._owners.get(team, NONE - 1)
        if actor.account_id:
            seen |= rows["maker"] == self._owners.get(actor.account_id, NONE - 1)
        return seen

    def _cells(self, actor: Actor, wanted: Wanted) -> list[Cell]:
        if not self._places:
            return []
        rows = self._rows[: len(self._ids)]
        chosen = rows["open"] & self._seen(actor)
        if wanted.area:
            chosen &= self._within((wanted.area,))
        if wanted.box:
            (west, south, east, north), x, y = wanted.box, rows["x"], rows["y"]
            chosen &= (x >= west) & (x <= east) & (y >= south) & (y <= north)
        places = np.flatnonzero(chosen)
        return self._summed({name: rows[name][places] for name in COUNTED}, places, wanted) if len(places) else []

    def _summed(self, rows: Columns, places: npt.NDArray[np.intp], wanted: Wanted) -> list[Cell]:
        x, y = rows["x"].astype(np.int64), rows["y"].astype(np.int64)
        cell = _numbered((x + wanted.half) // wanted.size, (y + wanted.half) // wanted.size)
        by_kind = np.bincount(cell * 4 + _kinds(rows, wanted), minlength=4 * (int(cell.max()) + 1)).reshape(-1, 4)
        count = by_kind.sum(axis=1)
        found = np.flatnonzero(count)
        count, someone = count[found], np.empty(len(by_kind), np.intp)
        someone[cell] = places
        middles = [np.bincount(cell, of)[found] / count for of in (x, y)]
        middle_x, middle_y = ((np.sign(m) * np.floor(np.abs(m) + 0.5)).astype(np.int64).tolist() for m in middles)
        lone = np.where(count == 1, someone[found], NONE).tolist()
        named = [(None, None) if place == NONE else (self._ids[place], self._numbers[place]) for place in lone]
        kinds = by_kind[found, 1:].tolist()
        return [(cx, cy, n, *kind, *name) for cx, cy, n, kind, name
                in zip(middle_x, middle_y, count.tolist(), kinds, named, strict=True)]  # fmt: skip


def _numbered(column: npt.NDArray[np.int64], line: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """One number for each square of the map; where the squares are many, numbers only of those that hold something."""
    column, line = column - column.min(), line - line.min()
    number = column * (int(line.max()) + 1) + line
    return number if number.max() < SQUARES else np.unique(number, return_inverse=True)[1]


def _kinds(rows: Columns, wanted: Wanted) -> npt.NDArray[np.int8]:
    """Of each case: 1 urgent or late, 2 due soon, 3 paused, 0 none of these."""
    now, soon = ((at - EPOCH) // MICROSECOND for at in (wanted.now, wanted.now + wanted.soon))
    due = rows["due"]
    kinds = np.zeros(len(due), np.int8)
    kinds[due < soon] = 2
    kinds[rows["urgent"] | (due < now)] = 1
    kinds[rows["paused"]] = 3
    return kinds


HELD = OpenMap()
