"""A case's clocks: which limits they run by, and what an act does to them.

The transition table speaks of phases (intake, dispatch, handle, verify); a phase may be clocked in several stages by
the case's state (packs/<pack>/clocks/stages.yaml): intake is accept and file, verify is verify and close.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from linli.cases import tables
from linli.cases.models import Case
from linli.cases.rules import clock as rule
from linli.cases.rules import notices
from linli.cases.rules.calendar import Calendar, next_open
from linli.cases.rules.clock import Clock
from linli.kernel import clock as kernel_clock
from linli.kernel.masks import mask_text

RECHECK = "recheck"


def clocks_of(case: Case) -> dict[str, Clock]:
    return {stage: Clock.from_json(data) for stage, data in case.clocks.items()}


def calendar_of(case: Case, stage: str) -> Calendar:
    """The team's own hours count while it handles; everything else goes by the district's."""
    return tables.calendar_of(case.team_id if stage == "handle" else None)


def _in_force(case: Case) -> date:
    """The day whose version of the catalogue a case goes by: when it was filed, or today while it is not."""
    return case.filed_at.astimezone(tables.calendar().zone).date() if case.filed_at else tables.today()


def _limit(case: Case, stage: str) -> tuple[float, str, bool]:
    """(limit, unit, illustrative): the class's row, else the stage's; an urgent case's own limit comes first."""
    part, on = tables.stages().stages.get(stage), _in_force(case)
    general = part or tables.transitions().stages[stage]
    if stage == "handle" and case.class_code:
        found = tables.catalogue()
        row = found.condition(case.class_code, case.condition_no, on)
        row = row or found.condition(case.class_code, case.condition_no, tables.today())
        if row:
            return row.limit, row.unit, row.illustrative
    if case.class_code and stage in (own := tables.demand(case.class_code, case.condition_no, on)).limits:
        limit, unit = own.limits[stage]
        if not (case.urgent and general.urgent) or unit == "urgent_hour":
            return limit, unit, not own.source
    if case.urgent and general.urgent:
        return *general.urgent, True
    return general.limit, general.unit, True


def _fresh(case: Case, stage: str) -> Clock:
    limit, unit, illustrative = _limit(case, stage)
    counted = rule.budget(calendar_of(case, stage), limit, unit)
    return Clock(unit=unit, limit=limit, budget_s=counted, illustrative=illustrative)


def apply(
    case: Case, effects: Mapping[str, tuple[str, ...]] | None, at: datetime, given: Mapping[str, Any] | None = None
) -> None:
    """Start, stop, pause or resume clocks of the case (not saved), by the act and by the state it led to.

    `given` is what the act brought: its reason and its day of looking again are kept with the pause.
    """
    clocks = clocks_of(case)
    for what, phases in (effects or {}).items():
        for phase in phases:
            _do(case, clocks, what, phase, at)
    _follow_state(case, clocks, at)
    _note_pauses(case, clocks, at, given or {})
    store(case, clocks)


def _stages_of(phase: str, clocks: Mapping[str, Clock]) -> list[str]:
    """The clocked stages of a phase; also the phase itself, whose clock older cases carry."""
    parts = [s.code for s in tables.stages().parts(phase)]
    return [*parts, *([phase] if not parts or phase in clocks else [])]


def _do(case: Case, clocks: dict[str, Clock], what: str, phase: str, at: datetime) -> None:
    names = _stages_of(phase, clocks)
    if what in ("start", "resume"):
        _start(case, clocks, _which(case, clocks, phase, names), at, again=phase == "dispatch")
        return
    for stage in names:
        if (held := clocks.get(stage)) is not None:
            calendar = calendar_of(case, stage)
            if what == "stop":
                clocks[stage] = rule.stop(calendar, held, at)
            elif held.since or not held.stopped:
                clocks[stage] = rule.pause(calendar, held, at)


def _which(case: Case, clocks: Mapping[str, Clock], phase: str, names: list[str]) -> str:
    """The stage that goes on: what stood still, what the state names, or the first."""
    still = [n for n in names if n in clocks and clocks[n].paused]
    named = [s.code for s in tables.stages().parts(phase) if case.state in s.states]
    return (still + named + names)[0]


def _start(case: Case, clocks: dict[str, Clock], stage: str, at: datetime, *, again: bool = False) -> None:
    held = clocks.get(stage)
    if held is None or (again and held.stopped):
        held = _fresh(case, stage)
    clocks[stage] = rule.start(calendar_of(case, stage), held, at)


def _follow_state(case: Case, clocks: dict[str, Clock], at: datetime) -> None:
    """Within a phase the clock goes from stage to stage with the state; in some states it stands still."""
    plan = tables.stages()
    for part in plan.stages.values():
        if case.state in part.states and not (part.code in clocks and clocks[part.code].since):
            running = [n for n in _stages_of(part.of, clocks) if n in clocks and clocks[n].since]
            for stage in running:
                clocks[stage] = rule.stop(calendar_of(case, stage), clocks[stage], at)
            if running:
                _start(case, clocks, part.code, at)
    for stage, states in plan.pauses.items():
        if stage in clocks and case.state in states and clocks[stage].since:
            clocks[stage] = rule.pause(calendar_of(case, stage), clocks[stage], at)


def _note_pauses(case: Case, clocks: Mapping[str, Clock], at: datetime, given: Mapping[str, Any]) -> None:
    """Each time a clock stands still: from when to when, in which state, why, and when somebody looks again."""
    rows = [dict(row) for row in case.pauses]
    open_rows = {row["stage"]: row for row in rows if row["to"] is None}
    why = mask_text(str(given.get("reason") or given.get("note") or ""))[0][:500]
    day = given.get("recheck")
    for stage, held in clocks.items():
        row = open_rows.get(stage)
        if row is not None and not held.paused:
            row["to"] = at.isoformat()
        elif held.paused and row is None:
            rows.append({"stage": stage, "from": at.isoformat(), "to": None, "state": case.state, "why": why,
                         "recheck": str(day) if day else None})  # fmt: skip
        elif row is not None and day:  # looked at, and still to stand still
            row["recheck"] = str(day)
            case.told = {**case.told, stage: {k: v for k, v in case.told.get(stage, {}).items() if k != RECHECK}}
    case.pauses = rows


def store(case: Case, clocks: Mapping[str, Clock]) -> None:
    """Write the clocks, the deadlines that lists sort by, and when the next notice is due."""
    case.clocks = {stage: clock.to_json() for stage, clock in clocks.items()}
    running = [c.due for c in clocks.values() if c.since and c.due]
    case.due_at = min(running) if running else None
    handle = clocks.get("handle")
    case.handle_due_at = handle.due if handle else None
    plan_notices(case, clocks)


def notices_of(case: Case, clocks: Mapping[str, Clock] | None = None) -> list[notices.Notice]:
    """All notices of the case's clocks, told or not."""
    clocks = clocks_of(case) if clocks is None else clocks
    plan, found = tables.stages().plan, []
    for stage, held in clocks.items():
        found += notices.of_clock(calendar_of(case, stage), stage, held, plan, case.urgent)
    for row in case.pauses:
        if row["to"] is None and row.get("recheck"):
            found.append(notices.Notice(row["stage"], RECHECK, "supervisor", morning(date.fromisoformat(row[RECHECK]))))
    return found


def morning(day: date) -> datetime:
    """When the district's working time of a day begins, or of the next day that has one."""
    calendar = tables.calendar()
    return next_open(calendar, datetime.combine(day, time(), calendar.zone))


def plan_notices(case: Case, clocks: Mapping[str, Clock]) -> None:
    """What was told of a clock and lies ahead again is forgotten; `notice_at` is the first that was not told."""
    found, now = notices_of(case, clocks), kernel_clock.now()
    told = {
        stage: notices.still_told(given, [n for n in found if n.stage == stage], now)
        for stage, given in case.told.items()
    }
    case.told = {stage: given for stage, given in told.items() if given}
    case.notice_at = min((n.at for n in found if n.code not in case.told.get(n.stage, {})), default=None)


def relimit(case: Case, at: datetime) -> None:
    """Class, condition or urgency changed: clocks in progress go by the new limits, keeping what was used."""
    clocks = clocks_of(case)
    for stage, held in clocks.items():
        if stage == "handle" or (not held.stopped and _known(stage)):
            limit, unit, illustrative = _limit(case, stage)
            clocks[stage] = rule.change_limit(calendar_of(case, stage), held, limit, unit, illustrative, at)
    if clocks:
        store(case, clocks)


def _known(stage: str) -> bool:
    """Whether packs still say something of the stage of an older clock."""
    return stage in tables.stages().stages or stage in tables.transitions().stages


def for_team(case: Case, at: datetime) -> None:
    """The case was given to a team: its handling clock counts that team's hours from now on."""
    clocks, calendar = clocks_of(case), calendar_of(case, "handle")
    if (held := clocks.get("handle")) is None or calendar is tables.calendar():
        return
    halted = rule.pause(tables.calendar(), held, at) if held.since else held
    fresh = replace(halted, budget_s=rule.budget(calendar, held.limit, held.unit), paused=False)
    clocks["handle"] = rule.start(calendar, fresh, at) if held.since else fresh
    store(case, clocks)


def recomputed(case: Case, clocks: Mapping[str, Clock]) -> dict[str, Clock]:
    """The clocks after a correction of the calendar: each running deadline anew."""
    return {stage: rule.recompute(calendar_of(case, stage), held) for stage, held in clocks.items()}


def extend(case: Case, hours: float, at: datetime) -> None:
    clocks = clocks_of(case)
    if "handle" in clocks:
        clocks["handle"] = rule.extend(calendar_of(case, "handle"), clocks["handle"], round(hours * 3600), at)
        store(case, clocks)


def name_of(stage: str) -> dict[str, str]:
    found = tables.stages().stages.get(stage) or tables.transitions().stages.get(stage)
    return {"zh": found.zh, "en": found.en} if found else {"zh": stage, "en": stage}


def _in_order(names: Iterable[str]) -> list[str]:
    order = {stage: i for i, stage in enumerate(tables.stages().order)}
    return sorted(names, key=lambda stage: order.get(stage, -1))


def view(
    case_clocks: Mapping[str, Any], at: datetime, *, team_id: UUID | None = None, pauses: Iterable[Any] = ()
) -> list[dict[str, Any]]:
    """The clocks as screens show them: limit, used, left, due, which runs, and what stands still why."""
    shown, rows = [], list(pauses)
    for stage in _in_order(case_clocks):
        data, used = case_clocks[stage], case_clocks[stage]["used_s"]
        if since := data["since"]:
            calendar = tables.calendar_of(team_id if stage == "handle" else None)
            used += rule.elapsed(calendar, datetime.fromisoformat(since), at, data["unit"])
        total = data["budget_s"] + data["extended_s"]
        shown.append({
            "stage": stage, **name_of(stage), "limit": data["limit"],
            "unit": data["unit"], "limit_s": total, "used_s": used, "left_s": total - used, "due_at": data["due"],
            "running": bool(since), "paused": data["paused"], "stopped": data["stopped"],
            "overdue": total - used < 0, "illustrative": data["illustrative"], "provisional": data["provisional"],
            "extended_s": data["extended_s"], "segments": data["segments"],
            "pauses": [_pause(row) for row in rows if row["stage"] == stage],
        })  # fmt: skip
    return shown


def _pause(row: Mapping[str, Any]) -> dict[str, Any]:
    state = tables.transitions().states.get(row["state"])
    return {"from": row["from"], "to": row["to"], "why": row["why"], "recheck": row.get("recheck"),
            "state": {"zh": state.zh, "en": state.en} if state else None}  # fmt: skip


def limit_words(limit: float, unit: str) -> tuple[str, str]:
    """`1 个工作日`, `1 working day`."""
    number = f"{limit:g}"
    zh = {"urgent_hour": "紧急工作时", "work_hour": "工作时", "work_day": "个工作日", "calendar_day": "个自然日"}[unit]
    en = {"urgent_hour": "hour (round the clock)", "work_hour": "working hour", "work_day": "working day",
          "calendar_day": "calendar day"}[unit]  # fmt: skip
    if limit != 1:
        en = en.replace("hour", "hours").replace("day", "days")
    return f"{number} {zh}", f"{number} {en}"
