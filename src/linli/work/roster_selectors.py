"""Reads of rosters: the plan of a team or centre, one's own shifts, and who is there. No sums over a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db.models import F, Q, QuerySet

from linli.identity import facade as identity
from linli.kernel import clock
from linli.kernel.actor import Actor
from linli.kernel.errors import Invalid, NotFound
from linli.kernel.scope import area_q
from linli.orgs import facade as orgs
from linli.work import roster_rules
from linli.work.models import Duty, Shift
from linli.work.patrol_selectors import district_zone

MINE_DAYS = 1  # how long a shift of the past still stands in one's own list
MOST_PRESENT = 500


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose roster it is: a team or a centre."""

    area_path: str
    team_id: UUID | None = None
    centre_id: UUID | None = None

    @property
    def q(self) -> Q:
        return Q(team_id=self.team_id, centre_id=self.centre_id)

    def people(self) -> set[UUID]:
        if self.centre_id:
            return orgs.people_of_centre(self.centre_id)
        return {one.account_id for one in orgs.members(self.team_id)} if self.team_id else set()


@dataclass(frozen=True, slots=True)
class Present:
    """Somebody planned for now, or on duty now, or both."""

    account_id: UUID
    planned: Shift | None
    on_duty_since: datetime | None


def owner(actor: Actor, permission: str, team_id: UUID | None, centre_id: UUID | None) -> Owner:
    """The team or centre asked for; one outside the actor's areas is answered like an unknown one."""
    if (team_id is None) == (centre_id is None):
        raise Invalid("team_id", "give either a team or a centre")
    field = "team_id" if team_id else "centre_id"
    found = orgs.team(team_id) if team_id else orgs.centre(centre_id) if centre_id else None
    if found is None or not actor.can(permission, found.area_path):
        raise Invalid(field, "is not one whose roster you have")
    return Owner(found.area_path, team_id, centre_id)


def shifts(actor: Actor) -> QuerySet[Shift]:
    """Published ones of one's areas; drafts where one plans."""
    published = area_q(actor, "rosters.view") & Q(state="published")
    return Shift.objects.filter(published | area_q(actor, "rosters.manage") & Q(state="draft"))


def shift_for_update(actor: Actor, shift_id: UUID) -> Shift:
    row = Shift.objects.select_for_update(of=("self",)).filter(id=shift_id).first()
    if row is None or not actor.can("rosters.manage", row.area_path):
        raise NotFound()
    return row


def mine(actor: Actor) -> QuerySet[Shift]:
    """One's own published shifts from yesterday on, and withdrawn ones until one has read it."""
    since = clock.now() - timedelta(days=MINE_DAYS)
    gone = Q(state="withdrawn") & (Q(seen_at=None) | Q(seen_at__lt=F("changed_at")))
    return Shift.objects.filter(Q(state="published") | gone, account_id=actor.account_id, ends_at__gte=since)


def overlapping(account_id: UUID, start: datetime, end: datetime, but: UUID | None = None) -> Shift | None:
    """A standing shift of this person that shares a moment with the spell."""
    rows = Shift.objects.filter(
        account_id=account_id, state__in=roster_rules.STANDING, starts_at__lt=end, ends_at__gt=start
    )
    return rows.exclude(id=but).order_by("starts_at").first()


def of_week(owner: Owner, day: date, states: Sequence[str] = roster_rules.STANDING) -> QuerySet[Shift]:
    since, until = roster_rules.week(day, district_zone())
    return Shift.objects.filter(owner.q, state__in=states, starts_at__gte=since, starts_at__lt=until)


def people(owner: Owner) -> dict[UUID, str]:
    """Who may be planned: {account: name}, by name."""
    names = identity.display_name(owner.people())
    return dict(sorted(names.items(), key=lambda one: one[1]))


def present(actor: Actor, owner: Owner) -> list[Present]:
    """Who is planned for now and who is really on duty. Only of now: no history, no count over a person."""
    now = clock.now()
    rows = Shift.objects.filter(owner.q, state="published", starts_at__lte=now, ends_at__gt=now)
    planned = {row.account_id: row for row in rows.order_by("starts_at", "id")[:MOST_PRESENT]}
    team = Q(team_id=owner.team_id) if owner.team_id else Q(account_id__in=owner.people())
    duties = Duty.objects.filter(Q(account_id__in=list(planned)) | team, area_q(actor, "duty.view"), ended_at=None)
    since = dict(duties.order_by("started_at").values_list("account_id", "started_at")[:MOST_PRESENT])
    order = [*planned, *(who for who in since if who not in planned)]
    return [Present(who, planned.get(who), since.get(who)) for who in order]
