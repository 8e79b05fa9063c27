"""A case's clocks: which limits they run by, and what an act does to them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from linli.cases import tables
from linli.cases.models import Case
from linli.cases.rules import clock as rule
from linli.cases.rules.clock import Clock

OPEN_STAGES = ("intake", "dispatch", "handle", "verify")


def clocks_of(case: Case) -> dict[str, Clock]:
    return {stage: Clock.from_json(data) for stage, data in case.clocks.items()}


def _fresh(case: Case, stage: str) -> Clock:
    """A new clock of a stage: the class's own limit for handling, the table's for the others."""
    calendar, table = tables.calendar(), tables.transitions()
    limits = table.stages[stage]
    limit, unit, illustrative = limits.limit, limits.unit, True
    if case.urgent and limits.urgent:
        limit, unit = limits.urgent
    if stage == "handle" and case.class_code:
        row = tables.catalogue().condition(case.class_code, case.condition_no, tables.today())
        if row:
            limit, unit, illustrative = row.limit, row.unit, row.illustrative
    return Clock(unit=unit, limit=limit, budget_s=rule.budget(calendar, limit, unit), illustrative=illustrative)


def apply(case: Case, effects: Mapping[str, tuple[str, ...]] | None, at: datetime) -> None:
    """Start, stop, pause or resume clocks of the case (not saved)."""
    calendar, clocks = tables.calendar(), clocks_of(case)
    for what, stages in (effects or {}).items():
        for stage in stages:
            clock = clocks.get(stage)
            if what in ("start", "resume"):
                again = stage == "dispatch" and clock is not None and clock.stopped
                clocks[stage] = rule.start(calendar, _fresh(case, stage) if clock is None or again else clock, at)
            elif clock is not None:
                clocks[stage] = (rule.pause if what == "pause" else rule.stop)(calendar, clock, at)
    store(case, clocks)


def store(case: Case, clocks: Mapping[str, Clock]) -> None:
    """Write the clocks and the deadlines that lists sort by."""
    case.clocks = {stage: clock.to_json() for stage, clock in clocks.items()}
    running = [c.due for c in clocks.values() if c.since and c.due]
    case.due_at = min(running) if running else None
    handle = clocks.get("handle")
    case.handle_due_at = handle.due if handle else None


def relimit(case: Case, at: datetime) -> None:
    """The class changed: the handling clock goes by the new limit, keeping what was used."""
    clocks = clocks_of(case)
    if "handle" in clocks:
        new, calendar = _fresh(case, "handle"), tables.calendar()
        clocks["handle"] = rule.change_limit(calendar, clocks["handle"], new.limit, new.unit, new.illustrative, at)
        store(case, clocks)


def extend(case: Case, hours: float, at: datetime) -> None:
    clocks = clocks_of(case)
    if "handle" in clocks:
        clocks["handle"] = rule.extend(tables.calendar(), clocks["handle"], round(hours * 3600), at)
        store(case, clocks)


def view(case_clocks: Mapping[str, Any], at: datetime) -> list[dict[str, Any]]:
    """The clocks as screens show them: limit, used, left, paused, illustrative, provisional."""
    calendar, table, shown = tables.calendar(), tables.transitions(), []
    for stage in OPEN_STAGES:
        data = case_clocks.get(stage)
        if data is None:
            continue
        used, since = data["used_s"], data["since"]
        if since:
            used += rule.elapsed(calendar, datetime.fromisoformat(since), at, data["unit"])
        total = data["budget_s"] + data["extended_s"]
        shown.append({
            "stage": stage, "zh": table.stages[stage].zh, "en": table.stages[stage].en, "limit": data["limit"],
            "unit": data["unit"], "limit_s": total, "used_s": used, "left_s": total - used, "due_at": data["due"],
            "running": bool(since), "paused": data["paused"], "stopped": data["stopped"],
            "overdue": total - used < 0, "illustrative": data["illustrative"], "provisional": data["provisional"],
            "extended_s": data["extended_s"], "segments": data["segments"],
        })  # fmt: skip
    return shown


def limit_words(limit: float, unit: str) -> tuple[str, str]:
    """`1 个工作日`, `1 working day`."""
    number = f"{limit:g}"
    zh = {"urgent_hour": "紧急工作时", "work_hour": "工作时", "work_day": "个工作日", "calendar_day": "个自然日"}[unit]
    en = {"urgent_hour": "hour (round the clock)", "work_hour": "working hour", "work_day": "working day",
          "calendar_day": "calendar day"}[unit]  # fmt: skip
    if limit != 1:
        en = en.replace("hour", "hours").replace("day", "days")
    return f"{number} {zh}", f"{number} {en}"
