"""How long readings are kept: raw ones, their minutes and their hours. Data of the packs (`retention.yaml`).

They lie in partitions of a month (raw, minutes) or a year (hours), by UTC, and go with them: a reading stays for its
days and about a month longer, its hours at most about a year.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from linli.kernel import packs

TABLES = ("raw", "minute", "hour")  # the finest first
LEAST_DAYS = 31


@dataclass(frozen=True, slots=True)
class Since:
    """The first instant (ms since 1970) of which each table keeps everything; what is older is gone, or goes soon."""

    raw: int = 0
    minute: int = 0
    hour: int = 0


ALL = Since()


@dataclass(frozen=True, slots=True)
class Tiers:
    """Days; None is for good. Raises ValueError for a tier that outlives the next coarser one, or is too short."""

    raw: int | None = None
    minute: int | None = None
    hour: int | None = None

    def __post_init__(self) -> None:
        coarser = None
        for name in reversed(TABLES):
            own = getattr(self, name)
            if own is not None and own < LEAST_DAYS:
                raise ValueError(f"retention.{name}: at least {LEAST_DAYS} days")
            if coarser is not None and (own is None or own > coarser):
                raise ValueError(f"retention.{name}: not longer than what is coarser ({coarser} days)")
            coarser = own

    def since(self, now_ms: float) -> Since:
        return Since(*(_start(name, now_ms, getattr(self, name)) for name in TABLES))


@lru_cache(maxsize=1)
def of_packs() -> Tiers:
    """What the packs in force say when the process first asks; a later pack's word counts, table by table."""
    said: dict[str, Any] = {}
    for path in packs.files("retention"):
        said |= packs.read_yaml(path)["retention"]
    return Tiers(**{name: said.get(name) for name in TABLES})


def now() -> Since:
    """What is kept at this moment by the packs in force."""
    return _at(int(time.time() // 60))


@lru_cache(maxsize=1)
def _at(minute: int) -> Since:
    return of_packs().since(minute * 60_000)


def day(ms: int) -> str:
    """The UTC day of an instant, in words of a refusal."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d")


def _start(table: str, now_ms: float, days: int | None) -> int:
    """The start of the month, or year, in which what is `days` old lies."""
    if days is None:
        return 0
    at = datetime.fromtimestamp(now_ms / 1000, UTC) - timedelta(days=days)
    whole = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return int((whole.replace(month=1) if table == "hour" else whole).timestamp() * 1000)
