"""The process `jobs`, as the supervisor starts it: ready, survives its database going away, ends when told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

import httpx
import pytest
from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateJob
from procrastinate.exceptions import AlreadyEnqueued
from tests.kernel.test_relay import database_url, wait_until

from linli.engines import testing
from linli.kernel import jobs

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engines, pytest.mark.usefixtures("no_other_jobs")]


def state(port: int) -> dict[str, Any]:
    try:
        return dict(httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=2).json())
    except httpx.HTTPError:
        return {}


def ours_are_done() -> bool:
    """The worker removes what it has done; the modules' own periodic work comes and goes beside it."""
    return not ProcrastinateJob.objects.filter(task_name="kernel.gauges", args__timestamp__in=(1, 2)).exists()


def queue(number: int) -> None:
    """Queue the gauges' work; the worker's own tick of it may stand in the queue at that moment, and goes first."""

    def queued() -> bool:
        try:
            return bool(jobs.TASKS["kernel.gauges"].defer(timestamp=number))
        except AlreadyEnqueued:
            return False

    wait_until(queued, 60)


def test_the_process_works_and_comes_back(nats_url: str) -> None:
    port = testing.some_port()
    env = {**os.environ, "LINLI_DATABASE_URL": database_url(), "LINLI_NATS_URL": nats_url,
           "LINLI_METRICS_PORTS": json.dumps({"jobs": port})}  # fmt: skip
    process = subprocess.Popen([sys.executable, "-m", "linli.kernel.worker"], env=env)
    try:
        wait_until(lambda: state(port).get("ready"), 90)
        queue(1)
        wait_until(ours_are_done, 60)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        time.sleep(1)
        queue(2)
        wait_until(lambda: state(port).get("ready"), 90)
        wait_until(ours_are_done, 60)
        assert "linli_jobs_total" in httpx.get(f"http://127.0.0.1:{port}/metrics").text
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
