"""Writes of joint operations. Each locks the operation first, so that two people's acts come one after the other.

Its state is told by `operation.changed`; what matters to a linked case stands in that case's timeline too.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from linli.cases import facade as cases
from linli.command import operation_plan
from linli.command.models import Operation, OperationItem, OperationNote
from linli.command.operation_plan import MAX_ITEMS, MAX_NOTES, MAX_WORDS, Plan, PlanItem
from linli.command.operation_selectors import MANAGE, VIEW, locked
from linli.identity import facade as identity
from linli.kernel import audit, clock, events, services
from linli.kernel.actor import SYSTEM, Actor
from linli.kernel.errors import Conflict, Invalid
from linli.kernel.i18n import say
from linli.work import facade as work
from linli.work.contracts import RUNNING


def create_operation(*, actor: Actor, plan: Plan) -> Operation:
    """A planned operation; no team hears of it before it starts."""
    actor.require(MANAGE, plan.area_path)
    with services.unit(actor):
        row = Operation.objects.create(
            **operation_plan.fields(actor, plan), checks=operation_plan.checks(plan), by=actor.account_id
        )
        _fill(row, operation_plan.items(plan))
        _told(actor, row, "create")
        _timelines(actor, row, "link", row.case_ids)
    return row


def change_operation(*, actor: Actor, operation_id: UUID, plan: Plan, version: int) -> Operation:
    """Put another plan in its place while it is planned. Ticks of points whose words stay are kept."""
    actor.require(MANAGE, plan.area_path)
    with services.unit(actor):
        row = locked(actor, operation_id)
        if row.state != "planned":
            raise _late(row)
        if row.version != version:
            zh, en = "行动已被他人修改, 请刷新后再改", "Somebody else changed the operation; reload it first"
            raise Conflict(say(zh, en), code="stale")
        before = list(row.case_ids)
        for name, value in operation_plan.fields(actor, plan, before).items():
            setattr(row, name, value)
        row.checks = operation_plan.checks(plan, row.checks)
        row.items.all().delete()
        _fill(row, operation_plan.items(plan))
        _saved(row)
        _told(actor, row, "change")
        _timelines(actor, row, "link", [one for one in row.case_ids if one not in before])
    return row


def start_operation(*, actor: Actor, operation_id: UUID) -> Operation:
    """Each item becomes its team's task. Who comes second is told who was first."""
    with services.unit(actor):
        row = locked(actor, operation_id)
        if row.state != "planned":
            raise _late(row)
        row.state, row.started_by, row.started_at = "running", actor.account_id, clock.now()
        for item in row.items.order_by("ordinal"):
            _send(actor, row, item)
        _saved(row)
        _told(actor, row, "start")
        _timelines(actor, row, "start", row.case_ids)
    return row


def add_item(*, actor: Actor, operation_id: UUID, item: PlanItem) -> Operation:
    """One more task for a team of a running operation, sent at once."""
    with services.unit(actor):
        row = _running(actor, operation_id)
        count = row.items.count()
        if count >= MAX_ITEMS:
            raise Invalid("title", f"an operation has at most {MAX_ITEMS} items")
        good = operation_plan.item(item, "", row.team_ids, (row.begins_at, row.ends_at))
        _send(actor, row, _item(row, count, good))
        _saved(row)
        _told(actor, row, "item")
    return row


def tick(*, actor: Actor, operation_id: UUID, check: int, done: bool) -> Operation:
    """Tick a point of the operation's own list, or take the tick back. Ticked already: nothing happens."""
    with services.unit(actor):
        row = _open(actor, operation_id)
        if not 0 <= check < len(row.checks):
            raise Invalid("check", f"must be a point of the list, from 0, of {len(row.checks)}")
        point = row.checks[check]
        if point["done"] != done:
            who = str(actor.account_id) if actor.account_id else None
            point |= {"done": done, "by": who if done else None, "at": clock.now().isoformat() if done else None}
            row.save(update_fields=["checks"])  # the version stays: a tick makes nobody's open form stale
            _told(actor, row, "tick" if done else "untick")
    return row


def write_note(*, actor: Actor, operation_id: UUID, text: str) -> Operation:
    """A line of the log."""
    words = operation_plan.text("text", text, MAX_WORDS)
    with services.unit(actor):
        row = _open(actor, operation_id)
        if row.notes.count() >= MAX_NOTES:
            raise Invalid("text", f"an operation has at most {MAX_NOTES} notes")
        OperationNote.objects.create(operation=row, text=words, by=actor.account_id)
        _told(actor, row, "note")
    return row


def end_operation(*, actor: Actor, operation_id: UUID, summary: str, take_back: bool = False) -> Operation:
    """End with words that stay. Tasks still under way are in the way, unless they are taken back with the end."""
    words = operation_plan.text("summary", summary, MAX_WORDS)
    with services.unit(actor):
        row = _running(actor, operation_id)
        left = _left(row)
        if left and not take_back:
            zh, en = f"还有 {len(left)} 项任务未办结", f"{len(left)} tasks are still under way"
            raise Conflict(say(zh, en), code="tasks-left")
        _take_back(actor, left, say("联合行动已结束", "The joint operation has ended"))
        _close(actor, row, "ended", "end", words)
    return row


def cancel_operation(*, actor: Actor, operation_id: UUID, reason: str) -> Operation:
    """Call it off. Tasks that have not ended are taken back from their teams."""
    words = operation_plan.text("reason", reason, MAX_WORDS)
    with services.unit(actor):
        row = _open(actor, operation_id)
        _take_back(actor, _left(row), words)
        _close(actor, row, "cancelled", "cancel", words)
    return row


def _close(actor: Actor, row: Operation, state: str, act: str, words: str) -> None:
    row.state, row.words, row.closed_by, row.closed_at = state, words, actor.account_id, clock.now()
    _saved(row)
    _told(actor, row, act)
    _timelines(actor, row, act, row.case_ids, words)


def _fill(row: Operation, items: Sequence[PlanItem]) -> None:
    for n, one in enumerate(items):
        _item(row, n, one)


def _item(row: Operation, ordinal: int, one: PlanItem) -> OperationItem:
    return OperationItem.objects.create(
        operation=row, ordinal=ordinal, team_id=one.team_id, title=one.title, due_at=one.due_at,
        checks=list(one.checks), needs_photo=one.needs_photo,
    )  # fmt: skip


def _send(actor: Actor, row: Operation, item: OperationItem) -> None:
    item.task_id = work.open_task(
        actor=actor, case_id=None, team_id=item.team_id, area_path=row.area_path, title=item.title,
        due_at=item.due_at or row.ends_at, kind="other", needs_photo=item.needs_photo, checklist=item.checks,
        note=f"{row.title}\n{row.purpose}".strip(),
    )  # fmt: skip
    item.save(update_fields=["task_id"])


def _left(row: Operation) -> list[UUID]:
    sent = [one for one in row.items.values_list("task_id", flat=True) if one]
    return [one.id for one in work.tasks(sent).values() if one.state in RUNNING]


def _take_back(actor: Actor, tasks: Sequence[UUID], reason: str) -> None:
    for one in tasks:
        work.cancel_task(actor=actor, task_id=one, reason=reason)  # one that ended meanwhile stays as it is


def _open(actor: Actor, operation_id: UUID) -> Operation:
    row = locked(actor, operation_id)
    if row.state not in ("planned", "running"):
        raise _late(row)
    return row


def _running(actor: Actor, operation_id: UUID) -> Operation:
    row = _open(actor, operation_id)
    if row.state != "running":
        raise Conflict(say("联合行动还没有开始", "The operation has not started yet"))
    return row


def _late(row: Operation) -> Conflict:
    """Who did it, and when."""
    by, at = (row.started_by, row.started_at) if row.state == "running" else (row.closed_by, row.closed_at)
    who = identity.display_name({by}).get(by, "") if by else ""
    when = f"{at.astimezone(cases.zone()):%H:%M}" if at else ""
    zh, en = {"running": ("开始", "started"), "ended": ("结束", "ended"), "cancelled": ("取消", "cancelled")}[row.state]
    say_zh, say_en = f"{who or '系统'}已于 {when} {zh}此次行动", f"{who or 'The system'} {en} this operation at {when}"
    return Conflict(say(say_zh, say_en), code=f"operation-{row.state}")


def _saved(row: Operation) -> None:
    row.version += 1
    row.save()


def _told(actor: Actor, row: Operation, act: str) -> None:
    audit.record(actor=actor, action=f"operation.{act}", kind="operation", ref=row.id, area=row.area_path,
                 detail={"state": row.state, "version": row.version})  # fmt: skip
    events.emit(type="operation.changed", kind="operation", ref=row.id, area=row.area_path, permission=VIEW,
                data={"state": row.state, "act": act})  # fmt: skip


def _timelines(actor: Actor, row: Operation, act: str, case_ids: Sequence[str], words: str = "") -> None:
    """A case that somebody else linked and the actor does not see hears of it all the same, from the system."""
    seen = cases.rows_seen(actor, [UUID(one) for one in case_ids]) if case_ids else {}
    for one in map(UUID, case_ids):
        cases.card_act(actor=actor if one in seen else SYSTEM, case_id=one, act=f"operation_{act}",
                       note=f"{row.title}: {words}" if words else row.title,
                       detail={"operation": str(row.id)})  # fmt: skip
