"""What goes in and out of the addresses of cases."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

import orjson
from django.http import HttpResponse
from ninja import Field, Schema


class Name(Schema):
    zh: str
    en: str


class CaseRow(Schema):
    """A case as lists show it. `overdue` and `illustrative` speak of the limit that runs."""

    id: UUID
    number: str
    kind: str
    class_code: str
    class_: Name | None = Field(None, alias="class")
    text: str
    address: str
    area_path: str
    lon: float | None
    lat: float | None
    unit_id: UUID | None
    state: str
    state_name: Name
    step: int
    urgent: bool
    supervised: bool
    private: bool
    channel: str
    source: str
    team_id: UUID | None
    team: Name | None
    claimed_by: UUID | None
    claimed_by_name: str | None
    claimed_until: datetime | None
    due_at: datetime | None
    handle_due_at: datetime | None
    overdue: bool
    illustrative: bool
    created_at: datetime
    closed_at: datetime | None
    version: int
    signal_count: int
    me_too: int
    rework_count: int
    flags: list[str]
    finished_at: datetime | None


class CasePage(Schema):
    items: list[CaseRow]
    next: str | None = None


class ClockView(Schema):
    stage: str
    zh: str
    en: str
    limit: float
    unit: str
    limit_s: int
    used_s: int
    left_s: int
    due_at: datetime | None
    running: bool
    paused: bool
    stopped: bool
    overdue: bool
    illustrative: bool
    provisional: bool
    extended_s: int
    segments: list[list[Any]]
    pauses: list[dict[str, Any]] = []  # from, to, state, why, recheck


class ActionView(Schema):
    act: str
    zh: str
    en: str
    to: str
    need: list[str]
    may: list[str]


class CaseDetail(CaseRow):
    """A case with all that is needed to decide."""

    condition: dict[str, Any] | None
    clocks: list[ClockView]
    actions: list[ActionView]
    suggestions: list[dict[str, Any]]
    photos: list[dict[str, Any]]
    signals: list[dict[str, Any]]
    area_names: dict[str, list[str]]
    people: dict[str, str]
    undo_until: datetime | None
    has_contact: bool
    comments: int
    parent_id: UUID | None
    parent_number: str | None
    split_from: UUID | None
    side: dict[str, Any]
    recheck_at: datetime | None
    centre_id: UUID | None
    centre: Name | None
    satisfaction: str | None
    grid_id: UUID | None
    task_id: UUID | None
    handler_ids: list[UUID]
    verifier_id: UUID | None
    device_id: UUID | None
    alarm_id: UUID | None
    reopen_count: int
    return_count: int
    score: int | None
    filed_at: datetime | None
    dispatched_at: datetime | None
    updated_at: datetime


class ContactIn(Schema):
    phone: str = Field("", max_length=32)
    name: str = Field("", max_length=60)
    consent: bool = False


class CaseIn(Schema):
    id: UUID | None = None  # made by the client, so that a report sent again is known however late
    kind: Literal["problem", "need", "opinion", "patrol"] = "problem"
    class_code: str = Field("", max_length=12)
    text: str = Field("", max_length=2000)
    lon: float | None = None
    lat: float | None = None
    unit_id: UUID | None = None
    unit_code: str = Field("", max_length=40)  # the digits or the QR code at a unit, instead of its id
    address: str = Field("", max_length=240)
    private: bool | None = None
    urgent: bool = False
    channel: Literal["hotline", "patrol", "staff"] | None = None
    contact: ContactIn | None = None


class CaseMade(Schema):
    id: UUID
    number: str
    secret: str = ""
    due_at: datetime | None
    limit: Name
    illustrative: bool


class ActIn(Schema):
    """What an act brings; which of it is needed says the case's `actions`. `version`: the case as it was seen."""

    version: int | None = None
    note: str | None = Field(None, max_length=2000)
    reason: str | None = Field(None, max_length=2000)
    class_: str | None = Field(None, alias="class", max_length=12)
    condition: int | None = None
    team: UUID | None = None
    member: UUID | None = None  # of the team, whom its task is meant for
    into: UUID | None = None
    hours: float | None = None
    score: int | None = None
    text: str | None = Field(None, max_length=2000)  # of the part, for a split
    recheck: date | None = None
    until: date | None = None
    centre: UUID | None = None
    to: str | None = Field(None, max_length=80)
    satisfaction: Literal["satisfied", "partly", "dissatisfied", "unreached"] | None = None
    urgent: bool | None = None
    private: bool | None = None


class DoneOut(Schema):
    id: UUID
    number: str
    state: str
    version: int
    case: CaseDetail | None = None


class Pins(Schema):
    at: datetime
    columns: list[str]
    rows: list[list[Any]]
    more: bool


class Clusters(Schema):
    at: datetime
    columns: list[str]
    rows: list[list[Any]]
    total: int
    more: bool


class Counts(Schema):
    at: datetime
    open: int
    urgent: int
    overdue: int
    pressing: int
    soon: int
    supervised: int
    next_due_at: datetime | None
    by_state: dict[str, int]
    by_step: list[int]
    created_today: int
    closed_today: int
    closed_on_time_today: int


class Share(Schema):
    closed: int
    on_time: int


class OnTime(Schema):
    at: datetime
    today: Share
    before: Share


class TextIn(Schema):
    text: str = Field(max_length=2000)


class ContactAsk(Schema):
    purpose: Literal["call_back"] = "call_back"
    reason: str = Field(min_length=1, max_length=500)


class PhoneAsk(Schema):
    phone: str = Field(min_length=5, max_length=32)
    reason: str = Field(min_length=1, max_length=500)


class ReleaseIn(Schema):
    release: bool


class BoxIn(Schema):
    """Parts of the picture's sides, from 0 to 1."""

    x: float
    y: float
    w: float
    h: float


class RedactIn(Schema):
    boxes: list[BoxIn]


def answer(data: Any, status: int = 200) -> HttpResponse:
    """Straight to bytes: lists and pins are built as plain values that need no second look."""
    return HttpResponse(orjson.dumps(data), status=status, content_type="application/json")
