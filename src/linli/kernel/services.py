"""The shape of a write: one transaction, one audit row, at least one event."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from linli.kernel.actor import Actor


@contextmanager
def unit(actor: Actor) -> Iterator[None]:
    """One service's transaction. Nested units join the outer one."""
    with transaction.atomic():
        yield


def alone(what: str) -> None:
    """Whoever says the same words waits until the transaction in progress has ended."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [what])
