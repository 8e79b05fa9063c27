"""Writes of command: one transaction, one audit row, one event each."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from linli.cases import facade as cases
from linli.command import selectors
from linli.command.models import Handover
from linli.devices import facade as devices
from linli.kernel import audit, clock, events, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict, Forbidden, Invalid
from linli.kernel.i18n import say
from linli.kernel.masks import mask_text
from linli.kernel.scope import area_or_own

MOST, MAX_NOTE, MAX_LINE_NOTE = 30, 4000, 400


def write_handover(*, actor: Actor, area: str | None = None) -> Handover:
    """The actor's draft for an area, filled with what is open now; what was written to its lines stays."""
    path = area_or_own(actor, "desk.handover", area)
    with services.unit(actor):
        row = _draft(actor, path)
        row.lines = _kept(row.lines, _lines(actor, path))
        row.save(update_fields=["lines"])
        _told(actor, row, "draft")
    return row


def edit_handover(*, actor: Actor, handover_id: UUID, note: str | None, line_notes: dict[str, str]) -> Handover:
    """Change the words of one's own draft; `line_notes` by the line's key."""
    with services.unit(actor):
        row = _own_draft(actor, handover_id)
        if note is not None:
            row.note = _text("note", note, MAX_NOTE)
        known = {line["key"] for line in row.lines}
        if strange := sorted(set(line_notes) - known):
            raise Invalid("lines", f"has no line {strange[0]}")
        for line in row.lines:
            if line["key"] in line_notes:
                line["note"] = _text(f"lines.{line['key']}", line_notes[line["key"]], MAX_LINE_NOTE)
        row.save(update_fields=["note", "lines"])
        _told(actor, row, "edit")
    return row


def hand_over(*, actor: Actor, handover_id: UUID) -> Handover:
    """Sign the draft: from now on its lines stand as they are, and the area's desk sees it."""
    with services.unit(actor):
        row = _own_draft(actor, handover_id)
        row.lines = _kept(row.lines, _lines(actor, row.area_path))
        row.state, row.handed_at = "handed", clock.now()
        row.save(update_fields=["state", "handed_at", "lines"])
        _told(actor, row, "hand")
    return row


def take_over(*, actor: Actor, handover_id: UUID) -> Handover:
    """The next shift signs that it has read the note; never its writer."""
    with services.unit(actor):
        row = selectors.handover_for_update(actor, handover_id)
        actor.require("desk.handover", row.area_path)
        if row.state != "handed":
            raise Conflict(say("这张交班单已有人接班", "The note was taken over already") if row.state == "taken"
                           else say("这张交班单还没有交出", "The note was not handed over yet"))  # fmt: skip
        if row.by == actor.account_id:
            raise Forbidden(say("交班人不能自己接班", "Whoever handed over cannot take over"))
        row.state, row.taken_by, row.taken_at = "taken", actor.account_id, clock.now()
        row.save(update_fields=["state", "taken_by", "taken_at"])
        _told(actor, row, "take")
    return row


def discard_handover(*, actor: Actor, handover_id: UUID) -> None:
    """Throw one's own draft away."""
    with services.unit(actor):
        row = _own_draft(actor, handover_id)
        _told(actor, row, "discard")
        row.delete()


def _draft(actor: Actor, path: str) -> Handover:
    rows = Handover.objects.select_for_update().filter(state="draft", by=actor.account_id, area_path=path)
    if (found := rows.first()) is not None:
        return found
    try:
        with transaction.atomic():
            return Handover.objects.create(area_path=path, by=actor.account_id)
    except IntegrityError:  # the same person in another window was first
        return rows.get()


def _own_draft(actor: Actor, handover_id: UUID) -> Handover:
    row = selectors.handover_for_update(actor, handover_id)
    actor.require("desk.handover", row.area_path)
    if row.state != "draft":
        raise Conflict(say("已经交班, 不能再改", "It was handed over and cannot be changed"))
    if row.by != actor.account_id:
        raise Forbidden(say("只能修改自己的交班单", "Only the writer changes a note"))
    return row


def _lines(actor: Actor, path: str) -> list[dict[str, Any]]:
    """Urgent first, then promises, alarms and what is overdue; a case stands once."""
    found = cases.desk_lines(actor, path, MOST)
    lines = [_case_line("urgent", item) for item in found["urgent"]]
    lines += [
        {**_case_line("promise", one["case"]), "key": f"promise-{one['call']}", "call": str(one["call"]),
         "promise": one["note"], "due_at": one["promised_at"].isoformat()}
        for one in found["promises"]
    ]  # fmt: skip
    lines += [_alarm_line(one) for one in devices.desk_alarms(actor, path, MOST)]
    urgent = {line["ref"] for line in lines}
    lines += [_case_line("overdue", item) for item in found["overdue"] if str(item["id"]) not in urgent]
    return lines


def _case_line(kind: str, item: dict[str, Any]) -> dict[str, Any]:
    named = item["class"] or ({"zh": "不公开案件", "en": "A private case"} if item["private"] else {"zh": "", "en": ""})
    return {
        "key": f"case-{item['id']}", "kind": kind, "ref": str(item["id"]), "number": item["number"],
        "zh": named["zh"] or item["text"], "en": named["en"] or item["text"], "area_path": item["area_path"],
        "state": item["state"], "state_name": item["state_name"], "team": item["team"],
        "due_at": item["due_at"].isoformat() if item["due_at"] else None, "private": item["private"], "note": "",
    }  # fmt: skip


def _alarm_line(one: dict[str, Any]) -> dict[str, Any]:
    shelved, word = one["shelved_until"], "incident" if one["incident"] else "alarm"
    return {
        "key": f"{word}-{one['id']}", "kind": "alarm", "ref": str(one["id"]), "number": "", "zh": one["zh"],
        "en": one["en"], "area_path": one["area_path"], "severity": one["severity"],
        "raised_at": one["raised_at"].isoformat(), "acknowledged": one["acknowledged"], "private": False,
        "due_at": shelved.isoformat() if shelved else None, "note": "",
    }  # fmt: skip


def _kept(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The new lines with the words that were written to the old ones."""
    words = {line["key"]: line["note"] for line in old if line["note"]}
    return [{**line, "note": words.get(line["key"], "")} for line in new]


def _text(field: str, value: str, most: int) -> str:
    clean = value.strip()
    if len(clean) > most or "\0" in clean:
        raise Invalid(field, f"must have at most {most} characters")
    return mask_text(clean)[0]


def _told(actor: Actor, row: Handover, act: str) -> None:
    audit.record(actor=actor, action=f"handover.{act}", kind="handover", ref=row.id, area=row.area_path,
                 detail={"lines": len(row.lines), "state": row.state})  # fmt: skip
    events.emit(type="handover.changed", kind="handover", ref=row.id, area=row.area_path, permission="desk.view",
                data={"state": row.state, "act": act})  # fmt: skip
