"""Who has an alarm, or an incident as a whole: take it, hand it over, give it back, and the undo of each.

All acts lock the row, so that of two who take it at once one has it and the other is told so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from linli.devices import desk_selectors as desk
from linli.devices import incident_selectors, selectors
from linli.devices.models import Alarm, Assignment, Incident
from linli.devices.services import alarms, incident_acts, incidents
from linli.kernel import audit, clock, events, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict, Forbidden, Invalid, LinliError, NotFound

MOST = 200
FIELDS = ["assignee_id", "team_id", "assigned_at", "taken_at", "changed_at"]


@dataclass(frozen=True, slots=True)
class Which:
    """One alarm, or one incident."""

    alarm_id: UUID | None = None
    incident_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """To whom: oneself (`take`), a person, a team, or nobody (`give_back`). `seen_at`: since when, as the one who asks
    saw it, it was whoever's; another moment by now is refused."""

    take: bool = False
    assignee_id: UUID | None = None
    team_id: UUID | None = None
    give_back: bool = False
    seen_at: datetime | None = None


def assign(*, actor: Actor, which: Which, wish: Wish, text: str = "") -> tuple[Alarm | Incident, Assignment | None]:
    """The row as it is now, and the act; None: it was so already."""
    if len(text) > 1000:
        raise Invalid("text", "is longer than 1000 characters")
    if [wish.take, wish.give_back, wish.assignee_id is not None, wish.team_id is not None].count(True) != 1:
        raise Invalid("assignee_id", "name one person or one team")
    if wish.seen_at is not None and wish.seen_at.tzinfo is None:
        raise Invalid("seen_at", "needs an offset, such as 2026-11-23T08:00:00+08:00")
    with services.unit(actor):
        row = _locked(actor, which)
        if (row.ended_at if isinstance(row, Incident) else row.cleared_at) is not None:
            raise Conflict("it is over", code="cleared")
        kind, person, team = _wanted(actor, row, wish)
        if (person, team) == (row.assignee_id, row.team_id):
            return row, None
        if wish.seen_at is not None and wish.seen_at != row.assigned_at:
            raise Conflict("it has changed hands meanwhile", code="stale")
        return row, _change(actor, row, kind, person, team, text)


def _wanted(actor: Actor, row: Alarm | Incident, wish: Wish) -> tuple[str, UUID | None, UUID | None]:
    """(act, person, team) as they shall be."""
    if wish.give_back:
        return "give_back", None, None
    if wish.team_id is not None:
        if wish.team_id not in {t.id for t in desk.teams_for(row)}:
            raise Invalid("team_id", "is no team of the department, or serves another place")
        return "hand_over", None, wish.team_id
    if not wish.take and wish.assignee_id != actor.account_id:
        if not desk.may_have(row, wish.assignee_id):
            raise Invalid("assignee_id", "is nobody who acts on alarms there, and in no team of the department")
        return "hand_over", wish.assignee_id, None
    if actor.kind != "account" or actor.account_id is None:
        raise Forbidden("a person takes it, not a program")
    if row.assignee_id not in (None, actor.account_id):
        raise Conflict("somebody else has it already", code="taken")
    return "take", actor.account_id, row.team_id


def _locked(actor: Actor, which: Which) -> Alarm | Incident:
    if which.alarm_id is not None:
        return selectors.alarm_for_update(actor, which.alarm_id)
    assert which.incident_id is not None
    services.alone(incidents.LOCK)
    return incident_selectors.incident_for_update(actor, which.incident_id)


def _change(actor: Actor, row: Alarm | Incident, kind: str, person: UUID | None, team: UUID | None, text: str
            ) -> Assignment:  # fmt: skip
    now = clock.now()
    act = Assignment(
        **_of(row), at=now, account_id=actor.account_id, kind=kind, from_assignee_id=row.assignee_id,
        from_team_id=row.team_id, assignee_id=person, team_id=team, text=text.strip(),
    )  # fmt: skip
    act.acknowledged = kind == "take" and _see(actor, row, now)
    if person is not None and row.taken_at is None:
        row.taken_at = now
    _put(actor, row, act)
    _tell(actor, row, "assigned", _whose(row, person, team))
    return act


def _put(actor: Actor, row: Alarm | Incident, act: Assignment) -> None:
    """The row as the act leaves it, the act, its trace, and news to all screens."""
    row.assignee_id, row.team_id = act.assignee_id, act.team_id
    row.assigned_at = act.at if act.assignee_id or act.team_id else None
    row.changed_at = act.at
    row.save(update_fields=FIELDS)
    act.save(force_insert=True)
    word = "incident" if isinstance(row, Incident) else "alarm"
    audit.record(actor=actor, action=f"{word}.{act.kind}", kind=word, ref=row.pk, area=row.area_path,
                 detail={"assignee": str(act.assignee_id or ""), "team": str(act.team_id or "")})  # fmt: skip
    if isinstance(row, Incident):
        incidents.tell([row.pk], "incident.changed", act.kind)
    else:
        alarms.emit_changed([row.pk])


def _see(actor: Actor, row: Alarm | Incident, now: datetime) -> bool:
    """Who takes it has seen it; whether that was news."""
    if isinstance(row, Incident):
        return incident_acts.see_all(row, actor.account_id, now) > 0
    if row.acknowledged_at is not None:
        return False
    row.acknowledged_at, row.acknowledged_by = now, actor.account_id
    row.save(update_fields=["acknowledged_at", "acknowledged_by"])
    return True


def undo(*, actor: Actor, which: Which, act_id: UUID) -> Alarm | Incident:
    """Take back the last act: who had it before has it again, and what its taker saw was seen by nobody."""
    with services.unit(actor):
        row = _locked(actor, which)
        acts, _ = desk.history(row)
        act = next((a for a in acts if a.pk == act_id), None)
        if act is None:
            raise NotFound()
        if desk.undoable(row, acts) != act:
            raise Conflict("there is nothing to undo", code="undone")
        now = clock.now()
        if act.acknowledged:
            _unsee(row, act, now)
        if row.taken_at == act.at:
            row.taken_at = None
        Assignment.objects.filter(pk=act.pk).update(undone_at=now)
        back = Assignment(**_of(row), at=now, account_id=actor.account_id, kind="undo",
                          from_assignee_id=act.assignee_id, from_team_id=act.team_id,
                          assignee_id=act.from_assignee_id, team_id=act.from_team_id)  # fmt: skip
        _put(actor, row, back)
        _tell(actor, row, "withdrawn", _whose(row, act.assignee_id, act.team_id))
        _tell(actor, row, "assigned", _whose(row, act.from_assignee_id, act.from_team_id))
    return row


def _unsee(row: Alarm | Incident, act: Assignment, now: datetime) -> None:
    if isinstance(row, Incident):
        incident_acts.unsee_all(row, act.account_id, act.at, now)
    elif (row.acknowledged_at, row.acknowledged_by) == (act.at, act.account_id):
        row.acknowledged_at = row.acknowledged_by = None
        row.save(update_fields=["acknowledged_at", "acknowledged_by"])


def assign_many(*, actor: Actor, alarm_ids: Sequence[UUID], incident_ids: Sequence[UUID], wish: Wish, text: str = ""
                ) -> list[dict[str, Any]]:  # fmt: skip
    """Many at once, each for itself: {id, incident, act_id: None where it was so already, wrong: '' or why not}."""
    if not 1 <= len({*alarm_ids, *incident_ids}) <= MOST:
        raise Invalid("alarm_ids", f"must be 1 to {MOST} alarms and incidents")
    wanted = [Which(alarm_id=i) for i in sorted(set(alarm_ids))]
    wanted = [Which(incident_id=i) for i in sorted(set(incident_ids))] + wanted
    with services.unit(actor):
        return [_one(actor, which, wish, text) for which in wanted]


def _one(actor: Actor, which: Which, wish: Wish, text: str) -> dict[str, Any]:
    told = {"id": which.incident_id or which.alarm_id, "incident": which.incident_id is not None}
    try:
        with services.unit(actor):
            _, act = assign(actor=actor, which=which, wish=wish, text=text)
    except LinliError as error:
        return told | {"act_id": None, "wrong": error.code}
    return told | {"act_id": act.pk if act else None, "wrong": ""}


def _of(row: Alarm | Incident) -> dict[str, Any]:
    return {"incident": row} if isinstance(row, Incident) else {"alarm": row}


def _whose(row: Alarm | Incident, person: UUID | None, team: UUID | None) -> list[UUID]:
    """Whoever is to hear of it: the person, or those by whom the team is reached."""
    return [person] if person else desk.told_of(row, [team]) if team else []


def _tell(actor: Actor, row: Alarm | Incident, act: str, whom: Iterable[UUID]) -> None:
    notice(row, act, [who for who in whom if who != actor.account_id])


def notice(row: Alarm | Incident, act: str, whom: Iterable[UUID], **more: Any) -> int:
    """Tell single accounts: of what, how grave, and why it comes to them. Returns how many."""
    told = list(dict.fromkeys(whom))
    for account_id in told:
        emit_notice(row, act, audience=f"account:{account_id}", **more)
    return len(told)


def emit_notice(row: Alarm | Incident, act: str, *, audience: str = "staff", permission: str = "", **more: Any) -> None:
    """`alarm.notice` {act: assigned, withdrawn or escalated, title, severity, team_id}; part of the caller's unit."""
    kind, title = "alarm", {"zh": row.title_zh, "en": row.title_en}
    if isinstance(row, Incident):
        kind, title = "incident", {"zh": f"{row.name_zh}：{row.title_zh}", "en": f"{row.name_en}: {row.title_en}"}
    data = {"act": act, "title": title, "severity": row.severity, "team_id": str(row.team_id) if row.team_id else None}
    events.emit(type="alarm.notice", kind=kind, ref=row.pk, area=row.area_path, data=data | more, audience=audience,
                permission=permission)  # fmt: skip
