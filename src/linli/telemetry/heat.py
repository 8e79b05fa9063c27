"""One property of a device as a calendar: a cell a day of a year, or a cell an hour of a month, from the rollups."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
from django.conf import settings

from linli.devices import facade as devices
from linli.kernel import clock
from linli.kernel.actor import Actor
from linli.kernel.errors import Invalid
from linli.telemetry import selectors

FIRST_YEAR, LAST_YEAR = 1971, 2200
VALUES = ("min", "max", "mean", "count")


def calendar(
    actor: Actor, device_id: UUID, *, prop: str, year: int | None = None, month: int | None = None
) -> dict[str, Any]:
    """Cells that hold readings, as columns: `date`, `hour` (of a month, else null), `t` and `until` in ms, min, max,
    mean, count, `coverage`. Days and hours are those of the district. Without a year: this one.

    Coverage is the share of the readings that the model's interval lets expect of so much of the cell as has passed."""
    kind = devices.kind(actor, device_id)
    zone = ZoneInfo(settings.TIME_ZONE)
    first, last = _span(year, month, zone)
    start, end = int(first.timestamp() * 1000), int(last.timestamp() * 1000)
    step = "day" if month is None else "hour"
    table = selectors.ask(lambda: selectors.history().rollup([device_id], [prop], start, end, step, settings.TIME_ZONE))
    t = table["b"].to_numpy().astype(np.int64)
    local = [datetime.fromtimestamp(at / 1000, zone) for at in t.tolist()]
    until = np.array([_end(at, step) for at in local], np.int64)
    columns = {name: table[name].to_numpy().tolist() for name in VALUES}
    return {
        "property": prop, "start": first, "end": last, "by": step, "interval_s": kind.interval_s,
        "date": [at.date() for at in local], "hour": None if step == "day" else [at.hour for at in local],
        "t": t.tolist(), "until": until.tolist(), **columns,
        "coverage": _coverage(t, until, table["count"].to_numpy(), kind.interval_s),
    }  # fmt: skip


def _span(year: int | None, month: int | None, zone: ZoneInfo) -> tuple[datetime, datetime]:
    year = year or clock.now().astimezone(zone).year
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise Invalid("year", f"must be {FIRST_YEAR} to {LAST_YEAR}")
    if month is None:
        return datetime(year, 1, 1, tzinfo=zone), datetime(year + 1, 1, 1, tzinfo=zone)
    if not 1 <= month <= 12:
        raise Invalid("month", "must be 1 to 12")
    return datetime(year, month, 1, tzinfo=zone), datetime(year + month // 12, month % 12 + 1, 1, tzinfo=zone)


def _end(at: datetime, step: str) -> int:
    """When the cell that begins then ends: a day may have 23 or 25 hours."""
    if step == "hour":
        return int(at.timestamp() * 1000) + 3_600_000
    return int((at.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=at.tzinfo).timestamp() * 1000)


def _coverage(t: Any, until: Any, count: Any, interval_s: int) -> list[float]:
    now = int(clock.now().timestamp() * 1000)
    passed = np.maximum(np.minimum(until, now) - t, 1)
    expected = np.maximum(passed / (max(interval_s, 1) * 1000), 1.0)
    return np.round(np.minimum(count / expected, 1.0), 4).tolist()
