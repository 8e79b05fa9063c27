"""Background work: tasks that are deferred in the caller's transaction and run by the process `jobs`.

    @jobs.task("cases.remind")
    def remind(case_id: str) -> None: ...

    jobs.defer(remind, case_id=str(case.id))          # runs only if the transaction commits
    jobs.defer(remind, after=600, case_id=...)        # not before ten minutes from now

    @jobs.periodic("*/5 * * * *", "cases.sweep")      # cron, in the district's zone-free UTC
    def sweep() -> None: ...

Arguments are ids and plain values, never personal data: they stand in a queue table.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app
from procrastinate.tasks import Task

from linli.kernel import metrics

Job = Callable[..., None]
TASKS: dict[str, Task[Any, Any, Any]] = {}


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
    from django.db import transaction

    try:
        with transaction.atomic():
            return int(TASKS[fn.task_name].configure(**options).defer(**kwargs))  # type: ignore[attr-defined]
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
