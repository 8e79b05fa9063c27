"""Incidents: storms of alarms with one root, as one row each."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Schema, Status

from linli.devices import desk_selectors
from linli.devices import incident_selectors as selectors
from linli.devices.api.alarm_schemas import AssignmentOut, EscalationOut, NextStep, ShelveIn, history_out
from linli.devices.api.base import reply, router
from linli.devices.api.schemas import Label, TextIn
from linli.devices.models import Incident, IncidentNote
from linli.devices.services import incident_acts as services
from linli.kernel import paging
from linli.kernel.http import actor_of


class IncidentOut(Schema):
    """`root`: gateway, tag or place; `name` is the root's, `title` what its alarms say. `alarms` and `devices`: all
    that ever were part of it; `active`: alarms that stand; `unacknowledged`: of these, not on the shelf either."""

    id: UUID
    root: str
    key: str
    name: Label
    title: Label
    device_id: UUID | None
    severity: str
    state: str
    alarms: int
    devices: int
    active: int
    unacknowledged: int
    began_at: datetime
    last_at: datetime
    ended_at: datetime | None
    shelved_until: datetime | None
    area_path: str
    lon: float | None
    lat: float | None
    assignee_id: UUID | None
    assignee_name: str
    team_id: UUID | None
    assigned_at: datetime | None
    taken_at: datetime | None
    next_step: NextStep | None
    created_at: datetime


_PLAIN = ("root", "key", "device_id", "severity", "alarms", "devices", "began_at", "last_at", "ended_at",
          "shelved_until", "area_path", "lon", "lat", "assignee_id", "team_id", "assigned_at", "taken_at",
          "created_at")  # fmt: skip


def incident_out(row: Incident) -> dict[str, Any]:
    """An `IncidentOut` as a plain dict."""
    return {
        "id": row.pk, "name": {"zh": row.name_zh, "en": row.name_en},
        "title": {"zh": row.title_zh, "en": row.title_en}, "state": "ended" if row.ended_at else "active",
        "active": getattr(row, "active", 0), "unacknowledged": getattr(row, "unacknowledged", 0),
        "next_step": NextStep.plain(getattr(row, "next_step", None)),
        "assignee_name": getattr(row, "assignee_name", ""),
        **{n: getattr(row, n) for n in _PLAIN},
    }  # fmt: skip


class IncidentNoteOut(Schema):
    """`kind`: acknowledge, shelve, undo, comment, take_out, put_back. `can_undo`: it still holds."""

    id: UUID
    at: datetime
    account_id: UUID | None
    kind: str
    text: str
    until: datetime | None
    alarm_id: UUID | None
    alarms: int
    undone_at: datetime | None
    can_undo: bool

    @classmethod
    def of(cls, n: IncidentNote) -> IncidentNoteOut:
        plain = {f: getattr(n, f) for f in cls.model_fields if f not in ("id", "can_undo")}
        return cls(id=n.pk, can_undo=n.kind in ("acknowledge", "shelve") and n.undone_at is None, **plain)


class AreaShare(Schema):
    area_path: str
    devices: int
    active: int


class ModelShare(Schema):
    model: str
    devices: int
    active: int


class Point(Schema):
    device_id: UUID
    lon: float
    lat: float
    active: bool


class IncidentDetail(IncidentOut):
    notes: list[IncidentNoteOut]
    areas: list[AreaShare]
    models: list[ModelShare]
    points: list[Point]
    assignments: list[AssignmentOut]
    escalations: list[EscalationOut]
    names: dict[str, str]


def incident_detail(request: HttpRequest, incident_id: UUID) -> dict[str, Any]:
    """An `IncidentDetail` as a plain dict."""
    row = selectors.incident(actor_of(request), incident_id)
    told = [IncidentNoteOut.of(n).dict() for n in selectors.notes(row.pk)]
    desk_selectors.mark(actor_of(request), [row])
    return incident_out(row) | {"notes": told} | selectors.spread(row.pk) | history_out(actor_of(request), row)


@router.get("/incidents", permission="alarms.view", response=paging.Page[IncidentOut])
def list_incidents(
    request: HttpRequest, state: str = "active", root: str = "", severity: str = "", area: str = "",
    shelved: bool | None = False, assigned: str = "", cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT,
) -> HttpResponse:  # fmt: skip
    """Newest first. `state`: active, ended or all; shelved ones come only on request. Their alarms are in `/alarms`.
    `assigned`: mine, team (one of mine has it as a whole) or nobody."""
    actor = actor_of(request)
    rows, after = selectors.incidents(
        actor, state=state, root=root, severity=severity, area=area, shelved=shelved,
        whose=desk_selectors.whose(actor, assigned), cursor=cursor, limit=limit,
    )  # fmt: skip
    desk_selectors.mark(actor, rows)
    return reply({"items": [incident_out(r) for r in rows], "next": after})


@router.get("/incidents/{uuid:incident_id}", permission="alarms.view", response=IncidentDetail)
def get_incident(request: HttpRequest, incident_id: UUID) -> dict[str, Any]:
    return incident_detail(request, incident_id)


@router.post("/incidents/{uuid:incident_id}/acknowledge", permission="alarms.act", response=IncidentDetail)
def acknowledge_incident(request: HttpRequest, incident_id: UUID, body: TextIn) -> dict[str, Any]:
    """All of its active alarms by one act. Those that join later have been seen by nobody."""
    services.acknowledge_incident(actor=actor_of(request), incident_id=incident_id, text=body.text)
    return incident_detail(request, incident_id)


@router.post("/incidents/{uuid:incident_id}/shelve", permission="alarms.act", response=IncidentDetail)
def shelve_incident(request: HttpRequest, incident_id: UUID, body: ShelveIn) -> dict[str, Any]:
    """All of its active alarms, and what joins meanwhile, out of the list until a moment (at most 30 days)."""
    services.shelve_incident(actor=actor_of(request), incident_id=incident_id, until=body.until, text=body.text)
    return incident_detail(request, incident_id)


@router.post("/incidents/{uuid:incident_id}/notes/{uuid:act_id}/undo", permission="alarms.act",
             response=IncidentDetail)  # fmt: skip
def undo_incident_act(request: HttpRequest, incident_id: UUID, act_id: UUID) -> dict[str, Any]:
    """Take back an acknowledgement or a shelving."""
    services.undo_incident_act(actor=actor_of(request), incident_id=incident_id, note_id=act_id)
    return incident_detail(request, incident_id)


@router.post("/incidents/{uuid:incident_id}/comments", permission="alarms.act", response={201: IncidentNoteOut})
def comment_incident(request: HttpRequest, incident_id: UUID, body: TextIn) -> Status[IncidentNoteOut]:
    made = services.comment_incident(actor=actor_of(request), incident_id=incident_id, text=body.text)
    return Status(201, IncidentNoteOut.of(made))


@router.delete("/incidents/{uuid:incident_id}/alarms/{uuid:alarm_id}", permission="alarms.act",
               response=IncidentDetail)  # fmt: skip
def take_out(request: HttpRequest, incident_id: UUID, alarm_id: UUID) -> dict[str, Any]:
    """The alarm stands by itself again; no storm takes it back."""
    services.take_out(actor=actor_of(request), incident_id=incident_id, alarm_id=alarm_id)
    return incident_detail(request, incident_id)


@router.put("/incidents/{uuid:incident_id}/alarms/{uuid:alarm_id}", permission="alarms.act",
            response=IncidentDetail)  # fmt: skip
def put_back(request: HttpRequest, incident_id: UUID, alarm_id: UUID) -> dict[str, Any]:
    """The alarm becomes part of the incident."""
    services.put_back(actor=actor_of(request), incident_id=incident_id, alarm_id=alarm_id)
    return incident_detail(request, incident_id)
