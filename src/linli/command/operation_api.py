"""Routes of joint operations."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Schema, Status
from pydantic import AwareDatetime

from linli.command import operation_selectors, operation_services, operation_views, paper
from linli.command.models import OPERATION_STATES
from linli.command.operation_plan import Plan, PlanItem
from linli.command.router import router
from linli.kernel import paging
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict, Invalid
from linli.kernel.http import actor_of
from linli.kernel.i18n import say
from linli.kernel.scope import area_or_own, within


class ItemIn(Schema):
    """`due_at`: left out, when the operation ends. `checks`: the points of its list."""

    team_id: UUID
    title: str
    due_at: AwareDatetime | None = None
    checks: list[str] = []
    needs_photo: bool = False

    def plan(self) -> PlanItem:
        return PlanItem(self.team_id, self.title, self.due_at, self.checks, self.needs_photo)


class OperationIn(Schema):
    """`area_path`: left out, the caller's own. `case_ids`: cases that the caller sees. Times need a zone."""

    title: str
    area_path: str | None = None
    purpose: str = ""
    begins_at: AwareDatetime
    ends_at: AwareDatetime
    team_ids: list[UUID]
    case_ids: list[UUID] = []
    items: list[ItemIn] = []
    checks: list[str] = []

    def plan(self, actor: Actor) -> Plan:
        area = area_or_own(actor, operation_selectors.MANAGE, self.area_path)
        return Plan(
            title=self.title, area_path=area, begins_at=self.begins_at, ends_at=self.ends_at, purpose=self.purpose,
            team_ids=self.team_ids, case_ids=self.case_ids, checks=self.checks, items=[i.plan() for i in self.items],
        )  # fmt: skip


class OperationChange(OperationIn):
    version: int


class TickIn(Schema):
    """`check`: the point's place in the list, from 0."""

    check: int
    done: bool = True


class NoteIn(Schema):
    text: str


class OperationEnd(Schema):
    """`take_back`: also take back the tasks still under way; else they are a 409."""

    summary: str
    take_back: bool = False


class CancelIn(Schema):
    reason: str


class OperationOut(Schema):
    """`done` of `tasks`: tasks that their teams have done, of all that stand."""

    id: UUID
    title: str
    area_path: str
    state: str
    begins_at: datetime
    ends_at: datetime
    teams: list[dict[str, Any]]
    tasks: int
    done: int


class OperationFull(OperationOut):
    """`teams`: {id, zh, en, centre: {zh, en} or null, open, done, items: [{id, title, due_at, checks, needs_photo,
    task_id, task_state}]}; `checks`: {text, done, at, by_name}; `notes`: {text, at, by_name}; `cases`: {id, number, zh,
    en, state_name}, those one sees. Names are '' for who does not work there.
    """

    version: int
    purpose: str
    checks: list[dict[str, Any]]
    notes: list[dict[str, Any]]
    cases: list[dict[str, Any]]
    started_at: datetime | None
    closed_at: datetime | None
    by_name: str
    started_by_name: str
    closed_by_name: str
    words: str
    may_act: bool


@router.get("/operations", permission="cases.view", response=paging.Page[OperationOut])
def list_operations(
    request: HttpRequest, state: str | None = None, area: str | None = None, cursor: str | None = None,
    limit: int = paging.DEFAULT_LIMIT,
) -> paging.Page[dict[str, Any]]:  # fmt: skip
    """The latest beginning first."""
    query = operation_selectors.operations(actor_of(request))
    if state:
        if state not in OPERATION_STATES:
            raise Invalid("state", f"must be one of {', '.join(OPERATION_STATES)}")
        query = query.filter(state=state)
    if area:
        query = query.filter(within(area))
    rows, more = paging.keyset(query, key=("-begins_at", "-id"), cursor=cursor, limit=limit)
    return paging.Page(items=operation_views.listed(rows), next=more)


@router.post("/operations", permission="cases.dispatch", response={201: OperationFull})
def create_operation(request: HttpRequest, payload: OperationIn) -> Status[dict[str, Any]]:
    actor = actor_of(request)
    row = operation_services.create_operation(actor=actor, plan=payload.plan(actor))
    return Status(201, operation_views.full(actor, row))


@router.get("/operations/{uuid:operation_id}", permission="cases.view", response=OperationFull)
def get_operation(request: HttpRequest, operation_id: UUID) -> dict[str, Any]:
    actor = actor_of(request)
    return operation_views.full(actor, operation_selectors.operation(actor, operation_id))


@router.put("/operations/{uuid:operation_id}", permission="cases.dispatch", response=OperationFull)
def change_operation(request: HttpRequest, operation_id: UUID, payload: OperationChange) -> dict[str, Any]:
    """Another plan in place of the one that has not started; 409 when somebody changed it meanwhile."""
    actor = actor_of(request)
    operation_selectors.operation(actor, operation_id)  # unseen is unknown, whatever the plan says
    return operation_views.full(actor, operation_services.change_operation(
        actor=actor, operation_id=operation_id, plan=payload.plan(actor), version=payload.version))  # fmt: skip


@router.post("/operations/{uuid:operation_id}/start", permission="cases.dispatch", response=OperationFull)
def start_operation(request: HttpRequest, operation_id: UUID) -> dict[str, Any]:
    """Begun already: 409 says by whom and when."""
    actor = actor_of(request)
    return operation_views.full(actor, operation_services.start_operation(actor=actor, operation_id=operation_id))


@router.post("/operations/{uuid:operation_id}/items", permission="cases.dispatch", response=OperationFull)
def add_operation_item(request: HttpRequest, operation_id: UUID, payload: ItemIn) -> dict[str, Any]:
    """One more task of a running operation, sent to its team at once."""
    actor = actor_of(request)
    return operation_views.full(
        actor, operation_services.add_item(actor=actor, operation_id=operation_id, item=payload.plan())
    )


@router.post("/operations/{uuid:operation_id}/checks", permission="cases.dispatch", response=OperationFull)
def tick_operation(request: HttpRequest, operation_id: UUID, payload: TickIn) -> dict[str, Any]:
    actor = actor_of(request)
    return operation_views.full(actor, operation_services.tick(
        actor=actor, operation_id=operation_id, check=payload.check, done=payload.done))  # fmt: skip


@router.post("/operations/{uuid:operation_id}/notes", permission="cases.dispatch", response=OperationFull)
def write_operation_note(request: HttpRequest, operation_id: UUID, payload: NoteIn) -> dict[str, Any]:
    actor = actor_of(request)
    return operation_views.full(
        actor, operation_services.write_note(actor=actor, operation_id=operation_id, text=payload.text)
    )


@router.post("/operations/{uuid:operation_id}/end", permission="cases.dispatch", response=OperationFull)
def end_operation(request: HttpRequest, operation_id: UUID, payload: OperationEnd) -> dict[str, Any]:
    actor = actor_of(request)
    return operation_views.full(actor, operation_services.end_operation(
        actor=actor, operation_id=operation_id, summary=payload.summary, take_back=payload.take_back))  # fmt: skip


@router.post("/operations/{uuid:operation_id}/cancel", permission="cases.dispatch", response=OperationFull)
def cancel_operation(request: HttpRequest, operation_id: UUID, payload: CancelIn) -> dict[str, Any]:
    actor = actor_of(request)
    return operation_views.full(actor, operation_services.cancel_operation(
        actor=actor, operation_id=operation_id, reason=payload.reason))  # fmt: skip


@router.get("/operations/{uuid:operation_id}/pdf", permission="cases.view")
def print_operation(request: HttpRequest, operation_id: UUID) -> HttpResponse:
    """The report of an operation that is over."""
    actor = actor_of(request)
    row = operation_selectors.operation(actor, operation_id)
    if row.closed_at is None:
        raise Conflict(say("行动结束后才有报告", "The report stands when the operation is over"))
    return paper.response(paper.operation_pdf(operation_views.full(actor, row)), "operation")
