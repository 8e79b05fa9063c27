"""Who sees which cases, as one piece of SQL that every read uses. Default deny."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from linli.cases.models import Case
from linli.kernel.actor import Actor
from linli.kernel.errors import NotFound

VIEW, PRIVATE = "cases.view", "cases.private"
Sql = tuple[str, list[Any]]


def _areas(column: str, areas: tuple[str, ...]) -> Sql:
    if not areas:
        return "false", []
    if "" in areas:
        return "true", []
    parts, params = [], []
    for area in areas:
        parts.append(f"({column} = %s OR {column} LIKE %s)")
        params += [area, area.replace("_", r"\_").replace("%", r"\%") + ".%"]
    return "(" + " OR ".join(parts) + ")", params


def where(actor: Actor, alias: str = "c") -> Sql:
    """A condition on `cases_case alias`: in an own area (private ones need cases.private there), of an own team, or
    made by the actor itself."""
    if not actor.can(VIEW):
        return "false", []
    area, params = _areas(f"{alias}.area_path", actor.areas(VIEW))
    private, private_params = _areas(f"{alias}.area_path", actor.areas(PRIVATE))
    found = area if private == "true" else f"({area} AND (NOT {alias}.private OR {private}))"
    params += [] if private == "true" else private_params
    extra = []
    if actor.team_ids:
        extra.append(f"{alias}.team_id = ANY(%s)")
        params.append(list(actor.team_ids))
    if actor.account_id:
        extra.append(f"{alias}.created_by = %s")
        params.append(actor.account_id)
    if found == "true" or not extra:
        return found, (params if found != "true" else [])
    return f"({found} OR {' OR '.join(extra)})", params


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
