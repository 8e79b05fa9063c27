"""What the kernel does by the clock: seals, retention, and the counters that only the database knows."""

from __future__ import annotations

import logging
import os
from datetime import timedelta

from django.db import connection

from linli.kernel import clock, files, jobs, metrics, personal_reads, seals
from linli.kernel.models import IdempotencyRow, InboxEvent, ParkedEvent, PersonalRead

log = logging.getLogger("linli.upkeep")
IDEMPOTENCY_DAYS, INBOX_DAYS = 3, 30
LOG_FLOOR_DAYS = 183  # logs of personal readings are kept for six months at least


def log_retention_days() -> int:
    """Days that readings of personal data stay on record (LINLI_LOG_DAYS); a value under six months is refused."""
    days = int(os.environ.get("LINLI_LOG_DAYS", "400"))
    if days < LOG_FLOOR_DAYS:
        raise ValueError(f"LINLI_LOG_DAYS must be at least {LOG_FLOOR_DAYS}: the law asks for six months")
    return days


@jobs.periodic("*/10 * * * *", "kernel.seal_audit")
def seal_audit() -> None:
    seals.seal()


@jobs.periodic("17 * * * *", "kernel.retention")
def retention() -> None:
    """Empty what is over its time: personal fields, files, answers kept for idempotency, inbox marks, reading logs."""
    now = clock.now()
    done: dict[str, int] = dict(personal_reads.purge_expired())
    done["files"] = files.purge_expired()
    done["idempotency"] = IdempotencyRow.objects.filter(created_at__lt=now - timedelta(days=IDEMPOTENCY_DAYS)).delete()[
        0
    ]
    done["inbox"] = InboxEvent.objects.filter(at__lt=now - timedelta(days=INBOX_DAYS)).delete()[0]
    done["reads"] = PersonalRead.objects.filter(at__lt=now - timedelta(days=log_retention_days())).delete()[0]
    if any(done.values()):
        log.info("retention", extra={"removed": {k: v for k, v in done.items() if v}})


@jobs.periodic("41 3 * * *", "kernel.orphans")
def orphans() -> None:
    if removed := files.sweep_orphans():
        log.info("files without an owner", extra={"removed": removed})


@jobs.periodic("* * * * *", "kernel.gauges")
def gauges() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), coalesce(extract(epoch FROM now() - min(created_at)), 0)"
            " FROM kernel_outbox WHERE sent_at IS NULL"
        )
        waiting, lag = cursor.fetchone()
        cursor.execute("SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'")
        jobs_waiting = cursor.fetchone()[0]
    metrics.OUTBOX_WAITING.set(waiting)
    metrics.OUTBOX_LAG.set(float(lag))
    metrics.JOBS_WAITING.set(jobs_waiting)
    metrics.PARKED.set(ParkedEvent.objects.filter(done_at=None).count())
