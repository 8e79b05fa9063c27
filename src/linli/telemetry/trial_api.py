"""A message tried on a thing model, on telemetry's router."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Schema

from linli.kernel.http import actor_of
from linli.telemetry import trial_selectors
from linli.telemetry.router import Label, router


class TrialIn(Schema):
    """`body`: a draft of `code`; without it the version in force. `speaks`: the version that the device was built for.
    `message`: JSON as a device sends it, with `ts` and `values` or without."""

    code: str
    body: dict[str, Any] | None = None
    speaks: int | None = None
    message: str


class TrialRefused(Schema):
    field: str
    reason: str
    code: str


class TrialReading(Schema):
    """`known`: the model has the property; others are kept too, without name and unit. `flags`: no_time, clamped,
    out_of_range, late, coded, private. `quality`: stuck, jump, spike."""

    property: str
    known: bool
    name: Label | None
    unit: str
    shown_unit: str
    type: str
    value: float
    at: datetime
    flags: list[str]
    quality: list[str]


class TrialAlarm(Schema):
    """`waits_s`: it rises so long after the last reading, if no other comes."""

    rule_id: UUID
    code: str
    title: Label
    severity: str
    value: float | None
    started_at: datetime
    raised_at: datetime
    waits_s: int


class TrialOut(Schema):
    """`refused`: the whole message would be, and then nothing is stored. `attributes`: texts, which are no readings.
    `private`: kept apart, and judged by no rule."""

    refused: TrialRefused | None
    attributes: dict[str, Any]
    readings: list[TrialReading]
    alarms: list[TrialAlarm]
    private: bool


@router.post("/thing-model-trials", permission="devices.view", response=TrialOut)
def try_message(request: HttpRequest, body: TrialIn) -> dict[str, Any]:
    """What would be stored of a message, with which flags, and which alarms would rise. Stores nothing."""
    return trial_selectors.answer(actor_of(request), **body.dict())
