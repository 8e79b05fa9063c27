"""One worker at a time talks to another system, and nothing but a name is locked while it waits for the answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import connection


@contextmanager
def alone(what: str, row_id: UUID) -> Iterator[bool]:
    """False when another worker is at it; nothing is locked while we wait for the other system but this name."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [f"{what}:{row_id}"])
        got = bool(cursor.fetchone()[0])
        try:
            yield got
        finally:
            if got:
                cursor.execute("SELECT pg_advisory_unlock(hashtext(%s))", [f"{what}:{row_id}"])
