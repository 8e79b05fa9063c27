"""Routes of work."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest
from ninja import File, Form, Status
from ninja.files import UploadedFile
from pydantic import AwareDatetime

from linli.identity import facade as identity
from linli.kernel import paging
from linli.kernel.http import actor_of
from linli.orgs import facade as orgs
from linli.places import facade as places
from linli.work import duty_services, patrol_api, roster_api, roster_sheet_api, selectors, services
from linli.work.models import Task
from linli.work.router import router
from linli.work.schemas import (
    CancelIn,
    DutyOut,
    Kept,
    OwnPosition,
    PhotoOut,
    PointsIn,
    PositionOut,
    SignOff,
    SignOn,
    StepIn,
    StepOut,
    TaskFull,
    TaskIn,
    TaskOut,
    TaskPatch,
)

__all__ = ["patrol_api", "roster_api", "roster_sheet_api", "router"]


def _full(task: Task) -> TaskFull:
    steps = list(selectors.steps(task))
    names = identity.display_name({s.actor_id for s in steps if s.actor_id})
    team = orgs.team(task.team_id) if task.team_id else None
    return TaskFull(
        **TaskOut.fields(task, selectors.photos([task.id])[task.id]),
        team_name={"zh": team.name_zh, "en": team.name("en")} if team else None,
        steps=[StepOut.of(s, names) for s in steps],
    )


@router.get("/tasks", permission="tasks.view", response=paging.Page[TaskOut])
def list_tasks(
    request: HttpRequest,
    cursor: str | None = None,
    limit: int = paging.DEFAULT_LIMIT,
    state: str | None = None,
    mine: bool = False,
    case_id: UUID | None = None,
    team_id: UUID | None = None,
) -> paging.Page[TaskOut]:
    """`state` is one state or `running`; `mine` narrows to my teams' and my own."""
    query = selectors.filtered(actor_of(request), state=state, mine=mine, case_id=case_id, team_id=team_id)
    rows, more = paging.keyset(query, key=("-created_at", "-id"), cursor=cursor, limit=limit)
    photos = selectors.photos([r.id for r in rows])
    return paging.Page(items=[TaskOut(**TaskOut.fields(r, photos[r.id])) for r in rows], next=more)


@router.post("/tasks", permission="tasks.manage", response={201: TaskFull})
def create_task(request: HttpRequest, payload: TaskIn) -> Status[TaskFull]:
    """A task without a case, such as a round. With a place, its area is that of the place."""
    actor = actor_of(request)
    fields = payload.dict(exclude={"place", "area_path"})
    found = places.locate(payload.place.lon, payload.place.lat) if payload.place else None
    own = actor.areas("tasks.manage")[0] if payload.area_path is None else payload.area_path
    area_path = found.area_path if found else own
    actor.require("tasks.manage", area_path)
    place = payload.place.dict() if payload.place else None
    return Status(201, _full(services.open_task(actor=actor, area_path=area_path, place=place, **fields)))


@router.get("/tasks/{uuid:task_id}", permission="tasks.view", response=TaskFull)
def get_task(request: HttpRequest, task_id: UUID) -> TaskFull:
    return _full(selectors.task(actor_of(request), task_id))


@router.patch("/tasks/{uuid:task_id}", permission="tasks.manage", response=TaskFull)
def update_task(request: HttpRequest, task_id: UUID, payload: TaskPatch) -> TaskFull:
    fields = payload.dict(exclude_unset=True)
    return _full(services.update_task(actor=actor_of(request), task_id=task_id, fields=fields))


@router.post("/tasks/{uuid:task_id}/cancel", permission="tasks.manage", response=TaskFull)
def cancel_task(request: HttpRequest, task_id: UUID, payload: CancelIn) -> TaskFull:
    actor = actor_of(request)
    task = selectors.task_to_manage(actor, task_id)
    return _full(services.cancel_task(actor=actor, task=task, reason=payload.reason))


@router.put("/tasks/{uuid:task_id}/steps/{uuid:step_id}", permission="tasks.do", response=TaskFull)
def act_on_task(request: HttpRequest, task_id: UUID, step_id: UUID, payload: StepIn) -> TaskFull:
    """accept, arrive, finish or return. `step_id` is made by the client: sending it again changes nothing."""
    task = services.act_on_task(
        actor=actor_of(request), task_id=task_id, step_id=step_id, action=payload.action, client_at=payload.client_at,
        note=payload.note, checklist=payload.checklist,
    )  # fmt: skip
    return _full(task)


@router.post("/tasks/{uuid:task_id}/photos/{uuid:photo_id}", permission="tasks.do", response=PhotoOut)
def add_photo(
    request: HttpRequest,
    task_id: UUID,
    photo_id: UUID,
    photo: UploadedFile = File(...),
    stage: str = Form("after"),
    client_at: AwareDatetime | None = Form(None),
) -> PhotoOut:
    """A picture (multipart: photo, stage before|after, client_at). `photo_id` is made by the client."""
    row = services.add_photo(
        actor=actor_of(request), task_id=task_id, photo_id=photo_id, stage=stage, data=photo.read(),
        client_at=client_at,
    )  # fmt: skip
    return PhotoOut.of(row)


@router.get("/duty", permission="duty.view", response=paging.Page[DutyOut])
def list_duty(
    request: HttpRequest, cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT
) -> paging.Page[DutyOut]:
    """Who is on duty now."""
    query = selectors.on_duty(actor_of(request))
    rows, more = paging.keyset(query, key=("-started_at", "-id"), cursor=cursor, limit=limit)
    names = identity.display_name({r.account_id for r in rows})
    return paging.Page(items=[DutyOut.of(r, names) for r in rows], next=more)


@router.get("/duty/me", permission="duty.self", response={200: DutyOut | None})
def my_duty(request: HttpRequest) -> DutyOut | None:
    actor = actor_of(request)
    row = selectors.own_duty(actor)
    return DutyOut.of(row, identity.display_name([row.account_id])) if row else None


@router.put("/duty/{uuid:duty_id}", permission="duty.self", response=DutyOut)
def sign_on(request: HttpRequest, duty_id: UUID, payload: SignOn) -> DutyOut:
    """Begin duty. `duty_id` is made by the client: sending it again changes nothing."""
    row = duty_services.sign_on(actor=actor_of(request), duty_id=duty_id, **payload.dict())
    return DutyOut.of(row, identity.display_name([row.account_id]))


@router.post("/duty/{uuid:duty_id}/end", permission="duty.self", response=DutyOut)
def sign_off(request: HttpRequest, duty_id: UUID, payload: SignOff) -> DutyOut:
    row = duty_services.sign_off(actor=actor_of(request), duty_id=duty_id, client_at=payload.client_at)
    return DutyOut.of(row, identity.display_name([row.account_id]))


@router.post("/duty/{uuid:duty_id}/positions", permission="duty.self", response=Kept)
def report_positions(request: HttpRequest, duty_id: UUID, payload: PointsIn) -> Kept:
    """Positions of one's own duty, in any order; outside of it or closer than 10 s they are dropped."""
    points = [duty_services.Point(**p.dict()) for p in payload.positions]
    return Kept(kept=duty_services.report_positions(actor=actor_of(request), duty_id=duty_id, points=points))


@router.get("/positions", permission="positions.view", response=paging.Page[PositionOut])
def list_positions(
    request: HttpRequest, cursor: str | None = None, limit: int = paging.MAX_LIMIT
) -> paging.Page[PositionOut]:
    """Where those on duty were last. There is no trail of anybody but oneself."""
    query = selectors.on_duty(actor_of(request), "positions.view").exclude(lon=None)
    rows, more = paging.keyset(query, key=("-started_at", "-id"), cursor=cursor, limit=limit)
    names = identity.display_name({r.account_id for r in rows})
    items = [
        PositionOut(
            duty_id=r.id, account_id=r.account_id, display_name=names.get(r.account_id, ""), team_id=r.team_id,
            area_path=r.area_path, lon=r.lon, lat=r.lat, accuracy_m=r.accuracy_m, at=r.position_at,
        )
        for r in rows
    ]  # fmt: skip
    return paging.Page(items=items, next=more)


@router.get("/positions/me", permission="duty.self", response=paging.Page[OwnPosition])
def my_positions(
    request: HttpRequest, cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT
) -> paging.Page[OwnPosition]:
    """My own positions of the last 30 days, newest first."""
    query = selectors.own_positions(actor_of(request))
    rows, more = paging.keyset(query, key=("-at", "-id"), cursor=cursor, limit=limit)
    items = [OwnPosition(duty_id=r.duty_id, at=r.at, lon=r.lon, lat=r.lat, accuracy_m=r.accuracy_m) for r in rows]
    return paging.Page(items=items, next=more)
