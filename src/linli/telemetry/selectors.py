"""Reads of readings for people: who may see a device may see its readings; others get 404."""

from __future__ import annotations

import csv
import functools
import io
import os
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import IO, Any, TypeVar
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq

from linli.devices import facade as devices
from linli.kernel import clock, paging
from linli.kernel.actor import Actor
from linli.kernel.errors import Invalid, Unavailable
from linli.telemetry.history.client import HistoryClient, HistoryUnavailable
from linli.telemetry.history.questions import BadQuestion

T = TypeVar("T")
DEFAULT_SPAN = timedelta(days=31)
MAX_LATEST = 200


@functools.cache
def history() -> HistoryClient:
    return HistoryClient(os.environ.get("LINLI_HISTORY_URL") or "http://none@127.0.0.1:1")


def ask(question: Callable[[], T]) -> T:
    """Put a question to history; Invalid for one that cannot be asked, Unavailable while it does not answer."""
    try:
        return question()
    except BadQuestion as error:
        raise Invalid(error.field, error.reason) from error
    except HistoryUnavailable as error:
        raise Unavailable(str(error)) from error


def asked(pieces: Iterator[T]) -> Iterator[T]:
    """The pieces of an answer that comes bit by bit, refusals and absence told as everywhere."""
    while (piece := ask(lambda: next(pieces, None))) is not None:
        yield piece


def zoned(**given: datetime | None) -> None:
    """Raises Invalid for a time without an offset, by its name."""
    for field, value in given.items():
        if value is not None and value.tzinfo is None:
            raise Invalid(field, "needs an offset, such as 2026-11-23T08:00:00+08:00")


def span(start: datetime | None, end: datetime | None) -> tuple[int, int]:
    """The span in ms; the end is left out of it. Without a start: 31 days before the end."""
    zoned(start=start, end=end)
    until = end or clock.now() + timedelta(minutes=15)
    since = start or until - DEFAULT_SPAN
    return max(0, int(since.timestamp() * 1000)), int(until.timestamp() * 1000)


def at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def readings(
    actor: Actor, device_id: UUID, *, prop: str | None, start: datetime | None, end: datetime | None,
    cursor: str | None, limit: int,
) -> tuple[list[dict[str, Any]], str | None]:  # fmt: skip
    """A page, newest first. Readings of one instant and property stay together, so a page may be a little longer."""
    devices.must_see(actor, device_id)
    if not 1 <= limit <= paging.MAX_LIMIT:
        raise Invalid("limit", f"must be between 1 and {paging.MAX_LIMIT}")
    since, until = span(start, end)
    after = None
    if cursor:
        t, name = paging.decode(cursor, 2)
        if type(t) is not int or type(name) is not str:
            raise Invalid("cursor", "is not one that this list gave")
        after = (t, name)
    table = ask(lambda: history().readings(device_id, prop or None, since, until, after, limit))
    rows = table.to_pylist()
    items = [
        {"property": r["property"], "at": at(r["t"]), "received_at": at(r["recv"]), "value": r["value"],
         "flags": r["flags"]}
        for r in rows
    ]  # fmt: skip
    more = paging.encode([rows[-1]["t"], rows[-1]["property"]]) if len(rows) >= limit else None
    return items, more


def series(
    actor: Actor, device_id: UUID, *, prop: str, start: datetime | None, end: datetime | None, points: int
) -> dict[str, Any]:
    devices.must_see(actor, device_id)
    since, until = span(start, end)
    table = ask(lambda: history().series([device_id], prop, since, until, points))
    return {"property": prop, **{name: table[name].to_pylist() for name in ("t", "min", "max", "mean", "count")}}


def latest(actor: Actor, device_ids: list[UUID]) -> list[dict[str, Any]]:
    if len(device_ids) > MAX_LATEST:
        raise Invalid("ids", f"at most {MAX_LATEST} at once")
    seen = list(devices.visible_ids(actor, device_ids))
    if not seen:
        return []
    table = ask(lambda: history().latest(seen))
    return [
        {"device_id": UUID(bytes=r["device"]), "property": r["property"], "at": at(r["t"]), "value": r["value"],
         "flags": r["flags"]}
        for r in table.to_pylist()
    ]  # fmt: skip


def export_csv(
    actor: Actor, device_id: UUID, *, prop: str | None, start: datetime | None, end: datetime | None
) -> Iterator[bytes]:
    """A CSV of all readings in the span, oldest first, made as it is sent."""
    devices.must_see(actor, device_id)
    since, until = span(start, end)
    if until <= since:
        raise Invalid("end", "must be after start")
    batches = ask(lambda: history().export(device_id, prop or None, since, until))
    return _csv(batches)


PARQUET = pa.schema([("at", pa.timestamp("ms", "UTC")), ("property", pa.string()), ("value", pa.float64()),
                     ("flags", pa.uint8())])  # fmt: skip


def export_parquet(
    actor: Actor, device_id: UUID, *, prop: str | None, start: datetime | None, end: datetime | None
) -> IO[bytes]:
    """A Parquet file of all readings in the span, oldest first: a temporary one, gone when it is closed."""
    devices.must_see(actor, device_id)
    since, until = span(start, end)
    if until <= since:
        raise Invalid("end", "must be after start")
    file = tempfile.TemporaryFile()  # noqa: SIM115 - whoever sends it closes it
    with pq.ParquetWriter(file, PARQUET, compression="zstd") as writer:
        for batch in asked(ask(lambda: history().export(device_id, prop or None, since, until))):
            columns = [batch["t"].cast(pa.timestamp("ms", "UTC")), batch["property"], batch["value"], batch["flags"]]
            writer.write_batch(pa.record_batch(columns, schema=PARQUET))
    file.seek(0)
    return file


def _csv(batches: Iterator[Any]) -> Iterator[bytes]:
    yield b"\xef\xbb\xbfat,property,value,flags\r\n"
    for batch in batches:
        out = io.StringIO()
        write = csv.writer(out).writerow
        for t, name, value, flags in zip(*(batch[c].to_pylist() for c in ("t", "property", "value", "flags")),
                                         strict=True):  # fmt: skip
            # a name that a spreadsheet would take for a formula is disarmed
            write((at(t).isoformat(timespec="milliseconds"), "'" + name if name[0] in "=+-@" else name, value, flags))
        yield out.getvalue().encode()
