"""A map says how rows of a recorded file become cases: packs/<pack>/maps/NAME.yaml with `kind: cases`. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

MAX_TEXT = 2000


class Rejected(Exception):
    """A row that cannot become a case: a reason by code, and the field."""

    def __init__(self, reason: str, field: str) -> None:
        super().__init__(reason)
        self.reason, self.field = reason, field


@dataclass(frozen=True, slots=True)
class ClassRule:
    columns: tuple[str, ...]
    like: re.Pattern[str]
    class_code: str


@dataclass(frozen=True, slots=True)
class CaseMap:
    source: str
    columns: Mapping[str, tuple[str, ...]]
    text: tuple[str, ...]
    zone: ZoneInfo
    formats: tuple[str, ...]
    closed_status: frozenset[str]
    no_address: frozenset[str]
    channels: Mapping[str, str]
    classes: tuple[ClassRule, ...]
    intake: tuple[str, ...] = ()  # the columns of `text` that were known when it came in, menus first


@dataclass(frozen=True, slots=True)
class Row:
    """One recorded request, read but not yet masked."""

    external_id: str
    created_at: datetime
    closed_at: datetime | None
    open: bool
    text: str
    address: str
    lon: float | None
    lat: float | None
    channel: str
    class_code: str
    flags: tuple[str, ...]


def parse(data: Mapping[str, Any]) -> CaseMap:
    times = data.get("times", {})
    return CaseMap(
        source=data["source"], columns={k: tuple(v) for k, v in data["columns"].items()}, text=tuple(data["text"]),
        zone=ZoneInfo(times.get("zone", "UTC")), formats=tuple(times.get("formats", ["iso"])),
        closed_status=frozenset(data.get("closed_status", [])), no_address=frozenset(data.get("no_address", [])),
        channels=dict(data.get("channels", {})),
        classes=tuple(ClassRule(tuple(r["column"].split("|")), re.compile(r["like"], re.IGNORECASE), str(r["class"]))
                      for r in data.get("classes", [])),
        intake=tuple(data.get("intake", [])),
    )  # fmt: skip


def _value(row: Mapping[str, str | None], names: tuple[str, ...]) -> str:
    for name in names:
        if value := (row.get(name) or "").strip():
            return value
    return ""


def _time(text: str, found: CaseMap) -> datetime | None:
    """A time in UTC; one without an offset is of the map's zone."""
    for form in found.formats:
        try:
            value = datetime.fromisoformat(text) if form == "iso" else datetime.strptime(text, form)  # noqa: DTZ007
        except ValueError:
            continue
        return (value if value.tzinfo else value.replace(tzinfo=found.zone)).astimezone(UTC)
    return None


def _place(row: Mapping[str, str | None], found: CaseMap) -> tuple[float, float] | None:
    """The point, or None: empty and 0,0 both mean that the request was not located."""
    lon, lat = _value(row, found.columns["lon"]), _value(row, found.columns["lat"])
    if not lon or not lat:
        return None
    try:
        x, y = float(lon), float(lat)
    except ValueError:
        raise Rejected("bad_place", "lon") from None
    if x == 0 and y == 0:
        return None
    if not (math.isfinite(x) and math.isfinite(y) and -180 <= x <= 180 and -85 <= y <= 85):
        raise Rejected("bad_place", "lon")
    return x, y


def read(row: Mapping[str, str | None], found: CaseMap) -> Row:
    """One row of the file as a case to be; raises Rejected."""
    columns = found.columns
    external_id = _value(row, columns["external_id"])
    if not external_id or len(external_id) > 64:
        raise Rejected("no_id", "external_id")
    created = _time(_value(row, columns["created"]), found)
    if created is None:
        raise Rejected("bad_time", "created")
    said_closed = _value(row, columns["closed"])
    closed = _time(said_closed, found) if said_closed else None
    if said_closed and closed is None:
        raise Rejected("bad_time", "closed")
    status, flags = _value(row, columns.get("status", ())), []
    is_open = status not in found.closed_status if status else closed is None
    if closed is not None and closed < created:
        flags.append("closed_before_opened")
    if not is_open and closed is None:
        flags.append("no_closing_time")
    place = _place(row, found)
    if place is None:
        flags.append("no_place")
    address = _value(row, columns["address"])
    lon, lat = place or (None, None)
    return Row(
        external_id=external_id, created_at=created, closed_at=None if is_open else closed or created, open=is_open,
        text=_text(row, found), address="" if address in found.no_address else address, lon=lon, lat=lat,
        channel=found.channels.get(_value(row, columns["channel"]), "import"), class_code=_class(row, found),
        flags=tuple(flags),
    )  # fmt: skip


def _text(row: Mapping[str, str | None], found: CaseMap) -> str:
    parts = [" ".join((row.get(name) or "").split()) for name in found.text]
    return " · ".join(p for p in parts if p).replace("\0", "")[:MAX_TEXT]


def _class(row: Mapping[str, str | None], found: CaseMap) -> str:
    for rule in found.classes:
        if rule.like.search(_value(row, rule.columns)):
            return rule.class_code
    return ""
