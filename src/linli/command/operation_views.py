"""Operations as the API tells of them. Counts are of tasks by team, never of persons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from linli.cases import facade as cases
from linli.command import operation_selectors
from linli.command.models import Operation, OperationItem
from linli.command.operation_selectors import MANAGE, names_seen
from linli.identity import facade as identity
from linli.kernel.actor import Actor
from linli.orgs import facade as orgs
from linli.work import facade as work
from linli.work.contracts import CANCELLED, DONE, RUNNING, TaskInfo

Item = dict[str, Any]


def listed(rows: Sequence[Operation]) -> list[Item]:
    """As lists show them; as many queries for many as for one."""
    items = operation_selectors.items_of(rows)
    tasks = _tasks(items)
    teams = orgs.teams([UUID(one) for one in {t for r in rows for t in r.team_ids}])
    out = []
    for row in rows:
        standing = [_state(i, tasks) for i in items if i.operation_id == row.id and _state(i, tasks) != CANCELLED]
        out.append({
            "id": row.id, "title": row.title, "area_path": row.area_path, "state": row.state,
            "begins_at": row.begins_at, "ends_at": row.ends_at,
            "teams": [{"id": one, **_label(teams.get(UUID(one)))} for one in row.team_ids],
            "tasks": len(standing), "done": standing.count(DONE),
        })  # fmt: skip
    return out


def full(actor: Actor, row: Operation) -> Item:
    items = list(row.items.order_by("ordinal"))
    notes = list(row.notes.order_by("at", "id"))
    points = [UUID(p["by"]) for p in row.checks if p["by"]]
    asked = {w for w in (row.by, row.started_by, row.closed_by, *(n.by for n in notes), *points) if w}
    names = identity.display_name(asked) if names_seen(actor, row) else {}

    def name(who: Any) -> str:
        return names.get(UUID(str(who)), "") if who else ""

    return {
        **listed([row])[0], "teams": _teams(row, items, _tasks(items)), "version": row.version,
        "purpose": row.purpose, "cases": _cases(actor, row), "words": row.words, "started_at": row.started_at,
        "checks": [{"text": p["text"], "done": p["done"], "at": p["at"], "by_name": name(p["by"])} for p in row.checks],
        "notes": [{"text": n.text, "at": n.at, "by_name": name(n.by)} for n in notes], "closed_at": row.closed_at,
        "by_name": name(row.by), "started_by_name": name(row.started_by), "closed_by_name": name(row.closed_by),
        "may_act": actor.can(MANAGE, row.area_path) and row.closed_at is None,
    }  # fmt: skip


def _teams(row: Operation, items: Iterable[OperationItem], tasks: dict[UUID, TaskInfo]) -> list[Item]:
    known = orgs.teams([UUID(one) for one in row.team_ids])
    centres = {c.id: c for c in orgs.centres()}
    out = []
    for team_id in row.team_ids:
        team = known.get(UUID(team_id))
        centre = centres.get(team.centre_id) if team and team.centre_id else None
        mine = [i for i in items if str(i.team_id) == team_id]
        states = Counter(_state(i, tasks) for i in mine)
        out.append({
            "id": team_id, **_label(team), "centre": _label(centre) if centre else None,
            "open": sum(states[s] for s in RUNNING), "done": states[DONE],
            "items": [{"id": str(i.id), "title": i.title, "due_at": i.due_at, "checks": i.checks,
                       "needs_photo": i.needs_photo, "task_id": i.task_id, "task_state": _state(i, tasks)}
                      for i in mine],
        })  # fmt: skip
    return out


def _cases(actor: Actor, row: Operation) -> list[Item]:
    """Those the actor sees, in the order they were linked; of a private one no class."""
    seen = cases.rows_seen(actor, [UUID(one) for one in row.case_ids]) if row.case_ids else {}
    found = [seen[UUID(one)] for one in row.case_ids if UUID(one) in seen]
    none = {"zh": "", "en": ""}
    return [{"id": one["id"], "number": one["number"], **(one["class"] or none), "state_name": one["state_name"]}
            for one in found]  # fmt: skip


def _tasks(items: Iterable[OperationItem]) -> dict[UUID, TaskInfo]:
    return work.tasks([i.task_id for i in items if i.task_id])


def _state(item: OperationItem, tasks: dict[UUID, TaskInfo]) -> str:
    """The task's state; '' while it waits for the start."""
    found = tasks.get(item.task_id) if item.task_id else None
    return found.state if found else ""


def _label(found: Any) -> dict[str, str]:
    return {"zh": found.name_zh, "en": found.name_en or found.name_zh} if found else {"zh": "", "en": ""}
