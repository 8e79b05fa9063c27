"""The revision of the grids: one lock for all grid writes, one number for every picture of them."""

from __future__ import annotations

from django.db import transaction

from linli.kernel import ids
from linli.places import index
from linli.places.models import PlacesRevision


def lock() -> PlacesRevision:
    """Grid writes are one after the other, and each has its revision."""
    PlacesRevision.objects.get_or_create(id=1)
    return PlacesRevision.objects.select_for_update().get(id=1)


def bump(row: PlacesRevision) -> int:
    row.revision += 1
    row.token = ids.new_id()
    row.save(update_fields=["revision", "token"])
    transaction.on_commit(index.invalidate)
    return row.revision
