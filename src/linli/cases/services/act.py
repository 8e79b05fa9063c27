"""Doing an act of the transition table, taking a dispatch back, and following the team's task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from linli.cases import clocks, ports, tables
from linli.cases.contracts import Done
from linli.cases.models import Case, Photo
from linli.cases.rules import workflow
from linli.cases.rules.workflow import Transition
from linli.cases.selectors import visible
from linli.cases.services import common, demands, intake, joining, photos, side, upkeep
from linli.cases.services.effects import EFFECTS
from linli.kernel import clock, services
from linli.kernel.actor import SYSTEM, Actor
from linli.kernel.errors import Conflict, FieldError, Forbidden, Invalid

AS_IT_WAS = ("state", "clocks", "pauses", "told", "class_code", "condition_no", "urgent", "private")
UNDO_FIELDS = (*AS_IT_WAS, "team_id", "task_id", "dispatched_at", "filed_at")


def act(
    *, actor: Actor, case_id: UUID, action: str, version: int | None = None, given: Mapping[str, Any] | None = None
) -> Done:
    """Do `action`. With `version`, only on the case as the caller saw it: else a Conflict naming who was first."""
    table = tables.transitions()
    item = table.transitions.get(action)
    if item is None:
        raise Invalid("action", f"must be one of {', '.join(table.transitions)}")
    with services.unit(actor):
        joining.lock_all(case_id, action, dict(given or {}))
        case = visible.get(actor, case_id, lock=True)
        done = do(case=case, actor=actor, item=item, version=version, given=dict(given or {}))
        if "resume" in (item.clock or {}):
            done = _catch_up(case) or done
        return done


def _catch_up(case: Case) -> Done | None:
    """What the team did with its task while the case stood still, and could not follow."""
    task = ports.task(case.task_id) if case.task_id else None
    state = "accepted" if task and task.state == "arrived" else task.state if task else ""
    if task is None or state not in ("accepted", "done", "returned"):
        return None
    who = task.done_by or (task.assignee_id if state == "accepted" else None)
    return _follow(case, SYSTEM, task.id, state, {"handler_id": who and str(who)})


def do(*, case: Case, actor: Actor, item: Transition, version: int | None, given: dict[str, Any]) -> Done:
    """The same on a locked case, inside the caller's transaction."""
    table, at = tables.transitions(), clock.now()
    if case.source != "linli":
        raise Conflict("an imported case is read-only")
    facts = common.facts(case)
    if "not_handler" in item.guards:  # the field app may be ahead of the event that brings its news here
        facts = replace(facts, handler_ids=(*facts.handler_ids, *ports.handlers_of(case.id)))
    if not workflow.permitted(item, facts, actor):
        raise Forbidden(f"needs {' or '.join(item.who)} in {case.area_path or 'the whole district'}")
    if (version is not None and version != case.version) or case.state not in item.sources:
        raise common.conflict(case, item.zh, item.en)
    guard, reason = workflow.refusing(table, item, facts, actor, at)
    if guard in workflow.STATE_GUARDS:
        raise common.too_late(case, reason)
    if reason:
        raise Forbidden(common.reason(reason))
    _need(case, item, given)
    return _move(case, actor, item, given, at)


def _need(case: Case, item: Transition, given: dict[str, Any]) -> None:
    known = {"class": case.class_code, **{k: v for k, v in given.items() if v is not None}}
    if "photo_after" in item.need:
        known["photo_after"] = Photo.objects.filter(case=case, stage="after").exists()
    wrong = [name for name in workflow.missing(item, known) if name != "photo_after"]
    if known.get("photo_after") is False:
        wrong.append("photo_after")
    errors = [FieldError(name, "is needed for this act") for name in wrong]
    errors += [e for e in demands.of_act(case, item, given) if e.field not in wrong]
    if errors:
        raise Invalid(errors=errors)


def _move(case: Case, actor: Actor, item: Transition, given: dict[str, Any], at: datetime) -> Done:
    before = {name: getattr(case, name) for name in UNDO_FIELDS}
    from_state, due, was = case.state, case.handle_due_at, side.snapshot(case)
    detail: dict[str, Any] = {"outside": given["outside"]} if given.get("outside") else {}
    if "classify" in item.effects:  # the limits of the clocks that start now depend on it
        detail |= EFFECTS["classify"](case, actor, given, at)
    case.state = workflow.target_of(item, common.facts(case))
    if "remember" in item.effects:
        side.put(case, "back", was)
    clocks.apply(case, item.clock, at, given)
    for name in item.effects:
        if name != "classify":
            detail |= EFFECTS[name](case, actor, given, at)
    if case.handle_due_at != due and "open_task" not in item.effects:
        upkeep.follow_due(case)
    case.claimed_by = case.claimed_until = None
    case.undo = _undo(case, actor, item, before, at)
    common.save(case, at)
    note = str(given.get("note") or given.get("reason") or "")
    who = actor
    if actor.kind == "system" and given.get("handler_id"):  # the team's own act, told by an event
        who = Actor(kind="account", account_id=UUID(str(given["handler_id"])))
    common.entry(case=case, actor=who, act=item.act, at=at, from_state=from_state, note=note, detail=detail)
    common.record(case=case, actor=actor, act=item.act, detail={"from": from_state, **detail})
    common.tell(case=case, actor=actor, type="case.changed", act=item.act)
    return Done(case.id, case.number, case.state, case.version, detail)


def _undo(case: Case, actor: Actor, item: Transition, before: dict[str, Any], at: datetime) -> dict[str, Any] | None:
    if not item.undo_s or actor.account_id is None:
        return None
    return undo_record(actor, item.act, before, at + timedelta(seconds=item.undo_s))


def undo_record(actor: Actor, action: str, before: Mapping[str, Any], until: datetime) -> dict[str, Any]:
    """What a case keeps of an act that may be taken back: by whom, until when, and the fields as they were."""
    plain = {k: (v.isoformat() if isinstance(v, datetime) else str(v) if isinstance(v, UUID) else v)
             for k, v in before.items()}  # fmt: skip
    return {"by": str(actor.account_id), "until": until.isoformat(), "act": action, "before": plain}


def undo_dispatch(*, actor: Actor, case_id: UUID) -> Done:
    """Take one's own last dispatch back within its seconds, unless the team has already taken it."""
    with services.unit(actor):
        case, at = visible.get(actor, case_id, lock=True), clock.now()
        undo = case.undo
        if not undo or undo["by"] != str(actor.account_id) or case.state != "dispatched":
            raise Conflict(common.say("没有可以撤回的派遣", "No dispatch to take back"), code="nothing-to-undo")
        if datetime.fromisoformat(undo["until"]) < at:
            raise Conflict(
                common.say("已超过 10 秒, 请改用“收回改派”", "The 10 seconds are over; use Recall"), code="too-late"
            )
        take_back(case, actor, "dispatch", undo["before"], at)
        return Done(case.id, case.number, case.state, case.version)


def take_back(case: Case, actor: Actor, action: str, before: Mapping[str, Any], at: datetime) -> None:
    """Undo `action` on a locked case; a dispatch only while the team has not begun with its task."""
    was, told, task_id = case.state, f"undo_{action}", case.task_id if action == "dispatch" else None
    if task_id and not ports.cancel_task(actor=actor, task_id=task_id, reason="undo", untouched=True):
        raise common.task_conflict(task_id) or Conflict(
            common.say("任务已被取消", "The task was called off"), code="task-changed"
        )
    _restore(case, before)
    common.save(case, at)
    common.entry(case=case, actor=actor, act=told, at=at, from_state=was)
    common.record(case=case, actor=actor, act=told)
    common.tell(case=case, actor=actor, type="case.changed", act=told)


def _restore(case: Case, before: Mapping[str, Any]) -> None:
    for name in AS_IT_WAS:
        setattr(case, name, before.get(name, getattr(case, name)))
    case.tokens = intake.search_tokens(case)  # the words of the class are among them
    for name in ("team_id", "task_id"):
        setattr(case, name, UUID(before[name]) if before[name] else None)
    for name in ("dispatched_at", "filed_at"):
        setattr(case, name, datetime.fromisoformat(before[name]) if before[name] else None)
    case.undo = case.claimed_by = case.claimed_until = None
    clocks.store(case, clocks.clocks_of(case))


def follow_task(*, actor: Actor, case_id: UUID, task_id: UUID, state: str, given: Mapping[str, Any]) -> bool:
    """What the team did with its task moves the case. False when the case has moved on, which is no error."""
    case = Case.objects.select_for_update().defer("tokens").filter(pk=case_id).first()
    if case is None or case.source != "linli":
        return False
    _take_photos(case, task_id, actor)
    return case.task_id == task_id and _follow(case, actor, task_id, state, given) is not None


def _follow(case: Case, actor: Actor, task_id: UUID, state: str, given: Mapping[str, Any]) -> Done | None:
    table = tables.transitions()
    if not (action := table.tasks.get(state, "")):
        return None
    item = table.transitions[action]
    if action == "finish" and case.state == "dispatched" and "take" in table.transitions:
        do(case=case, actor=actor, item=table.transitions["take"], version=None, given={**given, "from_task": True})
    if case.state not in item.sources:
        return None
    told = ports.task_result(task_id) or ("—" if item.need else "")
    with_note = {"note": told, "reason": told, **{k: v for k, v in given.items() if v}}
    return do(case=case, actor=actor, item=item, version=None, given={**with_note, "from_task": True})


def _take_photos(case: Case, task_id: UUID, actor: Actor) -> None:
    """The case keeps its own copies of the team's pictures: they live and die with the case."""
    for item in ports.task_photos(task_id):
        photos.copy(case=case, actor=actor, photo_id=UUID(item["id"]), stage=item["stage"],
                    file_ids=(UUID(item["file_id"]), UUID(item["thumb_id"])))  # fmt: skip
