"""kill -9 of a worker in the middle of a task: it runs again, its lock comes free, a living worker is left alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateJob
from tests.kernel.test_relay import database_url, wait_until

from linli.kernel import jobs

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engines, pytest.mark.usefixtures("no_other_jobs")]

# A worker with two tasks of its own: one says when it begins and waits for a file before it ends.
PROGRAM = """
import os, sys, time
from pathlib import Path
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "linli.settings")
import django
django.setup()
from linli.kernel import jobs, worker
folder = Path(os.environ["LINLI_TEST_FOLDER"])

def wait(word):
    with (folder / word).open("a") as out:
        out.write("began ")
    while not (folder / "go").exists():
        time.sleep(0.05)
    with (folder / word).open("a") as out:
        out.write("ended ")

jobs.task("test.long", lock="test.lock")(wait)
jobs.task("test.alone")(wait)

worker.RESCUE_EVERY = 1.0
worker.CONCURRENCY = 1
worker.main()
"""


@jobs.task("test.long", lock="test.lock")
def long(word: str) -> None:
    """Known here by name only: the workers have the real one."""


@jobs.task("test.alone")
def alone(word: str) -> None:
    """Likewise, without a lock."""


@contextmanager
def worker(folder: Path, nats_url: str) -> Iterator[subprocess.Popen[bytes]]:
    env = {**os.environ, "LINLI_DATABASE_URL": database_url(), "LINLI_NATS_URL": nats_url,
           "LINLI_TEST_FOLDER": str(folder), "LINLI_METRICS_PORTS": "{}"}  # fmt: skip
    process = subprocess.Popen([sys.executable, "-c", PROGRAM], env=env)
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


def log_of(folder: Path, word: str) -> list[str]:
    path = folder / word
    return path.read_text().split() if path.exists() else []


def fall_silent(task_name: str) -> None:
    """The dead worker's last sign was a minute ago."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 minute' WHERE id ="
            " (SELECT worker_id FROM procrastinate_jobs WHERE task_name = %s AND status = 'doing')",
            [task_name],
        )


def test_a_killed_workers_task_runs_again_and_a_living_workers_does_not(tmp_path: Path, nats_url: str) -> None:
    with worker(tmp_path, nats_url) as first:
        jobs.defer(long, word="killed")
        wait_until(lambda: log_of(tmp_path, "killed") == ["began"], 60)
        jobs.defer(long, word="next")
        with worker(tmp_path, nats_url) as second:
            jobs.defer(alone, word="living")
            wait_until(lambda: log_of(tmp_path, "living") == ["began"], 60)
            first.kill()
            first.wait()
            fall_silent("test.long")
            with worker(tmp_path, nats_url):
                wait_until(lambda: log_of(tmp_path, "killed") == ["began", "began"], 60)
                (tmp_path / "go").touch()
                wait_until(lambda: log_of(tmp_path, "killed") == ["began", "began", "ended"], 60)
                wait_until(lambda: log_of(tmp_path, "next") == ["began", "ended"], 60)
                wait_until(lambda: log_of(tmp_path, "living") == ["began", "ended"], 60)
            assert second.poll() is None


def stalled(**columns: object) -> int:
    """A job whose worker is gone without a trace."""
    jobs.TASKS["kernel.gauges"].defer(timestamp=1)
    job = ProcrastinateJob.objects.get(args={"timestamp": 1})
    with connection.cursor() as cursor:
        for name, value in {"status": "doing", **columns}.items():
            cursor.execute(f"UPDATE procrastinate_jobs SET {name} = %s WHERE id = %s", [value, job.pk])
    return int(job.pk)


def test_a_periodic_task_goes_on_with_the_tick_that_waits() -> None:
    stalled()
    jobs.TASKS["kernel.gauges"].defer(timestamp=2)
    assert jobs.requeue_stalled() == 1
    assert [(j.args["timestamp"], j.status) for j in ProcrastinateJob.objects.all()] == [(2, "todo")]


def test_a_task_that_kills_every_worker_is_given_up() -> None:
    job_id = stalled(attempts=jobs.KILLS)
    assert jobs.requeue_stalled() == 0
    assert ProcrastinateJob.objects.get(pk=job_id).status == "failed"
