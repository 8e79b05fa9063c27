"""Events come in at least once and take effect exactly once: the effect commits with its inbox row, or not at all."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

from django.db import connection, transaction
from django.utils.module_loading import autodiscover_modules

from linli.kernel import clock, metrics
from linli.kernel.events import CONSUMERS, Envelope
from linli.kernel.models import OutboxEvent, ParkedEvent

log = logging.getLogger("linli.inbox")
_NAMES = frozenset(f.name for f in fields(Envelope))
ATTEMPTS = 8


def load() -> None:
    """Import every module's `events`, so that its consumers are registered."""
    autodiscover_modules("events")


def envelope_of(data: dict[str, Any]) -> Envelope:
    """An envelope from JSON; fields of a newer version are left out."""
    return Envelope(**{k: v for k, v in data.items() if k in _NAMES})


def takes(name: str, event_type: str) -> bool:
    """Whether a consumer asked for this type; it may have asked with `case.*` or `*`."""
    return bool({event_type, event_type.split(".")[0] + ".*", "*"} & CONSUMERS[name].types)


def wanted(name: str, batch: Sequence[dict[str, Any]]) -> list[bool]:
    """Which events of a batch that has come (as JSON) the consumer is interested in; writes nothing. In doubt: all."""
    interest = CONSUMERS[name].interest
    if interest is None or not batch:
        return [True] * len(batch)
    try:
        test = interest()
        found = [test(envelope_of(data)) for data in batch]
    except Exception as error:
        log.warning("interest unknown", exc_info=error, extra={"consumer": name})
        return [True] * len(batch)
    if passed := found.count(False):
        metrics.EVENTS.labels(name, "passed").inc(passed)
    return found


def deliver(name: str, envelope: Envelope) -> bool:
    """Run one consumer for one event in one transaction; False if it had the event before."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO kernel_inbox (consumer, event_id, at) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                [name, envelope.id, clock.now()],
            )
            fresh = cursor.rowcount == 1
        if fresh:
            CONSUMERS[name].handler(envelope)
    metrics.EVENTS.labels(name, "done" if fresh else "repeated").inc()
    return fresh


def park(name: str, data: dict[str, Any], error: BaseException, attempts: int) -> None:
    """Set an event aside that a consumer cannot take, so that those behind it go on."""
    values = {"envelope": data, "error": f"{type(error).__name__}: {error}"[:2000], "attempts": attempts,
              "at": clock.now(), "done_at": None}  # fmt: skip
    ParkedEvent.objects.update_or_create(consumer=name, event_id=data["id"], defaults=values)
    metrics.EVENTS.labels(name, "parked").inc()
    log.error("event parked", extra={"consumer": name, "event": data["id"], "error_kind": type(error).__name__})


def parked() -> list[dict[str, Any]]:
    """The parked events, oldest first."""
    rows = ParkedEvent.objects.filter(done_at=None).order_by("at", "id")[:1000]
    return [
        {"number": r.pk, "at": r.at.isoformat(), "consumer": r.consumer, "type": r.envelope.get("type"),
         "ref": r.envelope.get("ref"), "attempts": r.attempts, "error": r.error}
        for r in rows
    ]  # fmt: skip


def retry_parked(ids: Iterable[int] | None = None) -> int:
    """Try parked events again (all, or those given); returns how many took effect."""
    rows = ParkedEvent.objects.filter(done_at=None)
    done = 0
    for row in rows if ids is None else rows.filter(pk__in=list(ids)):
        if row.consumer not in CONSUMERS:
            continue
        try:
            with transaction.atomic():
                deliver(row.consumer, envelope_of(row.envelope))
                ParkedEvent.objects.filter(pk=row.pk).update(done_at=clock.now())
            done += 1
        except Exception as error:
            ParkedEvent.objects.filter(pk=row.pk).update(
                attempts=row.attempts + 1, error=f"{type(error).__name__}: {error}"[:2000], at=clock.now()
            )
    return done


def pump(limit: int = 1000) -> int:
    """Hand unsent outbox rows straight to the consumers and mark them sent, until none is left.

    For tests and for loading a demo without a relay; a running district has the relay and the process `jobs`.
    """
    load()
    count = 0
    while rows := list(OutboxEvent.objects.filter(sent_at=None).order_by("created_at", "id")[:limit]):
        batch = [row.envelope for row in rows]
        wishes = {name: wanted(name, batch) for name in CONSUMERS}
        for number, row in enumerate(rows):
            for name, wish in wishes.items():
                if wish[number] and takes(name, row.type):
                    deliver(name, envelope_of(row.envelope))
            OutboxEvent.objects.filter(pk=row.pk).update(sent_at=clock.now())
            count += 1
    return count
