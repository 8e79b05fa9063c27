"""A restart of the database costs nobody a request: dead pooled connections are noticed before use."""

from __future__ import annotations

import time

import pytest
from django.db import connection, connections


@pytest.mark.django_db(transaction=True)
def test_connections_that_the_server_closed_are_not_handed_out() -> None:
    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        first = cursor.fetchone()[0]
    connection.close()  # back into the pool
    other = connections.create_connection("default")
    with other.cursor() as cursor:
        cursor.execute(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
    other.close()
    time.sleep(0.3)
    for _ in range(4):
        with connection.cursor() as cursor:
            cursor.execute("select pg_backend_pid()")
            assert cursor.fetchone()[0] != first or first is None
        connection.close()
