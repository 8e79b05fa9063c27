"""Background work: tasks that are deferred in the caller's transaction and run by the process `jobs`.

    @jobs.task("cases.remind")
    def remind(case_id: str) -> None: ...

    jobs.defer(remind, case_id=str(case.id))          # runs only if the transaction commits
    jobs.defer(remind, after=600, case_id=...)        # not before ten minutes from now

    @jobs.periodic("*/5 * * * *", "cases.sweep")      # cron, in the district's zone-free UTC
    def sweep() -> None: ...

A job whose worker died in the middle of it runs again, in half a minute or so (`requeue_stalled`).

Arguments are ids and plain values, never personal data: they stand in a queue table.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

from django.db import IntegrityError, connection, transaction
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.manager import JobManager
from procrastinate.tasks import Task

from linli.kernel import metrics

Job = Callable[..., None]
TASKS: dict[str, Task[Any, Any, Any]] = {}
log = logging.getLogger("linli.jobs")
# A living worker gives a sign every 10 s, whatever its tasks do: they run in threads.
SILENT_SECONDS, KILLS = 30, 8
STALLED = """
SELECT job.id, job.task_name, job.attempts FROM procrastinate_jobs job
LEFT JOIN procrastinate_workers worker ON worker.id = job.worker_id
WHERE job.status = 'doing' AND (worker.id IS NULL OR worker.last_heartbeat < now() - make_interval(secs => %s))
ORDER BY job.id FOR UPDATE OF job SKIP LOCKED
"""


def task(name: str, *, attempts: int = 8, queue: str = "default", lock: str | None = None) -> Callable[[Job], Job]:
    """Register a task. It may run more than once (a worker can die after the work), so make its effect idempotent.

    Fails are retried after 3, 9, 27 … seconds; `lock` keeps tasks of one lock from running at the same time.
    """

    def register(fn: Job) -> Job:
        TASKS[name] = app.task(
            name=name, queue=queue, lock=lock, retry=RetryStrategy(max_attempts=attempts, exponential_wait=3)
        )(_measured(name, fn))
        fn.task_name = name  # type: ignore[attr-defined]
        return fn

    return register


def _measured(name: str, fn: Job) -> Job:
    @functools.wraps(fn)
    def run(*args: Any, **kwargs: Any) -> None:
        with metrics.JOB_SECONDS.labels(name).time():
            try:
                fn(*args, **kwargs)
            except Exception:
                metrics.JOBS.labels(name, "failed").inc()
                raise
        metrics.JOBS.labels(name, "done").inc()

    return run


@functools.cache
def _manager() -> JobManager:
    """Queues by Django's connection, and so in its transaction.

    While a worker runs, the app itself speaks by the worker's own connections: in the process `jobs` a task would be
    queued, and perhaps run, before the rows that it is about are there, and also when they never come.
    """
    return JobManager(DjangoConnector())


def defer(fn: Job, *, after: float = 0, once: str | None = None, **kwargs: Any) -> int | None:
    """Queue a task in the transaction in progress; returns the job's id.

    `after` seconds from now at the earliest. With `once`, nothing is queued while a job of that key waits (then None).
    """
    from datetime import timedelta

    from procrastinate.exceptions import AlreadyEnqueued

    options: dict[str, Any] = {}
    if after:
        options["schedule_in"] = {"seconds": int(timedelta(seconds=after).total_seconds())}
    if once:
        options["queueing_lock"] = once
    try:
        with transaction.atomic():
            deferrer = TASKS[fn.task_name].configure(**options)  # type: ignore[attr-defined]
            deferrer.job_manager = _manager()
            return int(deferrer.defer(**kwargs))
    except AlreadyEnqueued:
        return None


def periodic(cron: str, name: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Run a function by the clock, once per tick over all workers; a tick that was missed is not made up."""

    def register(fn: Callable[[], None]) -> Callable[[], None]:
        measured = _measured(name, fn)

        def tick(timestamp: int) -> None:
            measured()

        TASKS[name] = app.task(name=name, queue="periodic", queueing_lock=name, lock=name)(tick)
        app.periodic(cron=cron)(TASKS[name])
        return fn

    return register


def requeue_stalled() -> int:
    """Queue again what workers that died were doing; returns how many jobs.

    Nobody else does: a dead worker's job stays `doing`, and its locks stop every later job of that lock for good.
    The rows are judged and changed under their locks, so that several workers may look at once.
    """
    done = 0
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(STALLED, [SILENT_SECONDS])
        for job_id, name, attempts in cursor.fetchall():
            if attempts >= KILLS:  # it takes its worker with it every time
                cursor.execute("SELECT procrastinate_finish_job_v1(%s, 'failed', false)", [job_id])
                log.error("task given up: its worker died every time", extra={"task": name, "job": job_id})
                continue
            try:
                with transaction.atomic():
                    cursor.execute("SELECT procrastinate_retry_job_v2(%s, now(), NULL, NULL, NULL)", [job_id])
            except IntegrityError:  # the next one of its queueing lock waits already, and does the same work
                cursor.execute("SELECT procrastinate_finish_job_v1(%s, 'failed', true)", [job_id])
            done += 1
            log.warning("task of a dead worker queued again", extra={"task": name, "job": job_id})
    return done
