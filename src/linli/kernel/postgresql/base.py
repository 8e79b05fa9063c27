"""After a restart of the server every pooled connection is dead, and each would fail one request or job.

Django's own remedy (CONN_HEALTH_CHECKS) asks the server before each use. A dead connection shows itself for nothing:
its socket has something to read (the end) although nobody asked. Only then do we ask.

Not as the pool's own `check`: after each failed check it waits 1, 2, 4 … seconds before it hands out the next, so that
five dead connections are longer than a request's whole patience. Dead ones go back at once; the pool replaces them.
"""

from __future__ import annotations

import select
from typing import Any

import psycopg
from django.db.backends.postgresql import base


def alive(connection: psycopg.Connection[Any]) -> bool:
    """Whether the server still holds this connection; costs microseconds when it does."""
    watch = select.poll()
    watch.register(connection.pgconn.socket, select.POLLIN | select.POLLHUP | select.POLLERR)
    if watch.poll(0):
        try:
            connection.execute("")
        except psycopg.Error:
            return False
    return True


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(conn_params)
        while self.pool is not None and not alive(connection):
            self.pool.putconn(connection)
            connection = super().get_new_connection(conn_params)
        return connection
