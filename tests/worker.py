"""The worker of the process `jobs`, run in a test until its queue is empty."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from django.db import connection
from procrastinate import App
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from linli.kernel import jobs


@contextlib.asynccontextmanager
async def worker() -> AsyncIterator[App]:
    """As in the process `jobs`: the app speaks by connections of its own."""
    with app.replace_connector(app.connector.get_worker_connector()) as worker_app:
        async with worker_app.open_async():
            yield worker_app


def work() -> None:
    """Do what is due; returns when nothing is. Needs transactions that commit: `django_db(transaction=True)`."""

    async def once() -> None:
        async with worker() as worker_app:
            await worker_app.run_worker_async(wait=False, install_signal_handlers=False, listen_notify=False)

    asyncio.run(once())


def tick(name: str) -> None:
    """A tick of a periodic task now, as the clock of the worker would give it, and its work."""
    with contextlib.suppress(AlreadyEnqueued):  # the worker's own tick waits already
        jobs.TASKS[name].defer(timestamp=0)
    work()


def forget_jobs() -> None:
    """No job of an earlier test: one whose worker was killed holds its lock until it is found to be stalled."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
