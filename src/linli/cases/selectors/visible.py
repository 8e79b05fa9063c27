"""Who sees which cases, as one piece of SQL that every read uses. Default deny."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from linli.cases.contracts import OwnCase
from linli.cases.models import Case
from linli.kernel.actor import Actor
from linli.kernel.errors import NotFound

VIEW, PRIVATE = "cases.view", "cases.private"
Sql = tuple[str, list[Any]]


def under(column: str, area: str) -> Sql:
    """In an area or below it, as a range of an index by area. The rest only keeps out what sorts into the range by a
    sign before the dot (as in 01-a); written so that the planner does not take it to make rows any fewer, and without
    LIKE, which costs a map of all open cases a tenth."""
    return (
        f"({column} ~>=~ %s AND {column} ~<~ %s"
        f" AND CASE WHEN {column} ~>=~ %s OR {column} = %s THEN 1 ELSE 0 END <> 0)",
        [area, area + "/", area + ".", area],  # the slash is the sign after the dot
    )


def in_areas(column: str, areas: tuple[str, ...]) -> Sql:
    """In one of these areas or below it."""
    if not areas:
        return "false", []
    if "" in areas:
        return "true", []
    parts = [under(column, area) for area in areas]
    return "(" + " OR ".join(sql for sql, _ in parts) + ")", [v for _, values in parts for v in values]


def ways(actor: Actor, alias: str = "c") -> list[Sql]:
    """The reasons for which the actor sees a case, each a condition on `cases_case alias` that an index can serve: in
    an own area (private ones need cases.private there), of an own team, or made by the actor itself."""
    if not actor.can(VIEW):
        return [("false", [])]
    area, params = in_areas(f"{alias}.area_path", actor.areas(VIEW))
    private, private_params = in_areas(f"{alias}.area_path", actor.areas(PRIVATE))
    if private != "true" and actor.areas(PRIVATE) != actor.areas(VIEW):
        area, params = f"({area} AND (NOT {alias}.private OR {private}))", params + private_params
    if area == "true":
        return [("true", [])]
    found: list[Sql] = [(area, params)]
    found += [(f"{alias}.team_id = %s", [team]) for team in actor.team_ids]
    if actor.account_id:
        found.append((f"{alias}.created_by = %s", [actor.account_id]))
    return found


def where(actor: Actor, alias: str = "c") -> Sql:
    """All ways as one condition."""
    found = ways(actor, alias)
    if len(found) == 1:
        return found[0]
    return "(" + " OR ".join(sql for sql, _ in found) + ")", [v for _, params in found for v in params]


def sees(actor: Actor, case: Case) -> bool:
    """The same rule for a row at hand."""
    if actor.kind == "system":
        return True
    if not actor.can(VIEW):
        return False
    if actor.can(VIEW, case.area_path) and (not case.private or actor.can(PRIVATE, case.area_path)):
        return True
    own_team = case.team_id is not None and case.team_id in actor.team_ids
    return own_team or (actor.account_id is not None and case.created_by == actor.account_id)


def get(actor: Actor, case_id: UUID, *, lock: bool = False) -> Case:
    """The case, or NotFound, which a guessed id gets as well."""
    query = Case.objects.defer("tokens")
    if lock:
        query = query.select_for_update()
    case = query.filter(pk=case_id).first()
    if case is None or not sees(actor, case):
        raise NotFound()
    return case


def classes_of(case_ids: Sequence[UUID]) -> dict[UUID, str]:
    return dict(Case.objects.filter(pk__in=list(case_ids)).values_list("pk", "class_code"))


def reported_by(actor: Actor, since: datetime) -> list[OwnCase]:
    """Own open reports of a patrol, newest first."""
    if actor.account_id is None:
        return []
    mine = Case.objects.filter(created_by=actor.account_id, channel="patrol", created_at__gte=since, closed_at=None)
    return [
        OwnCase(*row) for row in mine.order_by("-created_at", "-id").values_list("pk", "number", "class_code")[:100]
    ]
