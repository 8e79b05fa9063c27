"""Reads of work."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet

from linli.kernel import clock
from linli.kernel.actor import Actor
from linli.kernel.errors import NotFound
from linli.kernel.models import StoredFile
from linli.kernel.scope import area_q
from linli.work.contracts import RUNNING, TeamAtWork
from linli.work.models import Duty, Position, Task, TaskPhoto, TaskStep


def visible_q(actor: Actor) -> Q:
    """Tasks of the actor's areas; for those who do tasks, also their teams', wherever they lie."""
    q = area_q(actor, "tasks.view")
    if actor.can("tasks.do"):
        q |= Q(team_id__in=actor.team_ids) | Q(assignee_id=actor.account_id)
    return q


def tasks(actor: Actor) -> QuerySet[Task]:
    return Task.objects.filter(visible_q(actor))


def task(actor: Actor, task_id: UUID) -> Task:
    found = tasks(actor).filter(id=task_id).first()
    if found is None:
        raise NotFound()
    return found


def task_to_manage(actor: Actor, task_id: UUID) -> Task:
    found = Task.objects.filter(area_q(actor, "tasks.manage"), id=task_id).first()
    if found is None:
        raise NotFound()
    return found


def filtered(
    actor: Actor, *, state: str | None, mine: bool, case_id: UUID | None, team_id: UUID | None
) -> QuerySet[Task]:
    """`state`: one state, or `running` for all that have not ended."""
    query = tasks(actor)
    if state == "running":
        query = query.filter(state__in=RUNNING)
    elif state:
        query = query.filter(state=state)
    if mine:
        query = query.filter(Q(team_id__in=actor.team_ids) | Q(assignee_id=actor.account_id))
    if case_id:
        query = query.filter(case_id=case_id)
    if team_id:
        query = query.filter(team_id=team_id)
    return query


def steps(task: Task) -> QuerySet[TaskStep]:
    return TaskStep.objects.filter(task=task).order_by("at", "id")


def photos(task_ids: list[UUID]) -> dict[UUID, list[TaskPhoto]]:
    found: dict[UUID, list[TaskPhoto]] = {i: [] for i in task_ids}
    for photo in TaskPhoto.objects.filter(task_id__in=task_ids).order_by("at", "id"):
        found[photo.task_id].append(photo)
    return found


def may_read_photo(actor: Actor, owner_ref: str, file: StoredFile) -> bool:
    return tasks(actor).filter(id=owner_ref).exists()


def on_duty(actor: Actor, permission: str = "duty.view") -> QuerySet[Duty]:
    return Duty.objects.filter(area_q(actor, permission), ended_at=None)


def own_duty(actor: Actor) -> Duty | None:
    return Duty.objects.filter(account_id=actor.account_id, ended_at=None).first()


def own_positions(actor: Actor) -> QuerySet[Position]:
    return Position.objects.filter(duty__account_id=actor.account_id)


FRESH = timedelta(minutes=15)  # how old a position may be to say where a team is


_AT_WORK = """SELECT t.id,
    (SELECT count(*) FROM work_duty d WHERE d.team_id = t.id AND d.ended_at IS NULL),
    (SELECT count(DISTINCT s.account_id) FROM work_shift s WHERE s.team_id = t.id AND s.state = 'published'
        AND s.starts_at <= %(now)s AND s.ends_at > %(now)s),
    (SELECT count(*) FROM work_task k WHERE k.team_id = t.id AND k.state = ANY(%(running)s)),
    (SELECT json_agg(json_build_array(d.lon, d.lat)) FROM work_duty d WHERE d.team_id = t.id AND d.ended_at IS NULL
        AND d.lon IS NOT NULL AND d.lat IS NOT NULL AND d.position_at > %(fresh)s)
    FROM unnest(%(teams)s::uuid[]) t (id)"""


def teams_at_work(team_ids: list[UUID]) -> dict[UUID, TeamAtWork]:
    """One statement for all of them, whatever their number: it is asked for beside every case to be dispatched."""
    now = clock.now()
    with connection.cursor() as cursor:
        cursor.execute(_AT_WORK, {"now": now, "fresh": now - FRESH, "running": list(RUNNING), "teams": team_ids})
        rows = cursor.fetchall()
    return {
        team: TeamAtWork(duty, rostered, tasks, tuple((lon, lat) for lon, lat in places or ()))
        for team, duty, rostered, tasks, places in rows
    }
