"""催办: a reminder to the team that has a case. It is no act: nothing of the case changes, and it stays on the desk."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from linli.cases import ports
from linli.cases.models import Case, TimelineEntry
from linli.cases.selectors import visible
from linli.cases.services import common
from linli.kernel import clock, events, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Invalid

MOST, NOTE, AGAIN = 100, 500, timedelta(hours=1)
Row = dict[str, Any]


def remind(*, actor: Actor, case_ids: Sequence[UUID], note: str, preview: bool = False) -> list[Row]:
    """Remind the teams that have these cases; with `preview` only say what would be done.

    Each row: {case_id, number, team, told: how many are told, skipped: '' or ended, no_team, just_reminded}.
    """
    note = note.strip()
    if not 1 <= len(set(case_ids)) <= MOST:
        raise Invalid("case_ids", f"must be 1 to {MOST} cases")
    if len(note) > NOTE or "\0" in note or (not preview and not note):
        raise Invalid("note", f"must have 1 to {NOTE} characters")
    with services.unit(actor):
        at = clock.now()
        return [_one(actor, case_id, note, at, preview) for case_id in sorted(set(case_ids))]


def _one(actor: Actor, case_id: UUID, note: str, at: datetime, preview: bool) -> Row:
    case = visible.get(actor, case_id, lock=not preview)
    actor.require("cases.supervise", case.area_path)
    who = _told(case)
    team = ports.team_names([case.team_id]).get(case.team_id) if case.team_id else None
    row = {"case_id": case.id, "number": case.number, "team": team, "told": len(who), "skipped": _skipped(case, at)}
    if not preview and not row["skipped"]:
        _write(case, actor, note, at, who)
    return row


def _told(case: Case) -> list[UUID]:
    """The leads of the team, or all of a team without one."""
    if case.team_id is None:
        return []
    return ports.members_of(case.team_id, leads=True) or ports.members_of(case.team_id, leads=False)


def _skipped(case: Case, at: datetime) -> str:
    if case.closed_at is not None or case.source != "linli":
        return "ended"
    if case.team_id is None:
        return "no_team"
    just = TimelineEntry.objects.filter(case_id=case.id, act="remind", at__gt=at - AGAIN)
    return "just_reminded" if just.exists() else ""


def _write(case: Case, actor: Actor, note: str, at: datetime, who: list[UUID]) -> None:
    detail = {"team": common.id_text(case.team_id), "told": len(who)}
    common.entry(case=case, actor=actor, act="remind", at=at, note=note, detail=detail)
    common.record(case=case, actor=actor, act="remind", detail=detail)
    common.tell(case=case, actor=actor, type="case.changed", act="remind")
    data = {"number": case.number, "act": "remind", "stage": "", "urgent": case.urgent,
            "due_at": case.due_at.isoformat() if case.due_at else None}  # fmt: skip
    for account_id in who:
        events.emit(type="case.notice", kind="case", ref=case.id, area=case.area_path, data=data,
                    audience=f"account:{account_id}")  # fmt: skip
