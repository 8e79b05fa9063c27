"""The append-only record of acts."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from linli.kernel import rows
from linli.kernel.actor import Actor


def record(
    *,
    actor: Actor,
    action: str,
    kind: str,
    ref: UUID | str,
    area: str = "",
    detail: dict[str, Any] | None = None,
) -> None:
    """One audit row in the caller's transaction. `detail` never holds personal data in clear."""
    from linli.kernel.models import AuditRow

    rows.insert([
        AuditRow(actor=actor.label, action=action, kind=kind, ref=str(ref), area_path=area, detail=detail or {})
    ])  # fmt: skip
