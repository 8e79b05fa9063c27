"""What all writes share: the timeline, the events, the words of a conflict."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from linli.cases import ports, tables
from linli.cases.models import FINAL, Case, TimelineEntry
from linli.cases.rules.workflow import REASONS_ZH, Facts
from linli.kernel import audit, clock, events, rows
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict
from linli.kernel.i18n import say
from linli.kernel.masks import mask_text

PUBLIC_ACTS = {"report", "accept", "reject", "file", "dispatch", "take", "finish", "self_handle", "close", "reopen",
               "merge", "unmerge", "cancel", "suspend", "resume", "mediate", "settle", "unsettled", "refer",
               "referral_done", "referral_refused", "grant_extension"}  # fmt: skip


def id_text(value: UUID | None) -> str | None:
    """An id as JSON holds it."""
    return str(value) if value else None


def facts(case: Case) -> Facts:
    return make_facts(
        Facts(case.state, case.area_path, case.team_id, tuple(case.handler_ids), case.closed_at),
        supervised=case.supervised, side=case.side, centre_id=case.centre_id,
    )  # fmt: skip


def make_facts(base: Facts, *, supervised: bool, side: dict[str, Any] | None, centre_id: UUID | None) -> Facts:
    """With what is open on a side path, and the centre that holds the case."""
    side = side or {}
    centre = ports.centre(centre_id) if centre_id else None
    transfer = side.get("transfer")
    return replace(
        base, back=(side.get("back") or {}).get("state", ""), supervised=supervised,
        pending={k: UUID(v["by"]) if v.get("by") else None for k, v in side.items() if k != "back"},
        centre_area=centre.area_path if centre else "", centre_to=UUID(transfer["to"]) if transfer else None,
    )  # fmt: skip


def reason(text: str) -> str:
    """What a guard says, in the language of the request."""
    return say(REASONS_ZH.get(text, text), text)


def entry(
    *, case: Case, actor: Actor, act: str, at: datetime, from_state: str = "", note: str = "",
    detail: dict[str, Any] | None = None,
) -> TimelineEntry:  # fmt: skip
    """One row of the case's timeline. Notes are masked like any free text."""
    row = TimelineEntry(
        case_id=case.id, at=at, actor_kind=actor.kind, actor_id=actor.account_id, act=act,
        from_state=from_state or case.state, to_state=case.state, note=mask_text(note)[0][:4000] if note else "",
        detail=detail or {}, public=act in PUBLIC_ACTS,
    )  # fmt: skip
    rows.insert([row])
    return row


def tell(*, case: Case, actor: Actor, type: str, act: str) -> None:
    """The event for staff, and for a public case one that anybody may have."""
    data = {
        "number": case.number, "act": act, "state": case.state, "step": case.step, "kind": case.kind,
        "class": case.class_code, "urgent": case.urgent, "version": case.version,
        "team_id": str(case.team_id) if case.team_id else None,
        "due_at": case.due_at.isoformat() if case.due_at else None,
        "claimed": bool(case.claimed_until and case.claimed_until > clock.now()),
        "lon": case.lon, "lat": case.lat, "open": case.closed_at is None,
    }  # fmt: skip
    told = {"number": case.number, "state": case.state, "step": case.step, "open": case.closed_at is None}
    events.emit(
        type=type, kind="case", ref=case.id, area=case.area_path, data=data,
        permission="cases.private" if case.private else "cases.view",
        public=told if not case.private and case.source == "linli" else None,
    )  # fmt: skip


def record(*, case: Case, actor: Actor, act: str, detail: dict[str, Any] | None = None) -> None:
    audit.record(
        actor=actor, action=f"case.{act}", kind="case", ref=case.id, area=case.area_path,
        detail={"number": case.number, "state": case.state, "version": case.version, **(detail or {})},
    )  # fmt: skip


def too_late(case: Case, why: str) -> Conflict:
    """A guard that speaks of the case refuses: somebody else has answered what was open."""
    state = tables.transitions().states[case.state]
    return Conflict(
        say(f"{REASONS_ZH.get(why, why)}; 案件现为“{state.zh}”, 请刷新后再办",
            f"{why[0].upper()}{why[1:]}; the case is now “{state.en}”. Reload it first"),
        code="case-changed",
    )  # fmt: skip


def conflict(case: Case, action_zh: str, action_en: str) -> Conflict:
    """Names who was first, what they did and when, so that nobody has to ask around."""
    last = TimelineEntry.objects.filter(case_id=case.id).exclude(from_state="").order_by("-at", "-id").first()
    state = tables.transitions().states[case.state]
    if last is None:
        return Conflict(say(f"案件现为“{state.zh}”, 不能{action_zh}", f"The case is “{state.en}”: cannot {action_en}"))
    who = ports.names([last.actor_id]).get(last.actor_id, "") if last.actor_id else ""
    item = tables.transitions().transitions.get(last.act)
    local = last.at.astimezone(tables.calendar().zone)
    zh = f"{who or '系统'}已于 {local:%H:%M} {item.zh if item else '更新'}此案件, 现为“{state.zh}”; 刷新后再{action_zh}"
    en = f"{who or 'The system'} was first: “{item.en if item else 'Update'}” at {local:%H:%M}; " + (
        f"the case is now “{state.en}”. Reload, then {action_en.lower()}"
    )
    return Conflict(say(zh, en), code="case-changed")


TASK_WORDS = {"accepted": ("接单", "taken"), "arrived": ("到场", "arrived for"), "done": ("办结", "finished"),
              "returned": ("退回", "returned")}  # fmt: skip


def task_conflict(task_id: UUID) -> Conflict | None:
    """What the team has done with its task, where the case is behind; None when it has done nothing."""
    task = ports.task(task_id)
    if task is None or task.state not in TASK_WORDS:
        return None
    who = ports.names([who_id]).get(who_id, "") if (who_id := task.done_by or task.assignee_id) else ""
    zh, en = TASK_WORDS[task.state]
    return Conflict(
        say(f"{who or '班组'}已{zh}此任务; 请刷新后再办", f"{who or 'The team'} has {en} the task; reload the case"),
        code="task-changed",
    )


def save(case: Case, at: datetime) -> None:
    """Write the case with its next version; an ended case carries the time of its end."""
    case.version += 1
    case.updated_at = at
    case.step = tables.transitions().states[case.state].step
    if case.state in FINAL and case.closed_at is None:
        case.closed_at = at
    elif case.state not in FINAL:
        case.closed_at = None
    fields = [f.name for f in case._meta.concrete_fields if f.attname not in case.get_deferred_fields()]
    case.save(update_fields=[f for f in fields if f != "id"])
