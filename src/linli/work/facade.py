"""What other modules may ask of work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from linli.kernel.actor import Actor
from linli.kernel.errors import NotFound
from linli.kernel.scope import within
from linli.kernel.services import unit
from linli.work import selectors, services
from linli.work.contracts import DONE, OPEN, RUNNING, OnDuty, TaskInfo, TeamAtWork
from linli.work.models import Duty, Task, TaskPhoto, TaskStep


def open_task(
    *,
    actor: Actor,
    case_id: UUID | None,
    team_id: UUID | None,
    area_path: str,
    title: str,
    due_at: datetime | None = None,
    illustrative: bool = False,
    place: Mapping[str, Any] | None = None,
    kind: str = "handle",
    urgent: bool = False,
    needs_photo: bool = False,
    note: str = "",
    checklist: Sequence[str] = (),
    assignee_id: UUID | None = None,
) -> UUID:
    """A new task; the caller has checked that `actor` may. `place`: lon, lat, grid_id, address, all optional.

    `illustrative`: `due_at` comes of a limit without a source, and screens say so.
    """
    task = services.open_task(
        actor=actor, case_id=case_id, team_id=team_id, area_path=area_path, title=title, due_at=due_at,
        illustrative=illustrative, place=place, kind=kind, urgent=urgent, needs_photo=needs_photo, note=note,
        checklist=checklist, assignee_id=assignee_id,
    )  # fmt: skip
    return task.id


def _info(task: Task) -> TaskInfo:
    return TaskInfo(
        task.id, task.state, task.kind, task.title, task.case_id, task.team_id, task.assignee_id, task.area_path,
        task.due_at, task.result, task.done_by, task.ended_at if task.done_by else None,
    )  # fmt: skip


def task(task_id: UUID) -> TaskInfo | None:
    found = Task.objects.filter(id=task_id).first()
    return _info(found) if found else None


def tasks(task_ids: Sequence[UUID]) -> dict[UUID, TaskInfo]:
    return {t.id: _info(t) for t in Task.objects.filter(id__in=list(task_ids))}


def task_state(task_id: UUID) -> str:
    """The state, or '' for an unknown task."""
    return Task.objects.filter(id=task_id).values_list("state", flat=True).first() or ""


def tasks_of(case_id: UUID) -> list[TaskInfo]:
    return [_info(t) for t in Task.objects.filter(case_id=case_id).order_by("created_at", "id")]


def tasks_of_member(actor: Actor, since: datetime, limit: int = 200) -> list[TaskInfo]:
    """The running tasks of the actor and of the actor's teams, and those the actor has done since."""
    mine = Q(state__in=RUNNING) & (Q(team_id__in=actor.team_ids) | Q(assignee_id=actor.account_id))
    done = Q(state=DONE, done_by=actor.account_id, ended_at__gte=since)
    return [_info(t) for t in Task.objects.filter(mine | done).order_by("-created_at", "-id")[:limit]]


def photos_of(task_id: UUID) -> list[dict[str, str]]:
    """{id, stage, file_id, thumb_id} of each picture, oldest first."""
    return [
        {"id": str(p.id), "stage": p.stage, "file_id": str(p.file_id), "thumb_id": str(p.thumb_id)}
        for p in TaskPhoto.objects.filter(task_id=task_id).order_by("at", "id")
    ]


def handlers_of(case_id: UUID) -> set[UUID]:
    """Accounts that acted on the case's tasks: none of them may verify it."""
    rows = TaskStep.objects.filter(task__case_id=case_id).exclude(action="cancel").exclude(actor_id=None)
    return {found for found in rows.values_list("actor_id", flat=True) if found}


def cancel_task(*, actor: Actor, task_id: UUID, reason: str = "", untouched: bool = False) -> bool:
    """Call a task off; False when it had ended already, or, with `untouched`, when the team had begun with it.

    The caller has checked that `actor` may.
    """
    with unit(actor):
        found = Task.objects.select_for_update(of=("self",)).filter(id=task_id).first()
        if found is None:
            raise NotFound()
        if found.state not in ((OPEN,) if untouched else RUNNING):
            return False
        services.cancel_task(actor=actor, task=found, reason=reason)
    return True


def move_due(*, actor: Actor, task_id: UUID, due_at: datetime | None, illustrative: bool) -> bool:
    """Another deadline for a running task; False when it had ended or has it already. The caller may."""
    with unit(actor):
        found = Task.objects.select_for_update(of=("self",)).filter(id=task_id).first()
        if found is None or found.state not in RUNNING or found.due_at == due_at:
            return False
        services.move_due(actor=actor, task=found, due_at=due_at, illustrative=illustrative)
    return True


def on_duty(area_path: str) -> list[OnDuty]:
    """Who is on duty in an area, with their last position; show positions only to those with positions.view."""
    return [
        OnDuty(d.id, d.account_id, d.team_id, d.area_path, d.started_at, d.lon, d.lat, d.position_at)
        for d in Duty.objects.filter(within(area_path), ended_at=None).order_by("started_at", "id")
    ]


def teams_at_work(team_ids: Sequence[UUID]) -> dict[UUID, TeamAtWork]:
    """Who of these teams is at work, and how much they have to do. The caller shows it to those who dispatch."""
    return selectors.teams_at_work(list(team_ids))


def seen_task(actor: Actor, task_id: UUID) -> TaskInfo:
    """The task, if `actor` sees it; NotFound otherwise."""
    return _info(selectors.task(actor, task_id))
