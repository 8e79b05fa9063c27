"""After a restart of the server every pooled connection is dead, and each would fail one request or job.

Django's own remedy (CONN_HEALTH_CHECKS) asks the server before each use. A dead connection shows itself for nothing:
its socket has something to read (the end) although nobody asked. Only then do we ask.
"""

from __future__ import annotations

import select
from typing import Any

import psycopg
from django.db.backends.postgresql import base


def check(connection: psycopg.Connection[Any]) -> None:
    """Raise if the server is gone; costs microseconds when it is not."""
    watch = select.poll()
    watch.register(connection.pgconn.socket, select.POLLIN | select.POLLHUP | select.POLLERR)
    if watch.poll(0):
        connection.execute("")


class DatabaseWrapper(base.DatabaseWrapper):
    @property
    def pool(self) -> Any:
        pool = super().pool
        if pool is not None:
            pool._check = check
        return pool
