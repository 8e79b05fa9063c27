"""How cases hang together: what was merged into what, and what was split from what."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from linli.cases import tables
from linli.cases.models import Case
from linli.cases.selectors import fast, visible
from linli.kernel.actor import Actor

LIMIT = 100
_COLUMNS = "c.id, c.number, c.class_code, c.state, c.closed_at, c.parent_id, c.split_from"
_UNION = (
    f"SELECT {_COLUMNS} FROM cases_case c WHERE c.parent_id = %s AND {{where}}"
    f" UNION SELECT {_COLUMNS} FROM cases_case c WHERE c.split_from = %s AND {{where}}"
    f" UNION SELECT {_COLUMNS} FROM cases_case c WHERE c.id = ANY(%s) AND {{where}} ORDER BY 2 LIMIT {LIMIT}"
)


def links(actor: Actor, case_id: UUID) -> list[dict[str, Any]]:
    """The cases that the actor sees and that this one was merged into or split from, or the other way round."""
    case: Case = visible.get(actor, case_id)
    where, params = visible.where(actor)
    others = [i for i in (case.parent_id, case.split_from) if i]
    rows = fast.rows(_UNION.format(where=where), [case.id, *params, case.id, *params, others, *params])
    states, classes = tables.transitions().states, tables.catalogue().classes
    found = []
    for row_id, number, code, state, closed_at, parent_id, split_from in rows:
        known = classes.get(code)
        found.append({
            "id": row_id, "number": number, "class": {"zh": known.zh, "en": known.en} if known else None,
            "state": state, "state_name": {"zh": states[state].zh, "en": states[state].en},
            "open": closed_at is None, "kind": _kind(case, row_id, parent_id, split_from),
        })  # fmt: skip
    return found


def _kind(case: Case, row_id: UUID, parent_id: UUID | None, split_from: UUID | None) -> str:
    """What the other case is to this one."""
    if row_id == case.parent_id:
        return "into"
    if parent_id == case.id:
        return "merged"
    return "part" if split_from == case.id else "whole"
