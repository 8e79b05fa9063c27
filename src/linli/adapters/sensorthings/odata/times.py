"""Times of the standard (ISO 8601 instants, intervals, durations) as microseconds since 1970 UTC, and back."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from linli.adapters.sensorthings.odata.errors import Wrong

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)
_ISO = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?\s*(Z|z|[+ -]\d{2}:?\d{2})?"
)
_DURATION = re.compile(
    r"(-)?P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?"
)
_PARTS = (31_536_000, 2_592_000, 604_800, 86_400, 3_600, 60)


def instant(text: str, field: str = "time") -> int:
    """Microseconds of an ISO 8601 time; one without an offset is UTC. A space stands for the `+` it was in a query."""
    found = _ISO.fullmatch(text.strip())
    if found is None:
        raise Wrong(f"{field}: {text[:60]!r} is not an ISO 8601 time such as 2026-11-27T08:00:00+08:00")
    day, clock, seconds, fraction, offset = found.groups()
    offset = (offset or "Z").upper().replace(" ", "+").replace("Z", "+00:00")
    micros = (fraction or "0").ljust(6, "0")[:6]
    try:
        at = datetime.fromisoformat(f"{day}T{clock or '00:00'}:{seconds or '00'}.{micros}{offset}")
        return (at - EPOCH) // _MICRO
    except (ValueError, OverflowError) as error:
        raise Wrong(f"{field}: {text[:60]!r} is not a time: {error}") from error


def span(text: str, field: str = "time") -> tuple[int, int]:
    """(start, end) of an instant (both the same) or of an interval `start/end` or `start/duration`."""
    start, slash, end = text.partition("/")
    begun = instant(start, field)
    if not slash:
        return begun, begun
    ended = begun + duration(end) if end.startswith("P") else instant(end, field)
    if ended < begun:
        raise Wrong(f"{field}: the interval ends before it begins")
    return begun, ended


def duration(text: str) -> int:
    """Microseconds of an ISO 8601 duration; a year is 365 days, a month 30."""
    found = _DURATION.fullmatch(text)
    if found is None or not any(found.groups()[1:]):
        raise Wrong(f"{text[:60]!r} is not an ISO 8601 duration such as P1DT2H")
    whole = sum(int(n or 0) * size for n, size in zip(found.groups()[1:7], _PARTS, strict=True))
    micros = round((whole + float(found[8] or 0)) * 1_000_000)
    return -micros if found[1] else micros


def iso(micros: int) -> str:
    """`2026-11-27T00:00:00.000Z`: with milliseconds, as programs compare it, or with all six decimals."""
    return told(EPOCH + timedelta(microseconds=micros))


def told(at: datetime) -> str:
    """As `iso`."""
    text = (at if at.tzinfo is UTC else at.astimezone(UTC)).isoformat(timespec="microseconds")[:-6]
    return f"{text[:-3]}Z" if text.endswith("000") else f"{text}Z"


def iso_span(start: int, end: int) -> str:
    return iso(start) if start == end else f"{iso(start)}/{iso(end)}"


def micros_of(at: datetime) -> int:
    return (at - EPOCH) // _MICRO


def moment(micros: int) -> datetime:
    return EPOCH + timedelta(microseconds=micros)
