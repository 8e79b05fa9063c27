"""Alarms: who sees them, and what people do with them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Status

from linli.devices import desk_selectors, selectors
from linli.devices.api.alarm_schemas import (
    AlarmCounts,
    AlarmDetail,
    AlarmOut,
    NoteOut,
    ShelveIn,
    VerdictIn,
    alarm_out,
    history_out,
)
from linli.devices.api.base import reply, router
from linli.devices.api.schemas import TextIn
from linli.devices.models import Alarm
from linli.devices.services import alarms as services
from linli.kernel import paging
from linli.kernel.http import actor_of


@router.get("/alarms", permission="alarms.view", response=paging.Page[AlarmOut])
def list_alarms(
    request: HttpRequest, state: str = "", active: bool | None = None, acknowledged: bool | None = None,
    severity: str = "",
    device_id: UUID | None = None, model: str = "", area: str = "", shelved: bool | None = False,
    since: datetime | None = None, until: datetime | None = None, incident_id: UUID | None = None,
    grouped: bool = False, held: bool | None = None, assigned: str = "", cursor: str | None = None,
    limit: int = paging.DEFAULT_LIMIT,
) -> HttpResponse:  # fmt: skip
    """Newest first. `state` active (unless said), cleared or all; or `active` true or false.

    `severity`: several by comma. Shelved ones, and those that planned works hold, come only on request (`shelved`,
    `held`), or with those of one device (held) or incident (both). `incident_id`: those of an incident; `grouped`:
    without those that a row of `/incidents` stands for. `assigned`: mine, team (one of mine has it) or nobody.
    """
    actor = actor_of(request)
    state = state or ("cleared" if active is False else "active")
    rows, after = selectors.alarms(
        actor, state=state, acknowledged=acknowledged, severity=severity, device_id=device_id,
        model=model, area=area, shelved=shelved, since=since, until=until,
        incident_id=incident_id, grouped=grouped, held=held,
        whose=desk_selectors.whose(actor, assigned, within_incidents=True), cursor=cursor, limit=limit,
    )  # fmt: skip
    desk_selectors.mark(actor, rows)
    return reply({"items": [alarm_out(r) for r in rows], "next": after})


@router.get("/alarms/counts", permission="alarms.view", response=AlarmCounts)
def alarm_counts(request: HttpRequest, area: str = "") -> AlarmCounts:
    """What stands, by severity and by whose it is; without what lies on the shelf."""
    actor = actor_of(request)
    return AlarmCounts(**selectors.alarm_counts(actor, area=area), **desk_selectors.counts(actor, area=area))


@router.get("/alarms/{uuid:alarm_id}", permission="alarms.view", response=AlarmDetail)
def get_alarm(request: HttpRequest, alarm_id: UUID) -> dict[str, Any]:
    """One alarm, with what was done with it, who had it, and who was told that nobody did."""
    return alarm_detail(request, selectors.alarm(actor_of(request), alarm_id))


def alarm_detail(request: HttpRequest, alarm: Alarm) -> dict[str, Any]:
    """An `AlarmDetail` as a plain dict."""
    notes = [NoteOut.of(n).dict() for n in selectors.alarm_notes(alarm.pk)]
    desk_selectors.mark(actor_of(request), [alarm])
    return alarm_out(alarm) | {"notes": notes} | history_out(actor_of(request), alarm)


@router.post("/alarms/{uuid:alarm_id}/acknowledge", permission="alarms.act", response=AlarmDetail)
def acknowledge_alarm(request: HttpRequest, alarm_id: UUID, body: TextIn) -> dict[str, Any]:
    return alarm_detail(request, services.acknowledge_alarm(actor=actor_of(request), alarm_id=alarm_id, text=body.text))


@router.post("/alarms/{uuid:alarm_id}/shelve", permission="alarms.act", response=AlarmDetail)
def shelve_alarm(request: HttpRequest, alarm_id: UUID, body: ShelveIn) -> dict[str, Any]:
    """Out of the list until a moment (at most 30 days); a moment in the past brings it back."""
    found = services.shelve_alarm(actor=actor_of(request), alarm_id=alarm_id, until=body.until, text=body.text)
    return alarm_detail(request, found)


@router.post("/alarms/{uuid:alarm_id}/clear", permission="alarms.act", response=AlarmDetail)
def clear_alarm(request: HttpRequest, alarm_id: UUID, body: TextIn) -> dict[str, Any]:
    """End it by hand; `text` says why. The same occurrence does not come back."""
    return alarm_detail(request, services.clear_alarm(actor=actor_of(request), alarm_id=alarm_id, text=body.text))


@router.post("/alarms/{uuid:alarm_id}/verdict", permission="alarms.act", response=AlarmDetail)
def judge_alarm(request: HttpRequest, alarm_id: UUID, body: VerdictIn) -> dict[str, Any]:
    """Judge whether it was one; the figures of rules tell the share of false ones."""
    found = services.judge_alarm(actor=actor_of(request), alarm_id=alarm_id, verdict=body.verdict, text=body.text)
    return alarm_detail(request, found)


@router.post("/alarms/{uuid:alarm_id}/comments", permission="alarms.act", response={201: NoteOut})
def comment_alarm(request: HttpRequest, alarm_id: UUID, body: TextIn) -> Status[NoteOut]:
    return Status(201, NoteOut.of(services.comment_alarm(actor=actor_of(request), alarm_id=alarm_id, text=body.text)))
