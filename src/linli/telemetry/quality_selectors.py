"""How good the readings of many devices are: by owner, kind of thing or grid, and which devices stand behind a figure.

Whether a device was heard and what could not be read of it is what the gateway noted; what readings were out of range,
doubtful, late or told by a clock that was years off, history counts over the span. Things of places only.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Lock
from typing import Any
from uuid import UUID

import numpy as np

from linli.devices import facade as devices
from linli.devices.contracts import Standing, Standings
from linli.kernel import clock, paging
from linli.kernel.actor import Actor
from linli.kernel.errors import Invalid, Unavailable
from linli.places import facade as places
from linli.telemetry import selectors

NO_OWNER = "-"
BY = ("owner", "model", "grid")
MAX_DAYS = 31
AT_ONCE = 1_000  # of more devices history is asked about all at once, and its answer kept for some minutes
KEPT_S = 300.0
COUNTS = ("readings", "out_of_range", "doubtful", "late", "clamped")
NEVER_S = 1 << 40  # a device that was never heard stands before all
Flags = dict[str, Any]  # a column a count, in the order of the devices


@dataclass(frozen=True, slots=True)
class Span:
    """The last days. Devices are counted as heard when the gateway noted them since `start`."""

    start: datetime
    end: datetime

    @classmethod
    def of(cls, days: int) -> Span:
        if not 1 <= days <= MAX_DAYS:
            raise Invalid("days", f"must be 1 to {MAX_DAYS}")
        now = clock.now()
        return cls(now - timedelta(days=days), now)

    def heard(self, rows: Standings) -> Any:
        return rows.seen >= self.start.timestamp()

    def fresh(self, rows: Standings) -> Any:
        """The last reading is no older than three of its intervals."""
        return rows.until > self.end.timestamp()

    def failed(self, rows: Standings) -> Any:
        return rows.error >= self.start.timestamp()

    def silence(self, rows: Standings) -> Any:
        """Seconds since it was heard."""
        return np.where(rows.seen > 0, self.end.timestamp() - rows.seen, NEVER_S).astype(np.int64)


def figures(actor: Actor, *, by: str, days: int, area: str = "") -> dict[str, Any]:
    """A row for all and one for each owner, model or grid below `area`; `history` false: it did not answer, and the
    counts of readings are null."""
    if by not in BY:
        raise Invalid("by", f"must be one of {', '.join(BY)}")
    span, rows = Span.of(days), devices.standings(actor, area=area)
    try:
        flags: Flags | None = _flags(rows, span)
    except Unavailable:
        flags = None
    measured = _measured(rows, span, flags)
    keys, numbers = _groups(by, rows, area)
    sums = {
        name: None if column is None else np.bincount(numbers, column, len(keys)) for name, column in measured.items()
    }
    names = devices.model_names() if by == "model" else {}
    items = [
        {"key": key, "name": names.get(key) or _name(by, key),
         **{name: None if column is None else int(column[i]) for name, column in sums.items()}}
        for i, key in enumerate(keys)
    ]  # fmt: skip
    total = {name: None if column is None else int(column.sum()) for name, column in measured.items()}
    return {
        "start": span.start, "end": span.end, "by": by, "history": flags is not None,
        "total": {"key": "", "name": {"zh": "合计", "en": "All"}, **total},
        "items": sorted((r for r in items if r["devices"]), key=lambda r: (-r["devices"], r["key"])),
    }  # fmt: skip


def _groups(by: str, rows: Standings, area: str) -> tuple[list[str], Any]:
    """The keys of the groups, and of each device the number of its own."""
    texts, numbers = rows.groups["area" if by == "grid" else by]
    if by == "grid":
        depth = (area.count(".") + 1 if area else 1) + 1
        texts = [".".join(path.split(".")[:depth]) for path in texts]
    elif by == "owner":
        texts = [text or NO_OWNER for text in texts]
    keys = list(dict.fromkeys(texts))
    place = {key: i for i, key in enumerate(keys)}
    return keys, np.array([place[text] for text in texts], np.int64)[numbers]


def _name(by: str, key: str) -> dict[str, str]:
    if by == "grid" and (grid := places.grid_at(key)):
        return {"zh": grid.name_zh, "en": grid.name_en or grid.name_zh}
    return {"zh": "未登记单位", "en": "No owner"} if key == NO_OWNER else {"zh": key, "en": key}


def _measured(rows: Standings, span: Span, flags: Flags | None) -> dict[str, Any]:
    """What each device adds to each figure."""
    return {
        "devices": np.ones(len(rows)), "reported": span.heard(rows), "fresh": span.fresh(rows),
        "never": rows.seen == 0, "errors": span.failed(rows), "bad": rows.bad, "refused": rows.refused,
        **{name: None if flags is None else flags[name] for name in COUNTS},
    }  # fmt: skip


# --- counts of readings -----------------------------------------------------------------------------------------------


def _flags(rows: Standings, span: Span) -> Flags:
    start, end = selectors.span(span.start, span.end)
    if len(rows) > AT_ONCE:
        ids, columns = _all_flags(start, end)
    elif len(rows):
        mine = [UUID(bytes=i.ljust(16, b"\0")) for i in rows.ids]
        ids, columns = _asked(selectors.ask(lambda: selectors.history().flagged(mine, start, end)))
    else:
        ids, columns = _asked(None)
    if not len(ids):
        return {name: np.zeros(len(rows), np.int64) for name in COUNTS}
    place = np.minimum(np.searchsorted(ids, rows.ids), len(ids) - 1)
    known = ids[place] == rows.ids
    return {name: np.where(known, column[place], 0) for name, column in columns.items()}


def _asked(table: Any) -> tuple[Any, Flags]:
    """Ids in their order, and the counts beside them."""
    if table is None or not len(table):
        return np.zeros(0, "S16"), {name: np.zeros(0, np.int64) for name in COUNTS}
    ids = np.array(table["device"].to_pylist(), "S16")
    sort = np.argsort(ids)
    return ids[sort], {name: table[name].to_numpy().astype(np.int64)[sort] for name in COUNTS}


_kept: dict[int, tuple[float, tuple[Any, Flags]]] = {}
_counting = Lock()


def _all_flags(start: int, end: int) -> tuple[Any, Flags]:
    """Of all devices; the same for everybody, who then sees what of it is his. One question at a time."""
    wide = end - start
    with _counting:
        at, found = _kept.get(wide, (0.0, None))
        if found is None or time.monotonic() - at > KEPT_S:
            found = _asked(selectors.ask(lambda: selectors.history().flagged(None, start, end)))
            _kept[wide] = (time.monotonic(), found)
        return found


# --- the devices behind a figure --------------------------------------------------------------------------------------

# What a figure opens: which devices, and by what they are sorted, the worst first.
PLAIN: dict[str, tuple[Callable[[Span, Standings], Any], Callable[[Span, Standings], Any]]] = {
    "devices": (lambda span, rows: np.ones(len(rows), bool), Span.silence),
    "reported": (Span.heard, Span.silence),
    "unreported": (lambda span, rows: ~span.heard(rows), Span.silence),
    "fresh": (Span.fresh, Span.silence),
    "silent": (lambda span, rows: ~span.fresh(rows), Span.silence),
    "never": (lambda span, rows: rows.seen == 0, Span.silence),
    "errors": (Span.failed, lambda span, rows: rows.bad + rows.refused),
}
WHAT = (*PLAIN, *COUNTS)


def devices_behind(
    actor: Actor, *, what: str, by: str, key: str | None, days: int, area: str, cursor: str | None, limit: int
) -> tuple[list[dict[str, Any]], str | None]:
    """The devices behind a figure of all (`key` None) or of a row, the worst first, with their value of it."""
    if what not in WHAT:
        raise Invalid("what", f"must be one of {', '.join(WHAT)}")
    if by not in BY:
        raise Invalid("by", f"must be one of {', '.join(BY)}")
    if not 1 <= limit <= paging.MAX_LIMIT:
        raise Invalid("limit", f"must be between 1 and {paging.MAX_LIMIT}")
    span, rows = Span.of(days), devices.standings(actor, area=area)
    wanted, value = _valued(rows, span, what)
    if key is not None:
        keys, numbers = _groups(by, rows, area)
        wanted = wanted & (numbers == (keys.index(key) if key in keys else -1))
    if cursor:
        wanted = wanted & _after(rows, value, cursor)
    place = np.flatnonzero(wanted)
    order = place[np.lexsort((rows.codes[place].astype(str), -value[place]))]
    page = order[:limit].tolist()
    after = paging.encode([int(value[page[-1]]), rows.codes[page[-1]]]) if len(order) > limit else None
    told = {UUID(bytes=rows.ids[i].ljust(16, b"\0")): int(value[i]) for i in page}
    return [_told(one, told[one.id], what) for one in devices.standing_rows(actor, list(told))], after


def _valued(rows: Standings, span: Span, what: str) -> tuple[Any, Any]:
    """Which devices, and what each is sorted by."""
    if what in PLAIN:
        wanted, value = PLAIN[what]
        return wanted(span, rows), value(span, rows)
    found = _flags(rows, span)[what]
    return found > 0, found


def _after(rows: Standings, value: Any, cursor: str) -> Any:
    least, code = paging.decode(cursor, 2)
    if type(least) is not int or type(code) is not str:
        raise Invalid("cursor", "is not one that this list gave")
    return (value < least) | ((value == least) & np.asarray(rows.codes > code, bool))


def _told(one: Standing, value: int, what: str) -> dict[str, Any]:
    return {
        "id": one.id, "code": one.code, "name": one.name, "model": one.model, "owner": one.owner,
        "area_path": one.area_path, "last_seen": one.last_seen, "bad": one.bad, "refused": one.refused,
        "last_error": one.last_error, "last_error_at": one.last_error_at, "count": value if what in COUNTS else None,
    }  # fmt: skip
