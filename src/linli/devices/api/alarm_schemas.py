"""What travels in and out about alarms."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Schema

from linli.devices import desk_selectors
from linli.devices.api.schemas import Label
from linli.devices.desk_selectors import name_of
from linli.devices.escalation import Due
from linli.devices.models import Alarm, AlarmNote, Incident
from linli.kernel.actor import Actor


class AlarmDevice(Schema):
    id: UUID
    code: str
    name: Label
    model: str


class NextStep(Schema):
    """Who is told at `at` if nobody does anything: `to` is a role's code or `lead`, `name` says it in words. `until`:
    acknowledged (as soon as somebody has seen it nobody is told) or cleared. `raises`: it becomes graver, too."""

    policy: str
    until: str
    to: str
    name: Label
    at: datetime
    after_min: int
    raises: bool

    @classmethod
    def plain(cls, due: Due | None) -> dict[str, Any] | None:
        if due is None:
            return None
        step = due.step
        return {"policy": due.policy, "until": step.until, "to": step.to, "name": name_of(step.to), "at": due.at,
                "after_min": step.after_min, "raises": step.raises}  # fmt: skip


class AssignmentOut(Schema):
    """`kind`: take, hand_over, give_back or undo. Who had it, and who has it since. `acknowledged`: whoever took it was
    the first who saw it. `can_undo`: it is the last act, and it still holds."""

    id: UUID
    at: datetime
    account_id: UUID | None
    kind: str
    from_assignee_id: UUID | None
    from_team_id: UUID | None
    assignee_id: UUID | None
    team_id: UUID | None
    acknowledged: bool
    text: str
    undone_at: datetime | None
    can_undo: bool


class EscalationOut(Schema):
    """A step that was told: to whom (`people` by name; 0: to all who may act there), when it was due and when it was
    told. `raised_from` and `raised_to`: the severities, or empty."""

    id: UUID
    at: datetime
    due_at: datetime
    policy: str
    until: str
    to: str
    name: Label
    people: int
    raised_from: str
    raised_to: str


def history_out(actor: Actor, row: Alarm | Incident) -> dict[str, Any]:
    """{assignments, escalations, names} of one alarm or incident, oldest first."""
    acts, told = desk_selectors.history(row)
    last = desk_selectors.undoable(row, acts)
    people = (i for a in acts for i in (a.account_id, a.assignee_id, a.from_assignee_id))
    return {
        "names": {str(k): v for k, v in desk_selectors.names_for(actor, people).items()},
        "assignments": [
            {n: getattr(a, n) for n in AssignmentOut.model_fields if n != "can_undo"} | {"can_undo": a == last}
            for a in acts
        ],
        "escalations": [
            {n: getattr(e, n) for n in EscalationOut.model_fields if n != "name"} | {"name": name_of(e.to)}
            for e in told
        ],
    }  # fmt: skip


class AlarmOut(Schema):
    """`taken_at`: since when some person has had it. `next_step`: of escalation; none while nothing comes.
    `assignee_name`: empty for those who do not see teams."""

    id: UUID
    device: AlarmDevice
    rule_id: UUID
    rule_code: str
    rule_version: int
    title: Label
    severity: str
    state: str
    property: str
    value: float | None
    started_at: datetime
    raised_at: datetime
    cleared_at: datetime | None
    cleared_value: float | None
    clear_reason: str
    acknowledged_at: datetime | None
    acknowledged_by: UUID | None
    shelved_until: datetime | None
    area_path: str
    grid_id: UUID | None
    lon: float | None
    lat: float | None
    incident_id: UUID | None
    maintenance_id: UUID | None
    verdict: str
    judged_at: datetime | None
    judged_by: UUID | None
    assignee_id: UUID | None
    assignee_name: str
    team_id: UUID | None
    assigned_at: datetime | None
    taken_at: datetime | None
    next_step: NextStep | None
    created_at: datetime


class NoteOut(Schema):
    id: UUID
    at: datetime
    account_id: UUID | None
    kind: str
    text: str

    @classmethod
    def of(cls, n: AlarmNote) -> NoteOut:
        return cls(id=n.pk, at=n.at, account_id=n.account_id, kind=n.kind, text=n.text)


class AlarmDetail(AlarmOut):
    notes: list[NoteOut]
    assignments: list[AssignmentOut]
    escalations: list[EscalationOut]
    names: dict[str, str]


def alarm_out(a: Alarm) -> dict[str, Any]:
    """An `AlarmOut` as a plain dict."""
    d = a.device
    return {
        "id": a.pk, "rule_id": a.rule_id, "rule_code": a.rule.code, "rule_version": a.rule_version,
        "device": {"id": d.pk, "code": d.code, "name": {"zh": d.name_zh, "en": d.name_en or d.name_zh},
                   "model": d.model_id},
        "title": {"zh": a.title_zh, "en": a.title_en}, "state": "active" if a.cleared_at is None else "cleared",
        "next_step": NextStep.plain(getattr(a, "next_step", None)), "assignee_name": getattr(a, "assignee_name", ""),
        **{n: getattr(a, n) for n in _ALARM_PLAIN},
    }  # fmt: skip


_ALARM_PLAIN = ("severity", "property", "value", "started_at", "raised_at", "cleared_at", "cleared_value",
                "clear_reason", "acknowledged_at", "acknowledged_by", "shelved_until", "area_path", "grid_id", "lon",
                "lat", "incident_id", "maintenance_id", "verdict", "judged_at", "judged_by", "assignee_id", "team_id",
                "assigned_at", "taken_at", "created_at")  # fmt: skip


class ShelveIn(Schema):
    until: datetime
    text: str = ""


class VerdictIn(Schema):
    """`verdict`: true, false or test, with a reason in `text`; empty takes it back."""

    verdict: str
    text: str = ""


class AlarmCounts(Schema):
    """`mine`, `team`, `nobody`: whose what stands on the desk is, an incident as one."""

    active: int
    unacknowledged: int
    shelved: int
    held: int
    mine: int
    team: int
    nobody: int
    severities: dict[str, int]
