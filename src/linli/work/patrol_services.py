"""Writes of patrols. A sign-on says that the team was there; who it was is for the audit only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from uuid import UUID

from django.db.models import Q

from linli.kernel import audit, clock, events, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from linli.orgs import facade as orgs
from linli.places import facade as places
from linli.work import patrol_rules, rules
from linli.work.models import Duty, PatrolPlan, PatrolPoint, PatrolVisit

MAX_POINTS = 60
VISIT_DAYS = 365


@dataclass(frozen=True, slots=True)
class NewPoint:
    name: str
    lon: float
    lat: float
    radius_m: int = 80
    every_min: int = 60


def make_plan(
    *, actor: Actor, kind: str, name: str, team_ids: Sequence[UUID], weekdays: Sequence[int], begins: time, ends: time,
    points: Sequence[NewPoint],
) -> PatrolPlan:  # fmt: skip
    """A plan in the area of its first point; all its points lie where the actor manages patrols."""
    if kind not in patrol_rules.KINDS:
        raise Invalid("kind", f"must be one of {', '.join(patrol_rules.KINDS)}")
    if not 1 <= len(name.strip()) <= 80:
        raise Invalid("name", "needs 1 to 80 characters")
    if set(weekdays) - set(range(1, 8)):
        raise Invalid("weekdays", "are 1 (Monday) to 7")
    if not 1 <= len(points) <= MAX_POINTS:
        raise Invalid("points", f"needs 1 to {MAX_POINTS} points")
    if not team_ids or (kind == "joint") != (len(set(team_ids)) > 1):
        raise Invalid("team_ids", "one team, and for a joint shift several")
    for team_id in team_ids:
        team = orgs.team(team_id)
        if team is None or not team.active:
            raise Invalid("team_ids", "is not a team at work")
    rows = [_point(actor, i, one) for i, one in enumerate(points)]
    with services.unit(actor):
        plan = PatrolPlan.objects.create(
            kind=kind, name=name.strip(), area_path=_common([row.area_path for row in rows]), begins=begins, ends=ends,
            team_ids=sorted(str(t) for t in set(team_ids)), weekdays=sorted(set(weekdays)),
        )  # fmt: skip
        for row in rows:
            row.plan = plan
        PatrolPoint.objects.bulk_create(rows)
        _changed(actor, plan, "make")
    return plan


def _point(actor: Actor, i: int, one: NewPoint) -> PatrolPoint:
    if not 1 <= len(one.name.strip()) <= 80:
        raise Invalid(f"points.{i}.name", "needs 1 to 80 characters")
    if not 20 <= one.radius_m <= 1000:
        raise Invalid(f"points.{i}.radius_m", "must be 20 to 1000")
    if not 5 <= one.every_min <= 1440:
        raise Invalid(f"points.{i}.every_min", "must be 5 to 1440")
    found = places.locate(one.lon, one.lat)
    if found is None:
        raise Invalid(f"points.{i}.lon", "lies outside the district")
    actor.require("patrols.manage", found.area_path)
    return PatrolPoint(
        name=one.name.strip(), area_path=found.area_path, lon=one.lon, lat=one.lat, radius_m=one.radius_m,
        every_min=one.every_min,
    )  # fmt: skip


def _common(paths: Sequence[str]) -> str:
    """The smallest area that holds all of them."""
    parts = [path.split(".") for path in paths]
    same = [level[0] for level in zip(*parts, strict=False) if len(set(level)) == 1]
    return ".".join(same)


def _changed(actor: Actor, plan: PatrolPlan, act: str) -> None:
    audit.record(actor=actor, action=f"patrol.{act}", kind="patrol", ref=plan.id, area=plan.area_path)
    events.emit(
        type="patrol.changed", kind="patrol", ref=plan.id, area=plan.area_path, permission="patrols.view",
        data={"plan_id": str(plan.id), "act": act},
    )  # fmt: skip


def end_plan(*, actor: Actor, plan_id: UUID) -> PatrolPlan:
    with services.unit(actor):
        plan = PatrolPlan.objects.select_for_update().filter(id=plan_id).first()
        if plan is None or not actor.can("patrols.view", plan.area_path):
            raise NotFound()
        actor.require("patrols.manage", plan.area_path)
        if plan.ended_at is None:
            plan.ended_at = clock.now()
            plan.save(update_fields=["ended_at"])
            _changed(actor, plan, "end")
    return plan


def sign_on_at(
    *, actor: Actor, visit_id: UUID, point_id: UUID, lon: float, lat: float, accuracy_m: float | None,
    client_at: datetime | None,
) -> PatrolVisit:  # fmt: skip
    """A member on duty says that they are at a point; sent twice it counts once. The position is not kept."""
    with services.unit(actor):
        known = PatrolVisit.objects.filter(id=visit_id).first()
        if known is not None:
            if known.point_id != point_id:
                raise Conflict("this id was used for another sign-on")
            return known
        point = PatrolPoint.objects.select_related("plan").filter(id=point_id, plan__ended_at=None).first()
        mine = {str(t) for t in actor.team_ids} & set(point.plan.team_ids) if point else set()
        if point is None or not mine:
            raise NotFound()
        now = clock.now()
        at = rules.sensible_time(client_at, now, now - rules.LONGEST_DUTY)
        duty = Duty.objects.filter(Q(ended_at=None) | Q(ended_at__gte=at), account_id=actor.account_id,
                                   started_at__lte=at + rules.CLOCK_SLACK)  # fmt: skip
        if not duty.exists():
            raise Forbidden("only while on duty", code="off-duty")
        if not patrol_rules.is_there(patrol_rules.metres(point.lon, point.lat, lon, lat), point.radius_m, accuracy_m):
            raise Invalid("lon", "is too far from the point")
        row = PatrolVisit.objects.create(id=visit_id, point=point, team_id=UUID(min(mine)), at=at)
        audit.record(actor=actor, action="patrol.visit", kind="patrol", ref=point.plan_id, area=point.area_path)
        events.emit(
            type="patrol.visited", kind="patrol", ref=point.plan_id, area=point.area_path, permission="patrols.view",
            data={"plan_id": str(point.plan_id), "point_id": str(point.id)},
        )  # fmt: skip
    return row


def purge_visits() -> int:
    return PatrolVisit.objects.filter(at__lt=clock.now() - timedelta(days=VISIT_DAYS)).delete()[0]
