"""After a change of boundaries: rows that another process wrote with its old picture while the change was made."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from linli.places import index
from linli.places.models import GridChange
from linli.places.services import rehoming
from linli.places.services.revision import lock


def sweep(change_id: UUID) -> dict[str, int]:
    """Move rows that still name a grid which the change has ended. Idempotent.

    They go where the change would have put them; where a later change has ended that grid too, they go by the grids
    of today.
    """
    with transaction.atomic():
        lock()
        change = GridChange.objects.filter(id=change_id).first()
        if change is None:
            return {}
        changes = rehoming.unpack(change.back if change.undone_at else change.changed)
        ended = {UUID(i) for i in (change.created if change.undone_at else change.retired)}
        return rehoming.sweep(changes, ended, index.refresh())
