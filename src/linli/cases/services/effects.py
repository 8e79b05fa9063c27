"""The effects that transitions name: what an act does besides moving the case. Each gets (case, actor, given, at)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from linli.cases import clocks, ports, tables
from linli.cases.models import Case, Reporter
from linli.cases.services import common, demands, intake, joining, side
from linli.kernel.actor import Actor
from linli.kernel.errors import Invalid

Given = dict[str, Any]
Effect = Callable[[Case, Actor, Given, datetime], dict[str, Any]]


def classify(case: Case, actor: Actor, given: Given, at: datetime) -> dict[str, Any]:
    """Set or correct class, condition row, urgency and privacy."""
    catalogue, before = tables.catalogue(), (case.class_code, case.condition_no, case.urgent, case.private)
    if code := given.get("class"):
        if code not in catalogue.classes:
            raise Invalid("class", "is not in the catalogue")
        case.condition_no = case.condition_no if code == case.class_code else None
        case.class_code = code
    if (number := given.get("condition")) is not None:
        if catalogue.condition(case.class_code, number, tables.today()) is None:
            raise Invalid("condition", "is not a row of this class")
        case.condition_no = number
    for name in ("urgent", "private"):
        if given.get(name) is not None:
            setattr(case, name, bool(given[name]))
    if before == (case.class_code, case.condition_no, case.urgent, case.private):
        return {}
    case.tokens = intake.search_tokens(case)
    clocks.relimit(case, at)
    return {"class": case.class_code, "condition": case.condition_no, "urgent": case.urgent, "private": case.private}


def stamp_filed(case: Case, actor: Actor, given: Given, at: datetime) -> dict[str, Any]:
    case.filed_at = case.filed_at or at
    return {}


def stamp_finished(case: Case, actor: Actor, given: Given, at: datetime) -> dict[str, Any]:
    case.finished_at = at
    return {}


def stamp_verifier(case: Case, actor: Actor, given: Given, at: datetime) -> dict[str, Any]:
    case.verifier_id = actor.account_id
    return {}


def add_handler(case: Case, actor: Actor, given: Given, at: datetime) -> dict[str, Any]:
    """Whoever laid hands on the case is kept, for good: they never verify it."""
    for who in (actor.account_id, given.get("handler_id")):
        if who and UUID(str(who)) not in case.handler_ids:
            case.handler_ids = [*case.handler_ids, UUID(str(who))]
    return {}


def open_task(case: Case, actor: Actor, given: Given, at: datetime) -> dict[str, Any]:
    """Give the case to a team as a task of the field app."""
    team_id = UUID(str(given.get("team") or case.team_id))
    team = ports.team(team_id)
    if team is None:
        raise Invalid("team", "is unknown")
    member = _member(team_id, given.get("member"))
    case.team_id, case.dispatched_at = team_id, at
    clocks.for_team(case, at)
    case.task_id = ports.open_task(
        actor=actor, case_id=case.id, team_id=team_id, area_path=case.area_path, title=title(case),
        due_at=case.handle_due_at, illustrative=_illustrative(case), kind="handle",
        needs_photo=demands.photos_after(case) > 0, assignee_id=member,
        place={"lon": case.lon, "lat": case.lat, "address": case.address, "grid_id": common.id_text(case.grid_id),
               "unit_id": common.id_text(case.unit_id)},
    )  # fmt: skip
    told = {"member_id": str(member)} if member else {}
    if given.get("rule"):  # nobody dispatched it: a rule did
        told["rule"] = given["rule"]
    return {"team_id": str(team_id), "task_id": str(case.task_id), **told}


def _member(team_id: UUID, given: Any) -> UUID | None:
    """The member whom the task is meant for; any of the team may take it all the same."""
    if not given:
        return None
    member = UUID(str(given))
    if member not in ports.members_of(team_id, leads=False):
        raise Invalid("member", "is not in that team")
    return member


def _illustrative(case: Case) -> bool:
    """Whether the limit of handling has no source."""
    return bool(case.clocks.get("handle", {}).get("illustrative"))


def title(case: Case) -> str:
    """A task's title: number and class, never words that may speak of a person."""
    found = tables.catalogue().classes.get(case.class_code)
    return f"{case.number} {found.zh if found else ''}".strip()


def cancel_task(case: Case, actor: Actor, given: Given, at: datetime) -> dict[str, Any]:
    """Take the team's open task back; what the team has ended meanwhile is not called off behind its back."""
    if not _called_off(case, actor, given) and case.task_id and (said := common.task_conflict(case.task_id)):
        raise said
    case.task_id = None
    return {}


def end_task(case: Case, actor: Actor, given: Given, at: datetime) -> dict[str, Any]:
    """The work is done: the task ends with it, if it had not ended already."""
    _called_off(case, actor, given)
    case.task_id = None
    return {}


def _called_off(case: Case, actor: Actor, given: Given) -> bool:
    """False when the task had ended before; nothing to do when the task itself is what changed."""
    if not case.task_id or given.get("from_task"):
        return True
    return ports.cancel_task(actor=actor, task_id=case.task_id, reason=str(given.get("reason") or ""))


def drop_team(case: Case, actor: Actor, given: Given, at: datetime) -> dict[str, Any]:
    detail = {"team_id": common.id_text(case.team_id)}
    case.team_id = None
    return detail


def count_return(case: Case, actor: Actor, given: Given, at: datetime) -> dict[str, Any]:
    case.return_count += 1
    return {}


def count_rework(case: Case, actor: Actor, given: Given, at: datetime) -> dict[str, Any]:
    """Work begins again: whoever verified the last round may handle this one, and then verifies it no more."""
    case.rework_count += 1
    case.finished_at = case.verifier_id = None
    return {"rework": case.rework_count}


def extend(case: Case, actor: Actor, given: Given, at: datetime) -> dict[str, Any]:
    hours = float(given["hours"])
    if not 0 < hours <= 2000:
        raise Invalid("hours", "must be between 0 and 2000")
    clocks.extend(case, hours, at)
    return {"hours": hours}


def outcome(case: Case, actor: Actor, given: Given, at: datetime) -> dict[str, Any]:
    """The case has ended, and with it what was merged into it: the retention of the reporters' contacts begins."""
    Reporter.objects.filter(case__in=joining.below(case.id)).update(ended_at=at)
    return {}


def reopen(case: Case, actor: Actor, given: Given, at: datetime) -> dict[str, Any]:
    case.reopen_count += 1
    case.team_id = case.task_id = case.finished_at = case.verifier_id = None
    for name in (*(case.side or {}),):
        if name != "supervision":
            side.put(case, name, None)
    Reporter.objects.filter(case__in=joining.below(case.id)).update(ended_at=None)
    return {"reopen": case.reopen_count}


def score(case: Case, actor: Actor, given: Given, at: datetime) -> dict[str, Any]:
    value = int(given["score"])
    if not 1 <= value <= 5:
        raise Invalid("score", "must be 1 to 5")
    case.score = value
    return {"score": value}


EFFECTS: dict[str, Effect] = {
    fn.__name__: fn
    for fn in (classify, stamp_filed, stamp_finished, stamp_verifier, add_handler, open_task, cancel_task, drop_team,
               end_task, count_return, count_rework, extend, outcome, reopen, score)
} | joining.EFFECTS | side.EFFECTS  # fmt: skip
