"""Routes of patrols, on work's router."""

from __future__ import annotations

from datetime import date, datetime, time
from uuid import UUID

from django.http import HttpRequest
from ninja import Schema, Status
from pydantic import AwareDatetime

from linli.kernel import clock, paging
from linli.kernel.http import actor_of
from linli.work import patrol_selectors, patrol_services
from linli.work.models import PatrolPlan, PatrolPoint
from linli.work.router import router


class PointBody(Schema):
    name: str
    lon: float
    lat: float
    radius_m: int = 80
    every_min: int = 60


class PlanIn(Schema):
    """`weekdays`: 1 is Monday; empty is every day. `ends` before `begins` goes past midnight. Times are local."""

    kind: str
    name: str
    team_ids: list[UUID]
    weekdays: list[int] = []
    begins: time
    ends: time
    points: list[PointBody]


class PointOut(PointBody):
    id: UUID
    area_path: str


class PlanOut(Schema):
    id: UUID
    kind: str
    name: str
    area_path: str
    team_ids: list[UUID]
    weekdays: list[int]
    begins: time
    ends: time
    created_at: datetime
    ended_at: datetime | None
    points: list[PointOut]


class DueOut(PointOut):
    plan: str
    kind: str
    due: int
    done: int
    open: bool
    ends: datetime
    last_at: datetime | None


class VisitIn(Schema):
    """Where the phone is: looked at, not kept."""

    point_id: UUID
    lon: float
    lat: float
    accuracy_m: float | None = None
    client_at: AwareDatetime | None = None


class VisitOut(Schema):
    id: UUID
    point_id: UUID
    at: datetime


class CoveredOut(Schema):
    area_path: str
    name: dict[str, str]
    points: int
    due: int
    done: int
    last_at: datetime | None


def _point(row: PatrolPoint) -> dict[str, object]:
    return {name: getattr(row, name) for name in PointOut.model_fields}


def _plan(row: PatrolPlan) -> PlanOut:
    fields = {name: getattr(row, name) for name in PlanOut.model_fields if name != "points"}
    return PlanOut(**fields, points=[PointOut(**_point(one)) for one in row.points.all()])


@router.get("/patrol-plans", permission="patrols.view", response=paging.Page[PlanOut])
def list_plans(
    request: HttpRequest, cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT
) -> paging.Page[PlanOut]:
    query = patrol_selectors.plans(actor_of(request))
    rows, more = paging.keyset(query, key=("-created_at", "-id"), cursor=cursor, limit=limit)
    return paging.Page(items=[_plan(row) for row in rows], next=more)


@router.post("/patrol-plans", permission="patrols.manage", response={201: PlanOut})
def make_plan(request: HttpRequest, payload: PlanIn) -> Status[PlanOut]:
    points = [patrol_services.NewPoint(**one.dict()) for one in payload.points]
    fields = payload.dict(exclude={"points"})
    return Status(201, _plan(patrol_services.make_plan(actor=actor_of(request), points=points, **fields)))


@router.post("/patrol-plans/{uuid:plan_id}/end", permission="patrols.manage", response=PlanOut)
def end_plan(request: HttpRequest, plan_id: UUID) -> PlanOut:
    """From now on nothing is due; what was, stays in the coverage of its days."""
    return _plan(patrol_services.end_plan(actor=actor_of(request), plan_id=plan_id))


@router.get("/patrols/coverage", permission="patrols.view", response=list[CoveredOut])
def coverage(request: HttpRequest, day: date | None = None) -> list[CoveredOut]:
    """By grid: how many sign-ons were due and done on a day. Grids without a point stand there with zero points."""
    actor = actor_of(request)
    rows = patrol_selectors.coverage(actor, day or clock.now().astimezone(patrol_selectors.district_zone()).date())
    return [
        CoveredOut(area_path=r.area_path, name={"zh": r.name_zh, "en": r.name_en}, points=r.points, due=r.due,
                   done=r.done, last_at=r.last_at)
        for r in rows
    ]  # fmt: skip


@router.get("/patrols/mine", permission="patrols.do", response=list[DueOut])
def my_points(request: HttpRequest) -> list[DueOut]:
    """The points that my teams are to look at now."""
    return [
        DueOut(**_point(one.point), plan=one.point.plan.name, kind=one.point.plan.kind, due=one.due, done=one.done,
               open=one.open, ends=one.ends, last_at=one.last_at)
        for one in patrol_selectors.mine(actor_of(request))
    ]  # fmt: skip


@router.put("/patrol-visits/{uuid:visit_id}", permission="patrols.do", response=VisitOut)
def sign_on_at(request: HttpRequest, visit_id: UUID, payload: VisitIn) -> VisitOut:
    """I am at this point. `visit_id` is made by the client: sending it again changes nothing."""
    row = patrol_services.sign_on_at(actor=actor_of(request), visit_id=visit_id, **payload.dict())
    return VisitOut(id=row.id, point_id=row.point_id, at=row.at)
