"""One's own imports of sheets, with progress and the rows that were refused."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from linli.cases.models import ImportBatch
from linli.kernel import clock, paging
from linli.kernel.actor import Actor
from linli.kernel.errors import NotFound


def shown(row: ImportBatch, *, whole: bool = True) -> dict[str, Any]:
    found = {
        "id": row.id, "name": row.name, "state": row.state, "at": row.created_at, "rows": row.rows, "made": row.made,
        "refused": row.refused, "left": len(row.todo), "cancelled": row.cancelled, "undo_until": row.undo_until,
        "can_undo": row.state == "done" and bool(row.undo_until and row.undo_until > clock.now()),
    }  # fmt: skip
    return {**found, "errors": row.errors} if whole else found


def page(actor: Actor, *, cursor: str | None, limit: int) -> dict[str, Any]:
    """Newest first."""
    query = ImportBatch.objects.filter(created_by=actor.account_id)
    rows, after = paging.keyset(query, key=("-created_at", "-id"), cursor=cursor, limit=limit)
    return {"items": [shown(r, whole=False) for r in rows], "next": after}


def get(actor: Actor, batch_id: UUID) -> dict[str, Any]:
    row = ImportBatch.objects.filter(pk=batch_id, created_by=actor.account_id).first()
    if row is None:
        raise NotFound()
    return shown(row)
