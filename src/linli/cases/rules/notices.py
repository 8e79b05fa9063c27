"""When those concerned are told of a clock: once before its limit, and at each step after it.

Only in working hours, unless the matter is urgent: what falls into the night waits for the morning. What was told is
told again only when the deadline has moved so far that its time lies ahead once more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from linli.cases.rules.calendar import Calendar, add_seconds, next_open
from linli.cases.rules.clock import Clock

WARN = "warn"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of escalation: so many hours after the limit, told to leads or to those who supervise."""

    after: float
    to: str

    @property
    def code(self) -> str:
        return f"late:{self.after:g}:{self.to}"


@dataclass(frozen=True, slots=True)
class Plan:
    warn_at: float
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Notice:
    stage: str
    code: str  # `warn`, or the step's code
    to: str
    at: datetime


def of_clock(calendar: Calendar, stage: str, clock: Clock, plan: Plan, urgent: bool) -> list[Notice]:
    """All notices of a running clock, in order; none of one that stands still."""
    if clock.since is None or clock.due is None:
        return []
    day_and_night = urgent or clock.unit == "urgent_hour"
    total = clock.budget_s + clock.extended_s
    ahead = add_seconds(calendar, clock.since, total * plan.warn_at - clock.used_s, clock.unit)
    found = [Notice(stage, WARN, "team", _awake(calendar, min(ahead, clock.due), day_and_night))]
    for step in plan.steps:
        at = clock.due if day_and_night else next_open(calendar, clock.due)
        later = (
            at + timedelta(hours=step.after)
            if day_and_night
            else add_seconds(calendar, at, step.after * 3600, "work_hour")
        )
        found.append(Notice(stage, step.code, step.to, later))
    return found


def _awake(calendar: Calendar, at: datetime, day_and_night: bool) -> datetime:
    return at if day_and_night else next_open(calendar, at)


def still_told(told: Mapping[str, str], notices: list[Notice], now: datetime) -> dict[str, str]:
    """What was told and need not be told again: its time has not moved ahead of now."""
    ahead = {n.code for n in notices if n.at > now}
    return {code: at for code, at in told.items() if code not in ahead}
