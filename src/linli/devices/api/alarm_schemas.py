"""What travels in and out about alarms."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Schema

from linli.devices.api.schemas import Label
from linli.devices.models import Alarm, AlarmNote


class AlarmDevice(Schema):
    id: UUID
    code: str
    name: Label
    model: str


class AlarmOut(Schema):
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


def alarm_out(a: Alarm) -> dict[str, Any]:
    """An `AlarmOut` as a plain dict."""
    d = a.device
    return {
        "id": a.pk, "rule_id": a.rule_id, "rule_code": a.rule.code, "rule_version": a.rule_version,
        "device": {"id": d.pk, "code": d.code, "name": {"zh": d.name_zh, "en": d.name_en or d.name_zh},
                   "model": d.model_id},
        "title": {"zh": a.title_zh, "en": a.title_en}, "state": "active" if a.cleared_at is None else "cleared",
        **{n: getattr(a, n) for n in _ALARM_PLAIN},
    }  # fmt: skip


_ALARM_PLAIN = ("severity", "property", "value", "started_at", "raised_at", "cleared_at", "cleared_value",
                "clear_reason", "acknowledged_at", "acknowledged_by", "shelved_until", "area_path", "grid_id", "lon",
                "lat", "incident_id", "maintenance_id", "verdict", "judged_at", "judged_by", "created_at")  # fmt: skip


class ShelveIn(Schema):
    until: datetime
    text: str = ""


class VerdictIn(Schema):
    """`verdict`: true, false or test, with a reason in `text`; empty takes it back."""

    verdict: str
    text: str = ""


class AlarmCounts(Schema):
    active: int
    unacknowledged: int
    shelved: int
    held: int
    severities: dict[str, int]
