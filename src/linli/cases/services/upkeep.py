"""What happens to clocks without anybody acting: notices before and after limits, and a corrected calendar."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q

from linli.cases import calendars, clocks, ports, tables
from linli.cases.models import Case
from linli.cases.rules.notices import WARN, Notice
from linli.cases.services import common
from linli.kernel import audit, clock, events, jobs, services, storage
from linli.kernel.actor import SYSTEM, Actor
from linli.kernel.errors import Invalid

BATCH, MISSING = 200, 5000


def _locked(case_id: UUID) -> Case | None:
    return Case.objects.select_for_update(skip_locked=True).defer("tokens").filter(pk=case_id, closed_at=None).first()


def give_notices() -> int:
    """Tell of every clock whose notice is due; returns how many were given. What somebody works on waits a minute."""
    at, given = clock.now(), 0
    due = Case.objects.filter(notice_at__lte=at).order_by("notice_at").values_list("id", flat=True)[:BATCH]
    for case_id in list(due):
        with services.unit(SYSTEM):
            if (case := _locked(case_id)) is not None:
                given += _tell_due(case, at)
    Case.objects.filter(notice_at__lte=at).exclude(closed_at=None).update(notice_at=None)
    return given


def _tell_due(case: Case, at: datetime) -> int:
    """The notices that are due and were not given; of several of one stage the last says all."""
    held = clocks.clocks_of(case)
    due: dict[str, Notice] = {}
    for notice in sorted(clocks.notices_of(case, held), key=lambda n: n.at):
        if notice.at <= at and notice.code not in case.told.get(notice.stage, {}):
            case.told = {**case.told, notice.stage: {**case.told.get(notice.stage, {}), notice.code: at.isoformat()}}
            due[notice.stage] = notice
    for notice in due.values():
        _tell(case, notice, held[notice.stage].due, at)
    clocks.plan_notices(case, held)
    Case.objects.filter(pk=case.pk).update(told=case.told, notice_at=case.notice_at)
    return len(due)


def _tell(case: Case, notice: Notice, due: datetime | None, at: datetime) -> None:
    """A row of the timeline, news to all who see the case, and to those who are to act a notice of their own."""
    act = {WARN: "warn", clocks.RECHECK: "recheck_due"}.get(notice.code, "escalate")
    ask = case.team_id if notice.to != "supervisor" else None
    own = ports.members_of(ask, leads=notice.to == "lead") if ask else []
    detail = {"stage": notice.stage, "to": notice.to if own else "supervisor", "due": due.isoformat() if due else None}
    common.entry(case=case, actor=SYSTEM, act=act, at=at, detail=detail)
    common.record(case=case, actor=SYSTEM, act=act, detail=detail)
    common.tell(case=case, actor=SYSTEM, type="case.changed", act=act)
    data = {"number": case.number, "act": act, "stage": notice.stage, "urgent": case.urgent, "due_at": detail["due"]}
    if own:
        for account_id in own:
            events.emit(type="case.notice", kind="case", ref=case.id, area=case.area_path, data=data,
                        audience=f"account:{account_id}")  # fmt: skip
    else:
        events.emit(type="case.notice", kind="case", ref=case.id, area=case.area_path, data=data,
                    permission="cases.private" if case.private else "cases.supervise")  # fmt: skip


def plan_missing() -> int:
    """Open cases of before notices were planned, or whose version of Linli did not plan them; returns how many."""
    rows = Case.objects.filter(closed_at=None, source="linli", notice_at=None, told={}).exclude(due_at=None)
    found = list(rows.values_list("id", flat=True)[:MISSING])
    for case_id in found:
        with services.unit(SYSTEM):
            if (case := _locked(case_id)) is not None:
                clocks.plan_notices(case, clocks.clocks_of(case))
                Case.objects.filter(pk=case.pk).update(notice_at=case.notice_at)
    return len(found)


def recompute_all() -> int:
    """After a correction of the calendar: open deadlines anew, and those concerned are told; returns how many moved."""
    tables.forget()
    moved = 0
    rows = Case.objects.filter(~Q(clocks={}), closed_at=None, source="linli").defer("tokens")
    for case in rows.iterator(chunk_size=500):
        before = clocks.clocks_of(case)
        if clocks.recomputed(case, before) != before:
            moved += _recompute(case.pk)
    return moved


def _recompute(case_id: UUID) -> bool:
    """One case under its lock. A clock that only ends being provisional is no news."""
    with services.unit(SYSTEM):
        case = Case.objects.select_for_update().defer("tokens").filter(pk=case_id, closed_at=None).first()
        if case is None:
            return False
        before, at = clocks.clocks_of(case), clock.now()
        after = clocks.recomputed(case, before)
        shifts = {
            stage: {"from": _text(before[stage].due), "to": _text(held.due)}
            for stage, held in after.items() if held.due != before[stage].due
        }  # fmt: skip
        clocks.store(case, after)
        if shifts:
            common.save(case, at)
            common.entry(case=case, actor=SYSTEM, act="calendar", at=at, detail={"stages": shifts})
            common.record(case=case, actor=SYSTEM, act="calendar", detail={"stages": shifts})
            common.tell(case=case, actor=SYSTEM, type="case.changed", act="calendar")
            follow_due(case)
        else:
            Case.objects.filter(pk=case.pk).update(clocks=case.clocks, told=case.told, notice_at=case.notice_at)
        return bool(shifts)


def follow_due(case: Case) -> None:
    """The team's task has the case's deadline, and none while the case stands still."""
    if case.task_id is not None and (held := case.clocks.get("handle")):
        ports.move_due(actor=SYSTEM, task_id=case.task_id, due_at=case.handle_due_at,
                       illustrative=bool(held["illustrative"]))  # fmt: skip


def _text(value: datetime | None) -> str | None:
    return value.isoformat() if value else None


def correct_calendar(*, actor: Actor, year: int, notice: bytes) -> dict[str, Any]:
    """Put the notice of a year in force: kept for all processes, and open deadlines are recomputed by a job."""
    from linli.cases.jobs import recompute_deadlines

    days = calendars.parse(notice)
    if wrong := sorted({d.date.isoformat() for d in days if d.date.year != year}):
        raise Invalid("date", f"not in {year}: {', '.join(wrong[:5])}")
    if not days:
        raise Invalid("file", "holds no days")
    if len({d.date for d in days}) != len(days):
        raise Invalid("date", "holds a day twice")
    calendars.forget()
    kept = [d for d in calendars.parse(calendars.corrections()) if d.date.year != year]
    with services.unit(actor):
        storage.store().put(calendars.KEY, calendars.written([*kept, *days]), "text/csv")
        audit.record(actor=actor, action="calendar.correct", kind="calendar", ref=str(year),
                     detail={"year": year, "days": len(days)})  # fmt: skip
        jobs.defer(recompute_deadlines, once="cases.recompute")
        # until then another process may have reckoned by the days as they were
        jobs.defer(recompute_deadlines, after=2 * calendars.LOOK_AGAIN_S, once="cases.recompute-again")
    tables.forget()
    return {"year": year, "days": len(days)}


def forget_changes() -> None:
    """Delete notes of changes of the map older than two hours: every memory of it has read them, or reads all anew."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM cases_map_change WHERE at < clock_timestamp() - interval '2 hours'")
