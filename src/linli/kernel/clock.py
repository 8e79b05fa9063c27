"""The one clock. Every time in Linli has a zone; storage is UTC."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """The present instant, aware, in UTC."""
    return datetime.now(UTC)


def parse(text: str) -> datetime:
    """An ISO 8601 instant with an offset; raises ValueError for one without."""
    value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        raise ValueError("a time needs an offset, such as 2026-11-23T08:00:00+08:00")
    return value.astimezone(UTC)
