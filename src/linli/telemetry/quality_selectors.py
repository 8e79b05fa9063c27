"""How good the readings of many devices are: by owner, kind of thing or grid, and which devices stand behind a figure.

Whether a device was heard and what could not be read of it is what the gateway noted; what readings were out of range,
doubtful, late or told by a clock that was years off, history counts over the span. Things of places only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from linli.devices import facade as devices
from linli.devices.contracts import Standing
from linli.kernel import clock, paging
from linli.kernel.actor import Actor
from linli.kernel.errors import Invalid, Unavailable
from linli.places import facade as places
from linli.telemetry import selectors

NO_OWNER = "-"
BY = ("owner", "model", "grid")
MAX_DAYS = 31
AT_ONCE = 1_000  # devices of one question to history
COUNTS = ("readings", "out_of_range", "doubtful", "late", "clamped")
Flags = Mapping[UUID, Mapping[str, int]]


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

    def heard(self, one: Standing) -> bool:
        return one.last_seen is not None and one.last_seen >= self.start

    def fresh(self, one: Standing) -> bool:
        """Its last reading is no older than three of its intervals."""
        return one.online_until is not None and one.online_until > self.end

    def failed(self, one: Standing) -> bool:
        return one.last_error_at is not None and one.last_error_at >= self.start


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
    groups: dict[str, list[Standing]] = {}
    for one in rows:
        groups.setdefault(_key(by, one, area), []).append(one)
    items = [{"key": key, "name": _name(by, key, mine), **_row(mine, span, flags)} for key, mine in groups.items()]
    return {
        "start": span.start, "end": span.end, "by": by, "history": flags is not None,
        "total": {"key": "", "name": {"zh": "合计", "en": "All"}, **_row(rows, span, flags)},
        "items": sorted(items, key=lambda r: (-r["devices"], r["key"])),
    }  # fmt: skip


def _key(by: str, one: Standing, area: str) -> str:
    if by == "owner":
        return one.owner or NO_OWNER
    if by == "model":
        return one.model
    depth = (area.count(".") + 1 if area else 1) + 1
    return ".".join(one.area_path.split(".")[:depth])


def _name(by: str, key: str, rows: list[Standing]) -> dict[str, str]:
    if by == "model":
        return dict(rows[0].model_name)
    if by == "grid" and (grid := places.grid_at(key)):
        return {"zh": grid.name_zh, "en": grid.name_en or grid.name_zh}
    return {"zh": "未登记单位", "en": "No owner"} if key == NO_OWNER else {"zh": key, "en": key}


def _row(rows: Iterable[Standing], span: Span, flags: Flags | None) -> dict[str, Any]:
    rows = list(rows)
    found: dict[str, Any] = {
        "devices": len(rows), "reported": sum(map(span.heard, rows)), "fresh": sum(map(span.fresh, rows)),
        "never": sum(one.last_seen is None for one in rows), "errors": sum(map(span.failed, rows)),
        "bad": sum(one.bad for one in rows), "refused": sum(one.refused for one in rows),
    }  # fmt: skip
    for name in COUNTS:
        found[name] = None if flags is None else sum(flags[one.id][name] for one in rows if one.id in flags)
    return found


def _flags(rows: list[Standing], span: Span) -> Flags:
    start, end = selectors.span(span.start, span.end)
    found: dict[UUID, dict[str, int]] = {}
    for at in range(0, len(rows), AT_ONCE):
        ids = [one.id for one in rows[at : at + AT_ONCE]]
        for row in selectors.ask(lambda ids=ids: selectors.history().flagged(ids, start, end)).to_pylist():
            found[UUID(bytes=row["device"])] = {name: row[name] for name in COUNTS}
    return found


def _silence(one: Standing, span: Span) -> int:
    """Seconds since it was heard; a device that never was stands before all."""
    return 1 << 40 if one.last_seen is None else int((span.end - one.last_seen).total_seconds())


# What a figure opens: which devices, and by what they are sorted, the worst first.
PLAIN: dict[str, tuple[Callable[[Span, Standing], bool], Callable[[Standing, Span], int]]] = {
    "devices": (lambda span, one: True, _silence),
    "reported": (Span.heard, _silence),
    "unreported": (lambda span, one: not span.heard(one), _silence),
    "fresh": (Span.fresh, _silence),
    "silent": (lambda span, one: not span.fresh(one), _silence),
    "never": (lambda span, one: one.last_seen is None, _silence),
    "errors": (Span.failed, lambda one, span: one.bad + one.refused),
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
    span = Span.of(days)
    rows = [one for one in devices.standings(actor, area=area) if key is None or _key(by, one, area) == key]
    found = sorted(_valued(rows, span, what), key=lambda pair: (-pair[0], pair[1].code))
    if cursor:
        value, code = paging.decode(cursor, 2)
        if type(value) is not int or type(code) is not str:
            raise Invalid("cursor", "is not one that this list gave")
        found = [pair for pair in found if (-pair[0], pair[1].code) > (-value, code)]
    page = found[:limit]
    after = paging.encode([page[-1][0], page[-1][1].code]) if len(found) > limit else None
    return [_told(one, value, what) for value, one in page], after


def _valued(rows: list[Standing], span: Span, what: str) -> list[tuple[int, Standing]]:
    if what in PLAIN:
        wanted, value = PLAIN[what]
        return [(value(one, span), one) for one in rows if wanted(span, one)]
    flags = _flags(rows, span)
    return [(flags[one.id][what], one) for one in rows if flags.get(one.id, {}).get(what)]


def _told(one: Standing, value: int, what: str) -> dict[str, Any]:
    return {
        "id": one.id, "code": one.code, "name": one.name, "model": one.model, "owner": one.owner,
        "area_path": one.area_path, "last_seen": one.last_seen, "bad": one.bad, "refused": one.refused,
        "last_error": one.last_error, "last_error_at": one.last_error_at, "count": value if what in COUNTS else None,
    }  # fmt: skip
