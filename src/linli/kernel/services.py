"""The shape of a write: one transaction, one audit row, at least one event."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from linli.kernel.actor import Actor


@contextmanager
def unit(actor: Actor) -> Iterator[None]:
    """One service's transaction. Nested units join the outer one."""
    with transaction.atomic():
        yield
