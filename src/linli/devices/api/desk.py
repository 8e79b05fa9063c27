"""The desk: who has an alarm, or an incident as a whole; one at a time or many at once."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Schema

from linli.devices import desk_selectors, selectors
from linli.devices.api.alarm_schemas import AlarmDetail
from linli.devices.api.alarms import alarm_detail
from linli.devices.api.base import router
from linli.devices.api.incidents import IncidentDetail, incident_detail
from linli.devices.api.schemas import Label, TextIn
from linli.devices.services import assigning
from linli.devices.services.assigning import Which, Wish
from linli.kernel.errors import Invalid
from linli.kernel.http import actor_of


class AssignIn(Schema):
    """To one person or one team. `seen_at`: the `assigned_at` that the one who asks saw; when it has changed hands
    since, nothing is done and the answer is 409 `stale`."""

    assignee_id: UUID | None = None
    team_id: UUID | None = None
    seen_at: datetime | None = None
    text: str = ""


class AssignManyIn(AssignIn):
    """`take`: to oneself; `give_back`: to nobody; else to the person or team named."""

    alarm_ids: list[UUID] = []
    incident_ids: list[UUID] = []
    take: bool = False
    give_back: bool = False


class AssignedOut(Schema):
    """`act_id`: for its undo; none where it was so already. `wrong`: empty, or why not (`taken`, `cleared`, …)."""

    id: UUID
    incident: bool
    act_id: UUID | None
    wrong: str


class AssignedMany(Schema):
    items: list[AssignedOut]


class PersonOut(Schema):
    id: UUID
    name: str


class TeamOut(Schema):
    id: UUID
    name: Label


class AssigneesOut(Schema):
    """Teams of the department, or those that serve the place; people of these teams first, then those of the desk."""

    teams: list[TeamOut]
    people: list[PersonOut]


@router.get("/alarm-assignees", permission="alarms.act", response=AssigneesOut)
def alarm_assignees(request: HttpRequest, alarm_id: UUID | None = None, incident_id: UUID | None = None
                    ) -> dict[str, Any]:  # fmt: skip
    """Who may have an alarm, or an incident: one of both must be named."""
    if (alarm_id is None) == (incident_id is None):
        raise Invalid("alarm_id", "or incident_id must be given")
    row = desk_selectors.alarm_or_incident(actor_of(request), alarm_id, incident_id)
    teams = desk_selectors.teams_for(row)
    people = desk_selectors.people_for(row, teams)
    return {
        "teams": [{"id": t.id, "name": {"zh": t.name_zh, "en": t.name_en or t.name_zh}} for t in teams],
        "people": [{"id": who, "name": name} for who, name in people.items()],
    }


@router.post("/alarm-assignments", permission="alarms.act", response=AssignedMany)
def assign_many(request: HttpRequest, body: AssignManyIn) -> dict[str, Any]:
    """Up to 200 alarms and incidents, each for itself: what cannot be done says why, the others are done."""
    wish = Wish(body.take, body.assignee_id, body.team_id, body.give_back, body.seen_at)
    rows = assigning.assign_many(actor=actor_of(request), alarm_ids=body.alarm_ids, incident_ids=body.incident_ids,
                                 wish=wish, text=body.text)  # fmt: skip
    return {"items": rows}


def _alarm(request: HttpRequest, alarm_id: UUID, wish: Wish, text: str) -> dict[str, Any]:
    actor = actor_of(request)
    assigning.assign(actor=actor, which=Which(alarm_id=alarm_id), wish=wish, text=text)
    return alarm_detail(request, selectors.alarm(actor, alarm_id))


def _incident(request: HttpRequest, incident_id: UUID, wish: Wish, text: str) -> dict[str, Any]:
    assigning.assign(actor=actor_of(request), which=Which(incident_id=incident_id), wish=wish, text=text)
    return incident_detail(request, incident_id)


@router.post("/alarms/{uuid:alarm_id}/take", permission="alarms.act", response=AlarmDetail)
def take_alarm(request: HttpRequest, alarm_id: UUID, body: TextIn) -> dict[str, Any]:
    """It is mine now, and seen. Of two who take it at once one has it; the other is told `taken` (409)."""
    return _alarm(request, alarm_id, Wish(take=True), body.text)


@router.post("/alarms/{uuid:alarm_id}/assign", permission="alarms.act", response=AlarmDetail)
def assign_alarm(request: HttpRequest, alarm_id: UUID, body: AssignIn) -> dict[str, Any]:
    """Hand it to a person or a team, who are told at once."""
    return _alarm(request, alarm_id, Wish(False, body.assignee_id, body.team_id, False, body.seen_at), body.text)


@router.post("/alarms/{uuid:alarm_id}/give-back", permission="alarms.act", response=AlarmDetail)
def give_back_alarm(request: HttpRequest, alarm_id: UUID, body: TextIn) -> dict[str, Any]:
    """It is nobody's again."""
    return _alarm(request, alarm_id, Wish(give_back=True), body.text)


@router.post("/alarms/{uuid:alarm_id}/assignments/{uuid:assignment_id}/undo", permission="alarms.act",
             response=AlarmDetail)  # fmt: skip
def undo_alarm_assignment(request: HttpRequest, alarm_id: UUID, assignment_id: UUID) -> dict[str, Any]:
    """Take back the last act: who had it before has it again."""
    actor = actor_of(request)
    assigning.undo(actor=actor, which=Which(alarm_id=alarm_id), act_id=assignment_id)
    return alarm_detail(request, selectors.alarm(actor, alarm_id))


@router.post("/incidents/{uuid:incident_id}/take", permission="alarms.act", response=IncidentDetail)
def take_incident(request: HttpRequest, incident_id: UUID, body: TextIn) -> dict[str, Any]:
    """The incident as a whole is mine now, and its alarms are seen."""
    return _incident(request, incident_id, Wish(take=True), body.text)


@router.post("/incidents/{uuid:incident_id}/assign", permission="alarms.act", response=IncidentDetail)
def assign_incident(request: HttpRequest, incident_id: UUID, body: AssignIn) -> dict[str, Any]:
    """Hand the incident as a whole to a person or a team, who are told at once."""
    return _incident(request, incident_id, Wish(False, body.assignee_id, body.team_id, False, body.seen_at), body.text)


@router.post("/incidents/{uuid:incident_id}/give-back", permission="alarms.act", response=IncidentDetail)
def give_back_incident(request: HttpRequest, incident_id: UUID, body: TextIn) -> dict[str, Any]:
    """The incident as a whole is nobody's again."""
    return _incident(request, incident_id, Wish(give_back=True), body.text)


@router.post("/incidents/{uuid:incident_id}/assignments/{uuid:assignment_id}/undo", permission="alarms.act",
             response=IncidentDetail)  # fmt: skip
def undo_incident_assignment(request: HttpRequest, incident_id: UUID, assignment_id: UUID) -> dict[str, Any]:
    """Take back the last act: who had it before has it again."""
    assigning.undo(actor=actor_of(request), which=Which(incident_id=incident_id), act_id=assignment_id)
    return incident_detail(request, incident_id)
