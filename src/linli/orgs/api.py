"""Routes of orgs."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest
from ninja import Schema, Status

from linli.identity import facade as identity
from linli.kernel import paging
from linli.kernel.http import Router, actor_of
from linli.orgs import selectors, services
from linli.orgs.models import Centre, Team

router = Router(tags=["orgs"])


class CentreIn(Schema):
    """`area_path`: left out, the caller's own area."""

    code: str
    name_zh: str
    name_en: str = ""
    kind: str = "centre"
    area_path: str | None = None


class CentrePatch(Schema):
    code: str | None = None
    name_zh: str | None = None
    name_en: str | None = None
    kind: str | None = None
    area_path: str | None = None


class CentreOut(Schema):
    id: UUID
    code: str
    kind: str
    name_zh: str
    name_en: str
    area_path: str


class TeamIn(Schema):
    """`area_path`: where the team serves; left out, the caller's own area."""

    code: str
    name_zh: str
    name_en: str = ""
    kind: str = "other"
    area_path: str | None = None
    centre_id: UUID | None = None


class TeamPatch(Schema):
    code: str | None = None
    name_zh: str | None = None
    name_en: str | None = None
    kind: str | None = None
    area_path: str | None = None
    centre_id: UUID | None = None
    active: bool | None = None


class MemberOut(Schema):
    account_id: UUID
    display_name: str
    lead: bool


class MemberIn(Schema):
    lead: bool = False


class TeamOut(Schema):
    id: UUID
    code: str
    kind: str
    name_zh: str
    name_en: str
    area_path: str
    centre_id: UUID | None
    active: bool
    member_count: int


class TeamFull(TeamOut):
    members: list[MemberOut]


def _teams(rows: list[Team]) -> list[TeamOut]:
    counts: dict[UUID, int] = {}
    for member in selectors.members([r.id for r in rows]):
        counts[member.team_id] = counts.get(member.team_id, 0) + 1
    return [_team(r, counts.get(r.id, 0)) for r in rows]


def _team(row: Team, count: int) -> TeamOut:
    return TeamOut(
        id=row.id, code=row.code, kind=row.kind, name_zh=row.name_zh, name_en=row.name_en, area_path=row.area_path,
        centre_id=row.centre_id, active=row.active, member_count=count,
    )  # fmt: skip


def _full(row: Team) -> TeamFull:
    rows = list(selectors.members([row.id]))
    names = identity.display_name(r.account_id for r in rows)
    members = [MemberOut(account_id=r.account_id, display_name=names.get(r.account_id, ""), lead=r.lead) for r in rows]
    return TeamFull(**_team(row, len(rows)).dict(), members=members)


def _centre(row: Centre) -> CentreOut:
    return CentreOut(
        id=row.id, code=row.code, kind=row.kind, name_zh=row.name_zh, name_en=row.name_en, area_path=row.area_path
    )


def _fields(request: HttpRequest, payload: TeamIn | CentreIn) -> dict[str, object]:
    fields = payload.dict()
    if fields["area_path"] is None:
        fields["area_path"] = actor_of(request).areas("teams.manage")[0]
    return fields


@router.get("/teams", permission="teams.view", response=paging.Page[TeamOut])
def list_teams(
    request: HttpRequest,
    cursor: str | None = None,
    limit: int = paging.DEFAULT_LIMIT,
    kind: str | None = None,
    active: bool | None = None,
) -> paging.Page[TeamOut]:
    query = selectors.teams(actor_of(request))
    if kind:
        query = query.filter(kind=kind)
    if active is not None:
        query = query.filter(active=active)
    rows, more = paging.keyset(query, key=("code",), cursor=cursor, limit=limit)
    return paging.Page(items=_teams(rows), next=more)


@router.post("/teams", permission="teams.manage", response={201: TeamFull})
def create_team(request: HttpRequest, payload: TeamIn) -> Status[TeamFull]:
    return Status(201, _full(services.create_team(actor=actor_of(request), **_fields(request, payload))))


@router.get("/teams/{uuid:team_id}", permission="teams.view", response=TeamFull)
def get_team(request: HttpRequest, team_id: UUID) -> TeamFull:
    return _full(selectors.team(actor_of(request), team_id))


@router.patch("/teams/{uuid:team_id}", permission="teams.manage", response=TeamFull)
def update_team(request: HttpRequest, team_id: UUID, payload: TeamPatch) -> TeamFull:
    actor = actor_of(request)
    row = selectors.team_to_manage(actor, team_id)
    return _full(services.update_team(actor=actor, team=row, **payload.dict(exclude_unset=True)))


@router.put("/teams/{uuid:team_id}/members/{uuid:account_id}", permission="teams.manage", response=TeamFull)
def set_member(request: HttpRequest, team_id: UUID, account_id: UUID, payload: MemberIn) -> TeamFull:
    actor = actor_of(request)
    row = selectors.team_to_manage(actor, team_id)
    services.set_member(actor=actor, team=row, account_id=account_id, lead=payload.lead)
    return _full(row)


@router.delete("/teams/{uuid:team_id}/members/{uuid:account_id}", permission="teams.manage", response={204: None})
def remove_member(request: HttpRequest, team_id: UUID, account_id: UUID) -> Status[None]:
    actor = actor_of(request)
    services.remove_member(actor=actor, team=selectors.team_to_manage(actor, team_id), account_id=account_id)
    return Status(204, None)


@router.get("/centres", permission="teams.view", response=paging.Page[CentreOut])
def list_centres(
    request: HttpRequest, cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT
) -> paging.Page[CentreOut]:
    rows, more = paging.keyset(selectors.centres(actor_of(request)), key=("code",), cursor=cursor, limit=limit)
    return paging.Page(items=[_centre(r) for r in rows], next=more)


@router.post("/centres", permission="teams.manage", response={201: CentreOut})
def create_centre(request: HttpRequest, payload: CentreIn) -> Status[CentreOut]:
    return Status(201, _centre(services.create_centre(actor=actor_of(request), **_fields(request, payload))))


@router.get("/centres/{uuid:centre_id}", permission="teams.view", response=CentreOut)
def get_centre(request: HttpRequest, centre_id: UUID) -> CentreOut:
    return _centre(selectors.centre(actor_of(request), centre_id))


@router.patch("/centres/{uuid:centre_id}", permission="teams.manage", response=CentreOut)
def update_centre(request: HttpRequest, centre_id: UUID, payload: CentrePatch) -> CentreOut:
    actor = actor_of(request)
    row = selectors.centre_to_manage(actor, centre_id)
    return _centre(services.update_centre(actor=actor, centre=row, **payload.dict(exclude_unset=True)))
