"""The cases behind a figure, page by page: those that the actor sees, and how many others there are on the page."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from linli.cases import facade as cases
from linli.insight.models import NOBODY
from linli.insight.rules.facts import POSITION
from linli.insight.selectors import sums
from linli.insight.selectors.asking import Ask
from linli.kernel import paging
from linli.kernel.actor import Actor
from linli.kernel.errors import Invalid


def page(actor: Actor, ask: Ask, *, measure: str, cursor: str | None = None, limit: int = 50) -> dict[str, Any]:
    if measure not in POSITION:
        raise Invalid("measure", "is none of the measures that are counted")
    if not 1 <= limit <= paging.MAX_LIMIT:
        raise Invalid("limit", f"must be between 1 and {paging.MAX_LIMIT}")
    where, params = sums.below(ask.area)
    parts = [where, "f.marks @> ARRAY[%s]::smallint[]", "f.day BETWEEN %s AND %s"]
    params += [POSITION[measure], ask.period.start, ask.period.end]
    if ask.team is not None:
        parts.append("f.team_id = %s")
        params.append(ask.team)
    if ask.class_code:
        parts.append("(f.class_code = %s OR f.big_class = %s)")
        params += [ask.class_code, ask.class_code]
    if cursor:
        parts.append("(f.day, f.case_id, f.team_id) < (%s, %s, %s)")
        params += _cursor(cursor)
    found = sums.rows(
        f"SELECT f.day, f.case_id, f.team_id FROM insight_fact f WHERE {' AND '.join(parts)}"
        " ORDER BY f.day DESC, f.case_id DESC, f.team_id DESC LIMIT %s",
        [*params, limit + 1],
    )
    return _shown(actor, found, limit)


def _shown(actor: Actor, found: list[tuple[Any, ...]], limit: int) -> dict[str, Any]:
    more, found = len(found) > limit, found[:limit]
    seen = cases.rows_seen(actor, [case_id for _, case_id, _ in found])
    items = [{**seen[case_id], "day": day} for day, case_id, _ in found if case_id in seen]
    last = found[-1] if more else None
    return {
        "items": items, "hidden": len(found) - len(items),
        "next": paging.encode([last[0].isoformat(), last[1], last[2]]) if last else None,
    }  # fmt: skip


def _cursor(cursor: str) -> list[Any]:
    day, case_id, team_id = paging.decode(cursor, 3)
    try:
        return [date.fromisoformat(day), UUID(case_id), UUID(team_id) if team_id else NOBODY]
    except (TypeError, ValueError, AttributeError) as error:
        raise Invalid("cursor", "is not one that this list gave") from error


def own_page(
    actor: Actor, account_id: UUID, ask: Ask, *, measure: str, cursor: str | None = None, limit: int = 50
) -> dict[str, Any]:
    """The cases behind a figure of one's own."""
    if measure not in POSITION:
        raise Invalid("measure", "is none of the measures that are counted")
    if not 1 <= limit <= paging.MAX_LIMIT:
        raise Invalid("limit", f"must be between 1 and {paging.MAX_LIMIT}")
    params: list[Any] = [account_id, POSITION[measure], ask.period.start, ask.period.end]
    after = ""
    if cursor:
        after = " AND (o.day, o.case_id, o.account_id) < (%s, %s, %s)"
        params += _cursor(cursor)
    found = sums.rows(
        "SELECT o.day, o.case_id, o.account_id FROM insight_own o WHERE o.account_id = %s"
        f" AND o.marks @> ARRAY[%s]::smallint[] AND o.day BETWEEN %s AND %s{after}"
        " ORDER BY o.day DESC, o.case_id DESC, o.account_id DESC LIMIT %s",
        [*params, limit + 1],
    )
    return _shown(actor, found, limit)
