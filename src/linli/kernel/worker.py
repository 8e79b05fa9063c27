"""The process `jobs`: runs background tasks and the consumers of events."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from typing import Any

from linli.kernel.waiting import wait

log = logging.getLogger("linli.jobs")
CONCURRENCY = 4
NICE = 5  # what a person waits for comes first: answers, acknowledgements, news
RESCUE_EVERY = 15.0


async def _work(stop: asyncio.Event) -> None:
    from procrastinate.contrib.django import app

    from linli.kernel import ops_server
    from linli.kernel.consumers import Consumers

    consumers = Consumers(os.environ["LINLI_NATS_URL"])
    state: dict[str, Any] = {"worker": False}
    ops_server.serve_for("jobs", lambda: {"ready": state["worker"] and consumers.connected, **state,
                                          "events": consumers.connected})  # fmt: skip
    work = (consumers.run(), _tasks_forever(app, state, stop), _rescue_forever(stop))
    tasks = [asyncio.create_task(each) for each in work]
    await stop.wait()
    consumers.stop()
    await asyncio.wait(tasks, timeout=15)
    for task in tasks:
        task.cancel()


async def _tasks_forever(app: Any, state: dict[str, Any], stop: asyncio.Event) -> None:
    """Run the task worker; when PostgreSQL goes away it ends with an error and is started again."""
    while not stop.is_set():
        try:
            with app.replace_connector(app.connector.get_worker_connector()) as worker_app:
                await worker_app.open_async()
                await _run_worker(worker_app, state, stop)
        except Exception as error:
            log.warning("task worker stopped", extra={"why": f"{type(error).__name__}: {error}"})
            await asyncio.sleep(1)
        finally:
            state["worker"] = False


async def _rescue_forever(stop: asyncio.Event) -> None:
    """Look at the start and every while for jobs of workers that died."""
    while not stop.is_set():
        try:
            await asyncio.to_thread(_rescue)
        except Exception as error:
            log.warning("jobs of dead workers not looked for", extra={"why": f"{type(error).__name__}: {error}"[:200]})
        await wait(stop, RESCUE_EVERY)


def _rescue() -> None:
    from django.db import close_old_connections

    from linli.kernel import jobs

    close_old_connections()
    try:
        jobs.requeue_stalled()
    finally:
        close_old_connections()


async def _run_worker(app: Any, state: dict[str, Any], stop: asyncio.Event) -> None:
    running = asyncio.create_task(
        app.run_worker_async(
            concurrency=CONCURRENCY, install_signal_handlers=False, delete_jobs="successful",
            fetch_job_polling_interval=2.0, shutdown_graceful_timeout=10,
        )
    )  # fmt: skip
    state["worker"] = True
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        running.cancel()
        await asyncio.gather(running, return_exceptions=not running.done() or running.cancelled())
    finally:
        stopping.cancel()
        await app.close_async()


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "linli.settings")
    from linli.home import Home

    Home.current().load_env()
    import django

    django.setup()
    from linli.kernel import inbox, logs

    logs.configure("jobs")
    os.nice(NICE)
    inbox.load()

    async def run() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await _work(stop)

    asyncio.run(run())


if __name__ == "__main__":
    main()
