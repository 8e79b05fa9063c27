"""The doors cases uses in rooms below: work, devices, orgs, identity. In one place, to see what it asks of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from linli.kernel.actor import Actor

REMEMBER_S, WORK_S, NAMES_S = 5.0, 10.0, 60.0
_memory: dict[tuple[Any, ...], tuple[float, Any]] = {}


def open_task(*, actor: Actor, case_id: UUID, team_id: UUID, area_path: str, title: str, due_at: datetime | None,
              illustrative: bool, place: dict[str, Any], kind: str = "handle",
              needs_photo: bool = False, assignee_id: UUID | None = None) -> UUID:  # fmt: skip
    from linli.work import facade

    return facade.open_task(
        actor=actor, case_id=case_id, team_id=team_id, area_path=area_path, title=title, due_at=due_at,
        illustrative=illustrative, place=place, kind=kind, needs_photo=needs_photo,
        assignee_id=assignee_id,
    )  # fmt: skip


def cancel_task(*, actor: Actor, task_id: UUID, reason: str, untouched: bool = False) -> bool:
    """False when the team was first: it has ended the task or, with `untouched`, begun with it."""
    from linli.work import facade

    return facade.cancel_task(actor=actor, task_id=task_id, reason=reason, untouched=untouched)


def task(task_id: UUID) -> Any:
    """The task as it is now, which may be ahead of the events that tell of it."""
    from linli.work import facade

    return facade.task(task_id)


def task_result(task_id: UUID) -> str:
    """What the team wrote when it ended the task."""
    found = task(task_id)
    return found.result if found else ""


def task_photos(task_id: UUID) -> list[dict[str, str]]:
    from linli.work import facade

    return list(facade.photos_of(task_id))


def handlers_of(case_id: UUID) -> set[UUID]:
    """Accounts that acted on the case's tasks."""
    from linli.work import facade

    return set(facade.handlers_of(case_id))


def alarm_cleared_at(alarm_id: UUID) -> datetime | None:
    from linli.devices import facade

    found = facade.alarm(alarm_id)
    return found.cleared_at if found else None


def incident_of(alarm_id: UUID) -> UUID | None:
    """The storm that an alarm belongs to."""
    from linli.devices import facade

    return facade.incident_of(alarm_id)


def alarms_of(incident_id: UUID) -> list[UUID]:
    from linli.devices import facade

    return facade.alarms_of(incident_id)


def team(team_id: UUID) -> Any:
    from linli.orgs import facade

    return facade.team(team_id)


def team_known(team_id: UUID) -> Any:
    """The team as it was a few seconds ago at most."""
    return remembered(("team-info", team_id), lambda: team(team_id))


def members_of(team_id: UUID, *, leads: bool) -> list[UUID]:
    """Accounts of a team: all, or those that lead it."""
    from linli.orgs import facade

    return [m.account_id for m in facade.members(team_id) if m.lead or not leads]


def move_due(*, actor: Actor, task_id: UUID, due_at: datetime | None, illustrative: bool) -> bool:
    """The case's deadline moved: its task's moves with it, while it is open."""
    from linli.work import facade

    return facade.move_due(actor=actor, task_id=task_id, due_at=due_at, illustrative=illustrative)


def centre(centre_id: UUID) -> Any:
    """A centre; they change seldom."""
    from linli.orgs import facade

    return remembered(("centre", centre_id), lambda: facade.centre(centre_id))


def remembered(key: tuple[Any, ...], read: Callable[[], Any]) -> Any:
    """Teams and names change seldom and are asked for by every list: kept for a few seconds."""
    found = _memory.get(key)
    if found is None or found[0] < time.monotonic():
        if len(_memory) > 2000:
            _memory.clear()
        found = _memory[key] = (time.monotonic() + REMEMBER_S, read())
    return found[1]


def at_work(team_ids: Iterable[UUID]) -> dict[UUID, Any]:
    """Who of these teams is at work and what they have to do, as of ten seconds ago at most."""
    from linli.work import facade

    now, wanted = time.monotonic(), list(team_ids)
    missing = [t for t in wanted if (kept := _memory.get(("work", t))) is None or kept[0] < now]
    if missing:
        for team_id, found in facade.teams_at_work(missing).items():
            _memory["work", team_id] = (now + WORK_S, found)
    return {t: _memory["work", t][1] for t in wanted}


def person(login: str) -> Any:
    """The account of a login, if there is one."""
    from linli.identity import facade

    return remembered(("login", login), lambda: facade.account_by_name(login))


def centres() -> dict[str, Any]:
    """All centres by code."""
    from linli.orgs import facade

    return dict(remembered(("centres",), lambda: {c.code: c for c in facade.centres()}))


def district_teams() -> list[Any]:
    """All active teams."""
    from linli.orgs import facade

    return list(remembered(("teams",), lambda: list(facade.teams_in(""))))


def team_names(team_ids: Iterable[UUID | None]) -> dict[UUID, dict[str, str]]:
    """Names of teams as {zh, en}, as of a minute ago at most."""
    from linli.orgs import facade

    found = {t: _memory.get(("team", t)) for t in team_ids if t}
    missing = [t for t, kept in found.items() if kept is None or kept[0] < time.monotonic()]
    if missing:
        teams = facade.teams(missing)
        for t in missing:
            info = teams.get(t)
            name = {"zh": info.name_zh, "en": info.name_en or info.name_zh} if info else {"zh": "", "en": ""}
            _memory[("team", t)] = (time.monotonic() + NAMES_S, name)
    return {t: _memory[("team", t)][1] for t in found}


def names(account_ids: Iterable[UUID | None]) -> dict[UUID, str]:
    """Staff names, for staff, as of a minute ago at most."""
    from linli.identity import facade

    wanted = {a for a in account_ids if a}
    missing = [a for a in wanted if (kept := _memory.get(("name", a))) is None or kept[0] < time.monotonic()]
    if missing:
        found = facade.display_name(missing)
        for a in missing:
            _memory[("name", a)] = (time.monotonic() + NAMES_S, found.get(a, ""))
    return {a: _memory[("name", a)][1] for a in wanted}


def forget(*what: str) -> None:
    """Ask again for all, or for what is kept by these words."""
    for key in [k for k in _memory if not what or k[0] in what]:
        del _memory[key]
