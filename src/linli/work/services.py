"""Writes of tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from linli.kernel import audit, clock, events, files, images, masks, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from linli.orgs import facade as orgs
from linli.places import facade as places
from linli.work import rules, selectors
from linli.work.contracts import DONE, RETURNED, TASK_KINDS
from linli.work.models import Task, TaskPhoto, TaskStep

MAX_PHOTOS = 30
STAGES = ("before", "after")


def open_task(
    *,
    actor: Actor,
    title: str,
    area_path: str,
    case_id: UUID | None = None,
    team_id: UUID | None = None,
    due_at: datetime | None = None,
    illustrative: bool = False,
    place: Mapping[str, Any] | None = None,
    kind: str = "handle",
    urgent: bool = False,
    needs_photo: bool = False,
    note: str = "",
    checklist: Sequence[str] = (),
    assignee_id: UUID | None = None,
) -> Task:
    """A new task for a team. `place` may have lon, lat, grid_id, address. The caller has checked that the actor may."""
    if kind not in TASK_KINDS:
        raise Invalid("kind", f"must be one of {', '.join(TASK_KINDS)}")
    if not title.strip():
        raise Invalid("title", "must not be empty")
    team = orgs.team(team_id) if team_id else None
    if team_id and (team is None or not team.active):
        raise Invalid("team_id", "is not a team at work")
    where = dict(place or {})
    with services.unit(actor):
        task = Task.objects.create(
            kind=kind, title=_clean(title, 200), note=_clean(note, 2000), urgent=urgent, needs_photo=needs_photo,
            checklist=[{"text": _clean(text, 200), "done": False} for text in checklist][:50], case_id=case_id,
            team_id=team_id, assignee_id=assignee_id, area_path=area_path, due_at=due_at, illustrative=illustrative,
            created_by=actor.account_id,
            lon=where.get("lon"), lat=where.get("lat"), address=_clean(str(where.get("address") or ""), 200),
            grid_id=where.get("grid_id") or _grid_of(area_path),
        )  # fmt: skip
        _changed(actor, task, "open")
    return task


def _grid_of(area_path: str) -> UUID | None:
    found = places.grid_at(area_path) if area_path else None
    return found.grid_id if found else None


def _clean(text: str, length: int) -> str:
    """Free text without phone and ID numbers."""
    return masks.mask_text(text.strip())[0][:length]


def _changed(actor: Actor, task: Task, action: str, **more: Any) -> None:
    audit.record(
        actor=actor, action=f"task.{action}", kind="task", ref=task.id, area=task.area_path,
        detail={"state": task.state, **more},
    )  # fmt: skip
    photos = [
        {"id": str(p.id), "stage": p.stage, "file_id": str(p.file_id), "thumb_id": str(p.thumb_id)}
        for p in TaskPhoto.objects.filter(task=task).order_by("at", "id")
    ]
    events.emit(
        type="task.changed", kind="task", ref=task.id, area=task.area_path, permission="tasks.view",
        data={
            "task_id": str(task.id), "case_id": str(task.case_id) if task.case_id else None, "state": task.state,
            "action": action, "kind": task.kind, "team_id": str(task.team_id) if task.team_id else None,
            "account_id": str(actor.account_id) if actor.account_id else None, "urgent": task.urgent, "photos": photos,
        },
    )  # fmt: skip


def _locked(actor: Actor, task_id: UUID) -> Task:
    task = Task.objects.select_for_update(of=("self",)).filter(selectors.visible_q(actor), id=task_id).first()
    if task is None:
        raise NotFound()
    return task


def _require_doer(actor: Actor, task: Task) -> None:
    """A task is done by its team (or by the one it is given to), where they have the role for it."""
    actor.require("tasks.do", None if task.team_id in actor.team_ids else task.area_path)
    mine = task.team_id is None or task.team_id in actor.team_ids or task.assignee_id == actor.account_id
    if not mine:
        raise Forbidden("the task belongs to another team", code="other-team")


def act_on_task(
    *,
    actor: Actor,
    task_id: UUID,
    step_id: UUID,
    action: str,
    client_at: datetime | None = None,
    note: str = "",
    checklist: Sequence[bool] | None = None,
) -> Task:
    """One act of a member: accept, arrive, finish or return. Sent twice it acts once; late, it moves nothing back."""
    if action not in rules.STEPS:
        raise Invalid("action", f"must be one of {', '.join(rules.STEPS)}")
    with services.unit(actor):
        task = _locked(actor, task_id)
        _require_doer(actor, task)
        known = TaskStep.objects.filter(id=step_id).first()
        if known is not None:
            if known.task_id != task.id or known.action != action:
                raise Conflict("this id was used for another act")
            return task
        step = rules.step(action, task.state)
        if step is None:
            raise Conflict(f"a task that is {task.state} cannot be: {action}", code=f"task-{task.state}")
        at = rules.sensible_time(client_at, clock.now(), task.created_at)
        if step.to is not None:
            _move(task, action, step.to, at, actor, note, checklist)
        TaskStep.objects.create(
            id=step_id, task=task, action=action, actor_id=actor.account_id, at=at, applied=step.to is not None,
            note=_clean(note, 2000),
        )  # fmt: skip
        _changed(actor, task, action, late=step.to is None)
    return task


def _move(
    task: Task, action: str, to: str, at: datetime, actor: Actor, note: str, checklist: Sequence[bool] | None
) -> None:
    if checklist is not None:
        if len(checklist) != len(task.checklist):
            raise Invalid("checklist", f"must have {len(task.checklist)} entries")
        for row, done in zip(task.checklist, checklist, strict=True):
            row["done"] = done
    if to == DONE:
        _require_proof(task)
        task.done_by, task.result = actor.account_id, _clean(note, 2000)
    elif to == RETURNED:
        if not note.strip():
            raise Invalid("note", "say why the task is returned")
        task.result = _clean(note, 2000)
    task.state, task.changed_at = to, clock.now()
    if action == "accept":
        task.accepted_at, task.assignee_id = at, task.assignee_id or actor.account_id
    elif action == "arrive":
        task.arrived_at = at
    else:
        task.ended_at = at
    task.save()


def _require_proof(task: Task) -> None:
    if task.needs_photo and not TaskPhoto.objects.filter(task=task, stage="after").exists():
        raise Invalid("photos", "a picture taken after the work is needed")
    if not all(row["done"] for row in task.checklist):
        raise Invalid("checklist", "all points must be done")


def add_photo(
    *, actor: Actor, task_id: UUID, photo_id: UUID, stage: str, data: bytes, client_at: datetime | None = None
) -> TaskPhoto:
    """A picture before or after the work. Sent twice it is kept once. It may follow its task's end (offline)."""
    if stage not in STAGES:
        raise Invalid("stage", f"must be one of {', '.join(STAGES)}")
    picture = images.prepare(data)
    with services.unit(actor):
        task = _locked(actor, task_id)
        _require_doer(actor, task)
        known = TaskPhoto.objects.filter(id=photo_id).first()
        if known is not None:
            if known.task_id != task.id:
                raise Conflict("this id was used for another picture")
            return known
        if TaskPhoto.objects.filter(task=task).count() >= MAX_PHOTOS:
            raise Invalid("photo", f"a task has at most {MAX_PHOTOS} pictures")
        image, thumb = (
            files.keep(d, content_type="image/jpeg", owner_kind="task_photo", owner_ref=task.id, suffix=".jpg")
            for d in (picture.image, picture.thumb)
        )
        at = rules.sensible_time(client_at, clock.now(), task.created_at)
        photo = TaskPhoto.objects.create(
            id=photo_id, task=task, stage=stage, file_id=image.id, thumb_id=thumb.id, width=picture.width,
            height=picture.height, actor_id=actor.account_id, at=at,
        )  # fmt: skip
        _changed(actor, task, "photo", photo=str(photo.id), stage=stage)
    return photo


def cancel_task(*, actor: Actor, task: Task, reason: str = "") -> Task:
    """The desk calls a running task off; one that has ended stays as it is."""
    with services.unit(actor):
        task = Task.objects.select_for_update(of=("self",)).get(id=task.id)
        step = rules.step("cancel", task.state) if task.state in rules.DESK_STEPS["cancel"][0] else None
        if step is None:
            raise Conflict(f"the task is {task.state}", code=f"task-{task.state}")
        task.state, task.ended_at, task.changed_at = step.to or task.state, clock.now(), clock.now()
        task.result = _clean(reason, 2000)
        task.save()
        TaskStep.objects.create(
            task=task, action="cancel", actor_id=actor.account_id, at=task.ended_at, note=task.result
        )
        _changed(actor, task, "cancel")
    return task


def update_task(*, actor: Actor, task_id: UUID, fields: Mapping[str, Any]) -> Task:
    """The desk gives a running task to another team or person, or changes its time."""
    with services.unit(actor):
        task = _locked(actor, task_id)
        actor.require("tasks.manage", task.area_path)
        if task.ended_at is not None:
            raise Conflict(f"the task is {task.state}", code=f"task-{task.state}")
        if (team_id := fields.get("team_id")) is not None:
            team = orgs.team(team_id)
            if team is None or not team.active:
                raise Invalid("team_id", "is not a team at work")
        for name in ("team_id", "assignee_id", "due_at", "urgent"):
            if name in fields:
                setattr(task, name, fields[name])
        if "due_at" in fields:
            task.illustrative = False  # a person has set it
        task.changed_at = clock.now()
        task.save()
        _changed(actor, task, "update", fields=sorted(fields))
    return task


def move_due(*, actor: Actor, task: Task, due_at: datetime | None, illustrative: bool) -> None:
    """The deadline follows the case's, in the caller's transaction; the caller holds the lock."""
    task.due_at, task.illustrative, task.changed_at = due_at, illustrative, clock.now()
    task.save(update_fields=["due_at", "illustrative", "changed_at"])
    _changed(actor, task, "update", fields=["due_at"])
