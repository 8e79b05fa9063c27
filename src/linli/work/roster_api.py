"""Routes of rosters, on work's router. Days and hours go in as the district's clock; times come out with a zone."""

from __future__ import annotations

from datetime import date, datetime, time
from uuid import UUID

from django.http import HttpRequest
from ninja import Schema, Status

from linli.identity import facade as identity
from linli.kernel import clock, paging
from linli.kernel.errors import Invalid
from linli.kernel.http import actor_of
from linli.work import roster_rules, roster_selectors, roster_services
from linli.work.models import Shift
from linli.work.patrol_selectors import district_zone
from linli.work.router import router


class OwnerIn(Schema):
    """Whose roster: a team or a centre, one of the two."""

    team_id: UUID | None = None
    centre_id: UUID | None = None


class ShiftIn(OwnerIn):
    """`ends` not after `begins` passes midnight. `weekdays` (1 is Monday; none: that of `day`) over `weeks` weeks."""

    account_id: UUID
    day: date
    begins: time
    ends: time
    trade: str = ""
    lead: bool = False
    weekdays: list[int] = []
    weeks: int = 1


class ShiftPatch(Schema):
    account_id: UUID | None = None
    day: date | None = None
    begins: time | None = None
    ends: time | None = None
    trade: str | None = None
    lead: bool | None = None


class WeekIn(OwnerIn):
    """`day`: any day of the week."""

    day: date


class CopyIn(OwnerIn):
    """`source`, `target`: any day of the week that is copied, and of the one it is copied to."""

    source: date
    target: date


class ShiftOut(Schema):
    """`news`: it changed after it was published, and its person has not read that yet."""

    id: UUID
    account_id: UUID
    display_name: str
    team_id: UUID | None
    centre_id: UUID | None
    area_path: str
    starts_at: datetime
    ends_at: datetime
    trade: str
    lead: bool
    state: str
    changed_at: datetime | None
    news: bool


class Copied(Schema):
    made: list[ShiftOut]
    left_out: list[ShiftOut]


class Published(Schema):
    published: int


class PersonOut(Schema):
    account_id: UUID
    display_name: str


class PresentOut(PersonOut):
    """Of now. `planned_until` is empty for whom no shift was planned, `on_duty_since` for who is not on duty."""

    lead: bool
    trade: str
    planned_from: datetime | None
    planned_until: datetime | None
    on_duty_since: datetime | None


def _out(rows: list[Shift]) -> list[ShiftOut]:
    names, zone = identity.display_name({r.account_id for r in rows}), district_zone()
    return [
        ShiftOut(
            id=r.id, account_id=r.account_id, display_name=names.get(r.account_id, ""), team_id=r.team_id,
            centre_id=r.centre_id, area_path=r.area_path, starts_at=r.starts_at.astimezone(zone),
            ends_at=r.ends_at.astimezone(zone), trade=r.trade, lead=r.lead, state=r.state, changed_at=r.changed_at,
            news=r.changed_at is not None and (r.seen_at is None or r.seen_at < r.changed_at),
        )
        for r in rows
    ]  # fmt: skip


@router.get("/rosters", permission="rosters.view", response=paging.Page[ShiftOut])
def list_shifts(
    request: HttpRequest, cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT, team_id: UUID | None = None,
    centre_id: UUID | None = None, day: date | None = None, now: bool = False,
) -> paging.Page[ShiftOut]:  # fmt: skip
    """Shifts in the order of their beginning. `day`: of the week of that day; `now`: those that run."""
    query = roster_selectors.shifts(actor_of(request))
    if team_id:
        query = query.filter(team_id=team_id)
    if centre_id:
        query = query.filter(centre_id=centre_id)
    if day:
        since, until = week_of(day)
        query = query.filter(starts_at__gte=since, starts_at__lt=until)
    if now:
        query = query.filter(starts_at__lte=clock.now(), ends_at__gt=clock.now())
    rows, more = paging.keyset(query, key=("starts_at", "id"), cursor=cursor, limit=limit)
    return paging.Page(items=_out(rows), next=more)


def week_of(day: date) -> tuple[datetime, datetime]:
    if not 2000 <= day.year <= 2200:
        raise Invalid("day", "must lie between 2000 and 2200")
    return roster_rules.week(day, district_zone())


@router.get("/rosters/mine", permission="duty.self", response=paging.Page[ShiftOut])
def my_shifts(
    request: HttpRequest, cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT
) -> paging.Page[ShiftOut]:
    """My published shifts, the next ones first; withdrawn ones until I have read that they are."""
    query = roster_selectors.mine(actor_of(request))
    rows, more = paging.keyset(query, key=("starts_at", "id"), cursor=cursor, limit=limit)
    return paging.Page(items=_out(rows), next=more)


@router.get("/rosters/people", permission="rosters.manage", response=list[PersonOut])
def people_to_plan(request: HttpRequest, team_id: UUID | None = None, centre_id: UUID | None = None) -> list[PersonOut]:
    """Who is of a team or centre, by name."""
    owner = roster_selectors.owner(actor_of(request), "rosters.manage", team_id, centre_id)
    return [PersonOut(account_id=k, display_name=name) for k, name in roster_selectors.people(owner).items()]


@router.get("/rosters/present", permission="duty.view", response=list[PresentOut])
def who_is_there(request: HttpRequest, team_id: UUID | None = None, centre_id: UUID | None = None) -> list[PresentOut]:
    """Planned for now and really on duty now, of one team or centre. There is no such answer for the past."""
    actor = actor_of(request)
    actor.require("rosters.view")
    rows = roster_selectors.present(actor, roster_selectors.owner(actor, "duty.view", team_id, centre_id))
    names = identity.display_name({r.account_id for r in rows})
    return [
        PresentOut(
            account_id=r.account_id, display_name=names.get(r.account_id, ""), on_duty_since=r.on_duty_since,
            lead=r.planned.lead if r.planned else False, trade=r.planned.trade if r.planned else "",
            planned_from=r.planned.starts_at if r.planned else None,
            planned_until=r.planned.ends_at if r.planned else None,
        )
        for r in rows
    ]  # fmt: skip


@router.post("/rosters", permission="rosters.manage", response={201: list[ShiftOut]})
def plan_shifts(request: HttpRequest, payload: ShiftIn) -> Status[list[ShiftOut]]:
    """Drafts of one person; if one of them overlaps another shift of theirs, none is made."""
    return Status(201, _out(roster_services.plan_shifts(actor=actor_of(request), **payload.dict())))


@router.post("/rosters/copy", permission="rosters.manage", response={201: Copied})
def copy_week(request: HttpRequest, payload: CopyIn) -> Status[Copied]:
    """A week once more as drafts; `left_out`: shifts of the source whose people are not free then."""
    made, left = roster_services.copy_week(actor=actor_of(request), **payload.dict())
    return Status(201, Copied(made=_out(made), left_out=_out(left)))


@router.post("/rosters/publish", permission="rosters.manage", response=Published)
def publish_week(request: HttpRequest, payload: WeekIn) -> Published:
    return Published(published=roster_services.publish_week(actor=actor_of(request), **payload.dict()))


@router.patch("/rosters/{uuid:shift_id}", permission="rosters.manage", response=ShiftOut)
def change_shift(request: HttpRequest, shift_id: UUID, payload: ShiftPatch) -> ShiftOut:
    """What is left out stays. A published shift tells its person, and the one who no longer has it."""
    row = roster_services.change_shift(actor=actor_of(request), shift_id=shift_id, **payload.dict())
    return _out([row])[0]


@router.delete("/rosters/{uuid:shift_id}", permission="rosters.manage", response={204: None})
def withdraw_shift(request: HttpRequest, shift_id: UUID) -> Status[None]:
    roster_services.withdraw_shift(actor=actor_of(request), shift_id=shift_id)
    return Status(204, None)


@router.post("/rosters/{uuid:shift_id}/read", permission="duty.self", response=ShiftOut)
def read_shift(request: HttpRequest, shift_id: UUID) -> ShiftOut:
    """I have read my shift as it stands now."""
    return _out([roster_services.read_shift(actor=actor_of(request), shift_id=shift_id)])[0]
