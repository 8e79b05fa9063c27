"""A restart of the database costs nobody a request: dead pooled connections are noticed before use."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection, connections


def backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        return int(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_connections_that_the_server_closed_are_not_handed_out() -> None:
    """With a pool full of dead connections the next use is quick: not one wait for each of them."""
    together = Barrier(10)

    def use(_: int) -> int:
        pid = backend()
        together.wait(20)  # all hold theirs at once, so that the pool grows
        connection.close()
        return pid

    with ThreadPoolExecutor(10) as threads:
        before = set(threads.map(use, range(10)))
    assert len(before) == 10
    connection.close()
    other = connections.create_connection("default")
    with other.cursor() as cursor:
        cursor.execute(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
        cursor.execute("select pg_backend_pid()")
        survivor = int(cursor.fetchone()[0])
    other.close()
    time.sleep(0.3)
    began = time.monotonic()
    for _ in range(4):
        assert backend() not in before - {survivor}
        connection.close()
    assert time.monotonic() - began < 5
