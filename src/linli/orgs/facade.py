"""What other modules may ask of orgs."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from linli.identity import facade as identity
from linli.kernel.actor import SYSTEM
from linli.orgs import selectors, services
from linli.orgs.contracts import CentreInfo, Member, TeamInfo
from linli.orgs.models import Centre, Team


def _team(row: Team) -> TeamInfo:
    return TeamInfo(row.id, row.code, row.kind, row.name_zh, row.name_en, row.area_path, row.centre_id, row.active)


def _centre(row: Centre) -> CentreInfo:
    return CentreInfo(row.id, row.code, row.kind, row.name_zh, row.name_en, row.area_path)


def team(team_id: UUID) -> TeamInfo | None:
    row = Team.objects.filter(id=team_id).first()
    return _team(row) if row else None


def teams(team_ids: list[UUID]) -> dict[UUID, TeamInfo]:
    return {row.id: _team(row) for row in Team.objects.filter(id__in=team_ids)}


def team_by_code(code: str) -> TeamInfo | None:
    row = Team.objects.filter(code=code).first()
    return _team(row) if row else None


def teams_called(words: Iterable[str]) -> dict[str, TeamInfo]:
    """Active teams by what people call them: a code, or a name that only one of them has."""
    return {word: _team(row) for word, row in selectors.teams_called(set(words)).items()}


def teams_in(area_path: str, kind: str | None = None) -> list[TeamInfo]:
    """Active teams for an area: those whose area contains it, nearest first, then those inside it."""
    return [_team(row) for row in selectors.serving(area_path, kind)]


def centre(centre_id: UUID) -> CentreInfo | None:
    row = Centre.objects.filter(id=centre_id).first()
    return _centre(row) if row else None


def centres() -> list[CentreInfo]:
    return [_centre(row) for row in Centre.objects.order_by("code")]


def teams_of(centre_id: UUID) -> list[TeamInfo]:
    """The active teams of a centre."""
    return [_team(row) for row in Team.objects.filter(centre_id=centre_id, active=True).order_by("code")]


def people_of_centre(centre_id: UUID) -> set[UUID]:
    """Accounts with a role within a centre, and the members of its teams."""
    teams = [team.id for team in teams_of(centre_id)]
    return identity.in_centre(centre_id) | {row.account_id for row in selectors.members(teams)}


def members(team_id: UUID) -> list[Member]:
    """Leads first."""
    rows = list(selectors.members([team_id]))
    names = identity.display_name(r.account_id for r in rows)
    return [Member(r.account_id, names.get(r.account_id, ""), r.lead) for r in rows]


def member_counts(team_ids: Iterable[UUID]) -> dict[UUID, int]:
    """How many people are in these teams."""
    return selectors.member_counts(list(team_ids))


def leads(lead_id: UUID, account_id: UUID) -> bool:
    """Whether the first leads a team that the second is in."""
    return selectors.leads(lead_id, account_id)


def ensure_centre(*, code: str, name_zh: str, name_en: str = "", kind: str = "centre", area_path: str = "") -> UUID:
    """For set-up: the centre of this code, made or brought up to date."""
    fields = {"code": code, "name_zh": name_zh, "name_en": name_en, "kind": kind, "area_path": area_path}
    row = Centre.objects.filter(code=code).first()
    if row is None:
        row = services.create_centre(actor=SYSTEM, **fields)
    elif any(getattr(row, k) != v for k, v in fields.items()):
        services.update_centre(actor=SYSTEM, centre=row, **fields)
    return row.id


def ensure_team(
    *,
    code: str,
    name_zh: str,
    name_en: str = "",
    kind: str = "other",
    area_path: str = "",
    centre_id: UUID | None = None,
) -> UUID:
    """For set-up: the team of this code, made or brought up to date."""
    fields = {"code": code, "name_zh": name_zh, "name_en": name_en, "kind": kind, "area_path": area_path,
              "centre_id": centre_id}  # fmt: skip
    row = Team.objects.filter(code=code).first()
    if row is None:
        row = services.create_team(actor=SYSTEM, **fields)
    elif any(getattr(row, k) != v for k, v in fields.items()):
        services.update_team(actor=SYSTEM, team=row, **fields)
    return row.id


def ensure_member(*, team_id: UUID, account_id: UUID, lead: bool = False) -> None:
    """For set-up."""
    row = Team.objects.get(id=team_id)
    if not any(m.account_id == account_id and m.lead == lead for m in selectors.members([team_id])):
        services.set_member(actor=SYSTEM, team=row, account_id=account_id, lead=lead)
