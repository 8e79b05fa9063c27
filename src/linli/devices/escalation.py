"""Who is told when nobody takes care of an alarm, as data: the policies of `escalation.yaml`. Reads packs, no table.

A policy has steps; each is told once an alarm (or an incident as a whole), so many minutes after it began to wait,
unless before that somebody acknowledged it (`until: acknowledged`) or it was over (`until: cleared`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from linli.kernel import packs

ACKNOWLEDGED, CLEARED = "acknowledged", "cleared"
LEAD = "lead"
ALWAYS, WORK = "always", "work"
Hours = Callable[[datetime, float], datetime]
_hours: list[Hours] = []


def on_hours(fn: Hours) -> None:
    """A room above registers its calendar: the moment at which so many seconds were worked since a moment."""
    _hours[:] = [fn]


@dataclass(frozen=True, slots=True)
class Step:
    """`to` is a role, or `lead`: the leads of the team that has it, else of its department's teams."""

    until: str
    after_min: int
    to: str
    raises: bool = False

    @property
    def code(self) -> str:
        return f"{self.until}:{self.after_min}:{self.to}"


@dataclass(frozen=True, slots=True)
class Policy:
    """Fits when each list that it has holds the alarm's own word."""

    code: str
    where: Mapping[str, frozenset[str]]
    hours: str
    steps: tuple[Step, ...]

    def fits(self, facts: Facts) -> bool:
        return all(getattr(facts, name) in wanted for name, wanted in self.where.items())


@dataclass(frozen=True, slots=True)
class Facts:
    """What a policy looks at. `since`: from when on it waits for somebody. `severity` without what a step raised."""

    severity: str
    rule: str
    model: str
    department: str
    since: datetime
    acknowledged: bool


@dataclass(frozen=True, slots=True)
class Due:
    """A step that comes, and when."""

    policy: str
    step: Step
    at: datetime


_LISTS = ("severity", "rule", "model", "department")


def _policy(raw: Mapping[str, Any]) -> Policy:
    steps = tuple(Step(s["until"], s["after_min"], s["to"], s.get("raise", False)) for s in raw.get("steps", ()))
    where = {name: frozenset(raw[name]) for name in _LISTS if name in raw}
    return Policy(raw["code"], where, raw.get("hours", ALWAYS), steps)


def policies() -> list[Policy]:
    """Those in force, in the order in which they are tried: those of later packs first; one of a known code is changed
    where it stands."""
    found: dict[str, dict[str, Any]] = {}
    for path in packs.files("escalation", (".yaml",)):
        rows = {raw["code"]: raw for raw in packs.read_yaml(path).get("escalation", ())}
        new = {code: raw for code, raw in rows.items() if code not in found}
        found = new | {code: old | rows.get(code, {}) for code, old in found.items()}
    return [_policy(raw) for raw in found.values()]


def department_teams() -> dict[str, tuple[str, ...]]:
    """Codes of the teams that answer for the devices of an owner; a later pack's row replaces one of the same owner."""
    found: dict[str, tuple[str, ...]] = {}
    for path in packs.files("escalation", (".yaml",)):
        found |= {raw["owner"]: tuple(raw["teams"]) for raw in packs.read_yaml(path).get("departments", ())}
    return found


def least_minutes(among: Collection[Policy]) -> int | None:
    """Nobody is told of anything that waits for less; None: of nothing at all."""
    return min((s.after_min for p in among for s in p.steps), default=None)


def to_come(among: Collection[Policy], facts: Facts, told: Collection[str]) -> list[Due]:
    """Steps that nothing has stopped and nobody was told of, in the order of their time. The first policy that fits
    counts, also one without steps."""
    policy = next((p for p in among if p.fits(facts)), None)
    if policy is None:
        return []
    open_ones = [s for s in policy.steps if s.code not in told and not (s.until == ACKNOWLEDGED and facts.acknowledged)]
    found = [Due(policy.code, s, moment(facts.since, s.after_min, policy.hours)) for s in open_ones]
    return sorted(found, key=lambda d: (d.at, d.step.after_min))


def moment(since: datetime, minutes: int, hours: str) -> datetime:
    """So many minutes later; of working time where the policy says so, and a room has registered a calendar."""
    if hours == WORK and _hours:
        return _hours[0](since, minutes * 60.0)
    return since + timedelta(minutes=minutes)
