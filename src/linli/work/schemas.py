"""Shapes of work's requests and answers."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Schema
from pydantic import AwareDatetime

from linli.work.models import Duty, Task, TaskPhoto, TaskStep


class PhotoOut(Schema):
    id: UUID
    stage: str
    file_id: UUID
    thumb_id: UUID
    width: int
    height: int
    at: datetime

    @staticmethod
    def of(row: TaskPhoto) -> PhotoOut:
        return PhotoOut(
            id=row.id, stage=row.stage, file_id=row.file_id, thumb_id=row.thumb_id, width=row.width, height=row.height,
            at=row.at,
        )  # fmt: skip


class Check(Schema):
    text: str
    done: bool


class TaskOut(Schema):
    id: UUID
    kind: str
    state: str
    title: str
    note: str
    urgent: bool
    needs_photo: bool
    checklist: list[Check]
    case_id: UUID | None
    team_id: UUID | None
    assignee_id: UUID | None
    area_path: str
    lon: float | None
    lat: float | None
    address: str
    due_at: datetime | None
    illustrative: bool
    created_at: datetime
    accepted_at: datetime | None
    arrived_at: datetime | None
    ended_at: datetime | None
    changed_at: datetime
    result: str
    photos: list[PhotoOut]

    @staticmethod
    def fields(row: Task, photos: list[TaskPhoto]) -> dict[str, Any]:
        names = [n for n in TaskOut.model_fields if n != "photos"]
        return {n: getattr(row, n) for n in names} | {"photos": [PhotoOut.of(p) for p in photos]}


class StepOut(Schema):
    id: UUID
    action: str
    at: datetime
    received_at: datetime
    applied: bool
    actor: str
    note: str

    @staticmethod
    def of(row: TaskStep, names: dict[UUID, str]) -> StepOut:
        return StepOut(
            id=row.id, action=row.action, at=row.at, received_at=row.received_at, applied=row.applied, note=row.note,
            actor=names.get(row.actor_id, "") if row.actor_id else "",
        )  # fmt: skip


class TaskFull(TaskOut):
    team_name: dict[str, str] | None
    steps: list[StepOut]


class PlaceIn(Schema):
    lon: float
    lat: float
    address: str = ""


class TaskIn(Schema):
    """The area is that of the place; without a place `area_path`; without both the caller's own."""

    title: str
    kind: str = "other"
    note: str = ""
    urgent: bool = False
    needs_photo: bool = False
    checklist: list[str] = []
    team_id: UUID | None = None
    assignee_id: UUID | None = None
    area_path: str | None = None
    place: PlaceIn | None = None
    due_at: AwareDatetime | None = None


class TaskPatch(Schema):
    team_id: UUID | None = None
    assignee_id: UUID | None = None
    due_at: AwareDatetime | None = None
    urgent: bool | None = None


class StepIn(Schema):
    """`client_at`: when the person acted, by their phone; the request may come much later."""

    action: str
    client_at: AwareDatetime | None = None
    note: str = ""
    checklist: list[bool] | None = None


class CancelIn(Schema):
    reason: str = ""


class SignOn(Schema):
    area_path: str | None = None
    team_id: UUID | None = None
    client_at: AwareDatetime | None = None


class SignOff(Schema):
    client_at: AwareDatetime | None = None


class PointIn(Schema):
    at: AwareDatetime
    lon: float
    lat: float
    accuracy_m: float | None = None


class PointsIn(Schema):
    positions: list[PointIn]


class Kept(Schema):
    kept: int


class DutyOut(Schema):
    id: UUID
    account_id: UUID
    display_name: str
    team_id: UUID | None
    area_path: str
    started_at: datetime
    ended_at: datetime | None

    @staticmethod
    def of(row: Duty, names: dict[UUID, str]) -> DutyOut:
        return DutyOut(
            id=row.id, account_id=row.account_id, display_name=names.get(row.account_id, ""), team_id=row.team_id,
            area_path=row.area_path, started_at=row.started_at, ended_at=row.ended_at,
        )  # fmt: skip


class PositionOut(Schema):
    """Where somebody on duty was last."""

    duty_id: UUID
    account_id: UUID
    display_name: str
    team_id: UUID | None
    area_path: str
    lon: float
    lat: float
    accuracy_m: float | None
    at: datetime


class OwnPosition(Schema):
    duty_id: UUID
    at: datetime
    lon: float
    lat: float
    accuracy_m: float | None
