"""Background work of places."""

from __future__ import annotations

from uuid import UUID

from linli.kernel import jobs
from linli.places.services import sweeping


@jobs.task("places.sweep")
def sweep(change_id: str) -> None:
    """Move rows that were written with the old boundaries while a change was being made."""
    sweeping.sweep(UUID(change_id))
