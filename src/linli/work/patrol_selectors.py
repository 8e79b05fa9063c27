"""Reads of patrols: plans, what is due for one's own teams, and coverage by grid. There is none by person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import Q, QuerySet

from linli.kernel import clock
from linli.kernel.actor import Actor
from linli.kernel.scope import area_q
from linli.places import facade as places
from linli.work import patrol_rules
from linli.work.models import PatrolPlan, PatrolPoint, PatrolVisit

MOST_POINTS = 2000


@dataclass(slots=True)
class Covered:
    """A grid on a day. `blind`: a grid of the planned areas in which nobody signed on, or without any point."""

    area_path: str
    name_zh: str
    name_en: str
    points: int = 0
    due: int = 0
    done: int = 0
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """A point of a plan that runs now."""

    point: PatrolPoint
    due: int
    done: int
    open: bool
    ends: datetime
    last_at: datetime | None


def plans(actor: Actor) -> QuerySet[PatrolPlan]:
    return PatrolPlan.objects.filter(area_q(actor, "patrols.view")).prefetch_related("points")


def _visits(points: Iterable[PatrolPoint], since: datetime, until: datetime) -> dict[UUID, list[datetime]]:
    found: dict[UUID, list[datetime]] = defaultdict(list)
    ids = [point.id for point in points]
    rows = PatrolVisit.objects.filter(point_id__in=ids, at__gte=since, at__lt=until).order_by("at")
    for point_id, at in rows.values_list("point_id", "at"):
        found[point_id].append(at)
    return found


def mine(actor: Actor) -> list[Due]:
    """The points of plans of one's own teams whose hours are now."""
    now = clock.now()
    zone = district_zone()
    today = now.astimezone(zone).date()
    teams = Q(pk__in=[])
    for team_id in actor.team_ids:
        teams |= Q(team_ids__contains=[str(team_id)])
    found: list[tuple[PatrolPlan, datetime, datetime]] = []
    for plan in (
        PatrolPlan.objects.filter(teams, ended_at=None).prefetch_related("points").order_by("begins", "id")[:50]
    ):
        for day in (today - timedelta(days=1), today):
            start, end = patrol_rules.window(day, plan.begins, plan.ends, zone)
            if patrol_rules.runs_on(plan.weekdays, day) and start <= now < end:
                found.append((plan, start, end))
    points = [(p, start, end) for plan, start, end in found for p in plan.points.all()]
    visits = _visits([p for p, _, _ in points], now - timedelta(days=1), now + timedelta(minutes=5))
    due = []
    for point, start, end in points:
        times = visits[point.id]
        kept = patrol_rules.kept(start, end, timedelta(minutes=point.every_min), times, now, point.plan.created_at)
        due.append(Due(point, kept.due, kept.done, kept.open, end, times[-1] if times else None))
    return sorted(due, key=lambda one: (not one.open, one.point.name))


def district_zone() -> ZoneInfo:
    """The district's zone."""
    return ZoneInfo(settings.TIME_ZONE)


def coverage(actor: Actor, day: date) -> list[Covered]:
    """Each smallest grid of the actor's areas: how much of what was due there was done. Without a point: blind."""
    zone = district_zone()
    found = {
        one.area_path: Covered(one.area_path, one.name_zh, one.name_en)
        for one in places.grids()
        if actor.can("patrols.view", one.area_path)
    }
    leaves = {path for path in found if not any(other.startswith(f"{path}.") for other in found)}
    begin = datetime.combine(day, datetime.min.time(), zone)
    points = list(
        PatrolPoint.objects.select_related("plan")
        .filter(area_q(actor, "patrols.view"), plan__created_at__lt=begin + timedelta(days=1))
        .filter(Q(plan__ended_at=None) | Q(plan__ended_at__gte=begin))
        .order_by("id")[:MOST_POINTS]
    )
    visits = _visits(points, begin, begin + timedelta(days=2))
    for point in points:
        row = found.get(point.area_path)
        if row is None or not patrol_rules.runs_on(point.plan.weekdays, day):
            continue
        _count(row, point, visits[point.id], patrol_rules.window(day, point.plan.begins, point.plan.ends, zone))
    return sorted((found[path] for path in leaves), key=_worst_first)


def _worst_first(row: Covered) -> tuple[bool, float, str]:
    """Grids with points before those without any."""
    return (not row.points, row.done / row.due if row.due else 1.0, row.area_path)


def _count(row: Covered, point: PatrolPoint, times: list[datetime], hours: tuple[datetime, datetime]) -> None:
    start, end = hours
    now = min(clock.now(), point.plan.ended_at or end)
    kept = patrol_rules.kept(start, end, timedelta(minutes=point.every_min), times, now, point.plan.created_at)
    row.points += 1
    row.due, row.done = row.due + kept.due, row.done + kept.done
    inside = [at for at in times if start <= at < end]
    if inside:
        row.last_at = max(row.last_at or inside[-1], inside[-1])
