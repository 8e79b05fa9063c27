"""Reads of orgs. A team or centre is seen by those in its area and by those whose area it serves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from linli.kernel.actor import Actor
from linli.kernel.errors import NotFound
from linli.kernel.scope import area_q
from linli.orgs.models import Centre, Membership, Team

R = TypeVar("R")


def around(area_path: str) -> list[str]:
    """`area_path` and every path that contains it, nearest first; the last is '' (everywhere)."""
    parts = area_path.split(".") if area_path else []
    return [".".join(parts[:i]) for i in range(len(parts), -1, -1)]


def visible_q(actor: Actor) -> Q:
    """In the actor's areas, or serving one of them: a district's pump crew is seen in each of its grids."""
    areas = actor.areas("teams.view")
    above = {path for area in areas for path in around(area)}
    return area_q(actor, "teams.view") | Q(area_path__in=above)


def teams(actor: Actor) -> QuerySet[Team]:
    return Team.objects.filter(visible_q(actor))


def team(actor: Actor, team_id: UUID) -> Team:
    return _found(teams(actor).filter(id=team_id).first())


def team_to_manage(actor: Actor, team_id: UUID) -> Team:
    return _found(Team.objects.filter(area_q(actor, "teams.manage"), id=team_id).first())


def teams_called(words: set[str]) -> dict[str, Team]:
    """By code, or by a name that only one active team has."""
    rows = list(Team.objects.filter(Q(code__in=words) | Q(name_zh__in=words) | Q(name_en__in=words), active=True))
    found: dict[str, Team] = {}
    for word in words:
        named = [row for row in rows if word in (row.name_zh, row.name_en)]
        coded = [row for row in rows if row.code == word]
        if coded or len(named) == 1:
            found[word] = (coded or named)[0]
    return found


def centres(actor: Actor) -> QuerySet[Centre]:
    return Centre.objects.filter(visible_q(actor))


def centre(actor: Actor, centre_id: UUID) -> Centre:
    return _found(centres(actor).filter(id=centre_id).first())


def centre_to_manage(actor: Actor, centre_id: UUID) -> Centre:
    return _found(Centre.objects.filter(area_q(actor, "teams.manage"), id=centre_id).first())


def members(team_ids: list[UUID]) -> QuerySet[Membership]:
    return Membership.objects.filter(team_id__in=team_ids).order_by("-lead", "created_at", "id")


def team_ids_of(account_id: UUID) -> tuple[UUID, ...]:
    """For the actor: the active teams of an account."""
    return tuple(Membership.objects.filter(account_id=account_id, team__active=True).values_list("team_id", flat=True))


def areas_of_centres(centre_ids: Iterable[UUID]) -> dict[UUID, str]:
    """For the actor: the area path of each of these centres."""
    return dict(Centre.objects.filter(id__in=list(centre_ids)).values_list("id", "area_path"))


def serving(area_path: str, kind: str | None) -> list[Team]:
    """Active teams for an area: those whose area contains it, nearest first, then those inside it."""
    inside = Q(area_path__startswith=area_path + ".") if area_path else ~Q(area_path="")
    query = Team.objects.filter(Q(area_path__in=around(area_path)) | inside, active=True)
    if kind:
        query = query.filter(kind=kind)

    def nearness(team: Team) -> tuple[bool, int, str]:
        below = len(team.area_path) > len(area_path)
        return below, len(team.area_path) if below else -len(team.area_path), team.code

    return sorted(query, key=nearness)


def _found(row: R | None) -> R:
    if row is None:
        raise NotFound()
    return row


def leads(lead_id: UUID, account_id: UUID) -> bool:
    teams = Membership.objects.filter(account_id=lead_id, lead=True, team__active=True).values("team_id")
    return Membership.objects.filter(account_id=account_id, team_id__in=teams).exists()


def member_counts(team_ids: list[UUID]) -> dict[UUID, int]:
    found = Membership.objects.filter(team_id__in=team_ids).values_list("team_id").annotate(n=Count("id"))
    return dict(found)
