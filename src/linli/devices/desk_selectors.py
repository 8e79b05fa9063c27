"""Reads of the desk: who has what, which step of escalation comes next, what was done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection
from django.db.models import Count, Q, QuerySet

from linli.devices import escalation, incident_selectors, selectors
from linli.devices.models import Alarm, Assignment, Escalation, Incident, IncidentNote
from linli.identity import facade as identity
from linli.kernel import clock, steady
from linli.kernel.actor import Actor
from linli.kernel.errors import Invalid
from linli.kernel.scope import area_q, within
from linli.orgs import facade as orgs
from linli.orgs.contracts import TeamInfo

Row = TypeVar("Row", Alarm, Incident)


def district_now() -> datetime:
    """PostgreSQL's time, which all machines of a district ask: that of this machine may have been set."""
    with connection.cursor() as cursor:
        cursor.execute(steady.SQL)
        return datetime.fromtimestamp(cursor.fetchone()[0] / 1000, clock.now().tzinfo)


# --- which step comes next ------------------------------------------------------------------------------------------


def of_rows(rows: Iterable[Alarm | Incident]) -> dict[UUID, list[Escalation]]:
    """What was told of each, oldest first."""
    listed = list(rows)
    alarms, storms = ([r.pk for r in listed if isinstance(r, kind)] for kind in (Alarm, Incident))
    found: dict[UUID, list[Escalation]] = {}
    wanted = Q(alarm__in=alarms) if not storms else Q(incident__in=storms) if not alarms else (
        Q(alarm__in=alarms) | Q(incident__in=storms))  # fmt: skip
    for row in Escalation.objects.filter(wanted).order_by("at", "id") if listed else ():
        found.setdefault(row.alarm_id or row.incident_id, []).append(row)
    return found


def waits(row: Alarm | Incident, now: datetime) -> bool:
    """Whether it is anybody's duty at all: not over, on no shelf, held by no works, part of no incident."""
    if row.shelved_until is not None and row.shelved_until > now:
        return False
    if isinstance(row, Incident):
        return row.ended_at is None
    return row.cleared_at is None and row.maintenance_id is None and row.incident_id is None


def to_come(
    row: Alarm | Incident, told: Sequence[Escalation], seen: bool, among: Sequence[escalation.Policy], now: datetime
) -> list[escalation.Due]:
    """Steps of a row that were not told and that nothing has stopped, in the order of their time."""
    if not waits(row, now):
        return []
    raised = next((t for t in reversed(told) if t.raised_to), None)
    own = raised.raised_from if raised is not None and raised.raised_to == row.severity else row.severity
    since = max(row.waits_from, row.shelved_until) if row.shelved_until else row.waits_from
    rule, model, department = _kind(row)
    facts = escalation.Facts(own, rule, model, department, since, seen)
    return escalation.to_come(among, facts, {t.step for t in told})


def _kind(row: Alarm | Incident) -> tuple[str, str, str]:
    """(rule, model, department); of an incident those of its root, if that is a device."""
    if isinstance(row, Alarm):
        return row.rule.code, row.device.model_id, row.device.owner_department
    return ("", row.device.model_id, row.device.owner_department) if row.device else ("", "", "")


def seen_incidents(rows: Sequence[Incident]) -> set[UUID]:
    """Those that somebody acknowledged or took as a whole, or none of whose alarms waits. What joins later does not
    begin anew."""
    ids = [r.pk for r in rows]
    noted = IncidentNote.objects.filter(incident__in=ids, kind="acknowledge", undone_at=None)
    taken = Assignment.objects.filter(incident__in=ids, acknowledged=True, undone_at=None)
    open_ones = Alarm.objects.filter(incident__in=ids, cleared_at=None, acknowledged_at=None)
    waiting = set(open_ones.values_list("incident_id", flat=True).distinct())
    return (
        set(noted.values_list("incident_id", flat=True))
        | set(taken.values_list("incident_id", flat=True))
        | (set(ids) - waiting)
    )


def mark(actor: Actor, rows: Sequence[Alarm] | Sequence[Incident]) -> None:
    """Give each row of a page `next_step` (what comes if nobody does anything, or None) and `assignee_name`."""
    names = names_for(actor, (r.assignee_id for r in rows))
    for row in rows:
        row.assignee_name = names.get(row.assignee_id, "")  # type: ignore[union-attr]
    now, among = clock.now(), escalation.policies()
    listed = [r for r in rows if waits(r, now)]
    told = of_rows(listed)
    storms = [r for r in listed if isinstance(r, Incident)]
    seen = seen_incidents(storms) if storms else set()
    for row in rows:
        row.next_step = None  # type: ignore[union-attr]
    for row in listed:
        known = row.pk in seen if isinstance(row, Incident) else row.acknowledged_at is not None
        found = to_come(row, told.get(row.pk, []), known, among, now)
        row.next_step = found[0] if found else None  # type: ignore[union-attr]


def names_for(actor: Actor, account_ids: Iterable[UUID | None]) -> dict[UUID | None, str]:
    """Names of staff, for those who see teams: programs get none."""
    wanted = {i for i in account_ids if i is not None}
    return {**identity.display_name(wanted)} if wanted and actor.can("teams.view") else {}


# --- who has what ---------------------------------------------------------------------------------------------------

WHOSE = ("mine", "team", "nobody")


def whose(actor: Actor, which: str, *, within_incidents: bool = False) -> Q | None:
    """A filter for what was asked, or None when nothing was: the actor's, the actor's teams', nobody's.

    `within_incidents`: an alarm is also whose its incident is, while that goes on. These are asked for first: they are
    few, and by their ids an index finds their alarms.
    """
    if which and which not in WHOSE:
        raise Invalid("assigned", f"must be one of {', '.join(WHOSE)}")
    if not which:
        return None
    found = _whose_q(actor, which)
    if not within_incidents:
        return found
    held = Incident.objects.filter(~_NOBODY if which == "nobody" else found, ended_at=None)
    ids = list(held.values_list("pk", flat=True))
    return found & ~Q(incident__in=ids, incident__isnull=False) if which == "nobody" else found | Q(incident__in=ids)


_NOBODY = Q(assignee_id=None, team_id=None)


def _whose_q(actor: Actor, which: str) -> Q:
    if which == "nobody":
        return _NOBODY
    if which == "team":
        return Q(team_id__in=list(actor.team_ids))
    return Q(assignee_id=actor.account_id or UUID(int=0))


def counts(actor: Actor, *, area: str = "") -> dict[str, int]:
    """{mine, team, nobody}: what stands on the desk, an incident as one."""
    shown = Q(shelved_until=None) | Q(shelved_until__lte=clock.now())
    where = area_q(actor, "alarms.view") & within(area) & shown
    storms = Incident.objects.filter(where, ended_at=None)
    behind = incident_selectors.hidden_behind(actor).filter(ended_at=None).values("pk")
    alone = Alarm.objects.filter(where, cleared_at=None, maintenance=None)
    alone = alone.filter(Q(incident=None) | ~Q(incident__in=behind))
    found = [_counted(rows, actor) for rows in (storms, alone)]
    return {which: sum(f[which] for f in found) for which in WHOSE}


def _counted(rows: QuerySet[Any], actor: Actor) -> dict[str, int]:
    return dict(rows.aggregate(**{w: Count("pk", filter=_whose_q(actor, w)) for w in WHOSE}))


def history(row: Alarm | Incident) -> tuple[list[Assignment], list[Escalation]]:
    """Who had it when, and who was told; both oldest first."""
    key = {"alarm_id" if isinstance(row, Alarm) else "incident_id": row.pk}
    acts = Assignment.objects.filter(**key).order_by("at", "id")
    return list(acts), list(Escalation.objects.filter(**key).order_by("at", "id"))


def undoable(row: Alarm | Incident, acts: Sequence[Assignment]) -> Assignment | None:
    """The last act, while what it did still holds and the matter is not over."""
    last = acts[-1] if acts else None
    over = row.cleared_at if isinstance(row, Alarm) else row.ended_at
    if last is None or last.kind == "undo" or last.undone_at is not None or over is not None:
        return None
    return last if (row.assignee_id, row.team_id) == (last.assignee_id, last.team_id) else None


# --- who may have it ------------------------------------------------------------------------------------------------


def teams_for(row: Alarm | Incident) -> list[TeamInfo]:
    """The teams that may have it: those of the department, or, where nobody said which these are, those that serve the
    place."""
    return owning_teams(row) or orgs.teams_in(row.area_path)


def owning_teams(row: Alarm | Incident) -> list[TeamInfo]:
    """The teams of the department whose device it is; of an incident: of all its devices."""
    devices = Alarm.objects.filter(incident=row) if isinstance(row, Incident) else Alarm.objects.filter(pk=row.pk)
    owners = set(devices.values_list("device__owner_team_id", "device__owner_department"))
    known, found = escalation.department_teams(), dict[UUID, TeamInfo]()
    for team_id, department in owners:
        for team in _owning(team_id, known.get(department, ())):
            found[team.id] = team
    return list(found.values())


def _owning(team_id: UUID | None, codes: Iterable[str]) -> list[TeamInfo]:
    own = orgs.team(team_id) if team_id else None
    named = [own] if own else [orgs.team_by_code(code) for code in codes]
    return [team for team in named if team is not None and team.active]


def may_have(row: Alarm | Incident, account_id: UUID | None) -> bool:
    """Whether `people_for` names this person."""
    who = _who_sees(row, account_id) if account_id else None
    if who is None:
        return False
    return who.can("alarms.act", row.area_path) or bool({t.id for t in teams_for(row)} & set(who.team_ids))


def people_for(row: Alarm | Incident, teams: Iterable[TeamInfo]) -> dict[UUID, str]:
    """Who may have it: those who act on alarms there, and the teams' members who see alarms there. By their name."""
    desk = [a.id for a in identity.accounts_with("alarms.act", row.area_path)]
    sees = {a.id for a in identity.accounts_with("alarms.view", row.area_path)}
    crew = [m.account_id for t in teams for m in orgs.members(t.id) if m.account_id in sees]
    names: Mapping[UUID, str] = identity.display_name({*desk, *crew})
    return {who: names[who] for who in dict.fromkeys([*crew, *desk]) if who in names}


def alarm_or_incident(actor: Actor, alarm_id: UUID | None, incident_id: UUID | None) -> Alarm | Incident:
    """The one asked for, if the actor sees it."""
    if alarm_id is not None:
        return selectors.alarm(actor, alarm_id)
    assert incident_id is not None
    return incident_selectors.incident(actor, incident_id)


def leads_of(row: Alarm | Incident) -> list[UUID]:
    """The leads of the team that has it, else of its department's teams; all members of teams without leads."""
    teams = [row.team_id] if row.team_id else [t.id for t in owning_teams(row)]
    return told_of(row, teams)


def told_of(row: Alarm | Incident, teams: Iterable[UUID]) -> list[UUID]:
    """Whom teams are reached by: their leads, or all of a team without one; only who may open the page of `row`."""
    found: dict[UUID, None] = {}
    for team in teams:
        members = [m for m in orgs.members(team) if _who_sees(row, m.account_id)]
        found |= dict.fromkeys([m.account_id for m in members if m.lead] or [m.account_id for m in members])
    return list(found)


def _who_sees(row: Alarm | Incident, account_id: UUID) -> Actor | None:
    """This person, if its page opens for them."""
    who = identity.actor_for(account_id)
    return who if who is not None and who.can("alarms.view", row.area_path) else None


def whom(row: Alarm | Incident, to: str) -> list[UUID]:
    """The accounts that a step tells."""
    if to == escalation.LEAD:
        return leads_of(row)
    return [a.id for a in identity.accounts_as(to, row.area_path)]


def name_of(to: str) -> dict[str, str]:
    """Who a step tells, in words."""
    return {"zh": "班组负责人", "en": "Team lead"} if to == escalation.LEAD else identity.role_name(to)
