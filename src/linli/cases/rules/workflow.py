"""The table-driven engine: which act leads from which state to which, who may do it, what it must bring.

Pure: it reads a table (packs/<pack>/transitions/cases.yaml) and plain facts, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from linli.kernel.actor import Actor


@dataclass(frozen=True, slots=True)
class State:
    code: str
    step: int
    zh: str
    en: str
    final: bool = False


@dataclass(frozen=True, slots=True)
class Transition:
    act: str
    zh: str
    en: str
    sources: frozenset[str]
    target: str  # a state, or `same`
    who: tuple[str, ...]
    guards: tuple[str, ...] = ()
    need: tuple[str, ...] = ()
    clock: Mapping[str, tuple[str, ...]] | None = None
    effects: tuple[str, ...] = ()
    undo_s: int = 0


@dataclass(frozen=True, slots=True)
class Stage:
    limit: float
    unit: str
    zh: str
    en: str
    urgent: tuple[float, str] | None = None


@dataclass(frozen=True, slots=True)
class Table:
    states: Mapping[str, State]
    steps: tuple[tuple[str, str], ...]
    stages: Mapping[str, Stage]
    transitions: Mapping[str, Transition]
    initial: str
    initial_clock: Mapping[str, tuple[str, ...]]
    reopen_days: int
    tasks: Mapping[str, str]

    @property
    def open_states(self) -> tuple[str, ...]:
        return tuple(code for code, state in self.states.items() if not state.final)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the engine needs to know of a case."""

    state: str
    area_path: str
    team_id: UUID | None = None
    handler_ids: tuple[UUID, ...] = ()
    ended_at: datetime | None = None


def parse(data: Mapping[str, Any]) -> Table:
    """Read and check a table; a mistake names its transition."""
    states = {
        code: State(code, int(s["step"]), s["zh"], s["en"], bool(s.get("final"))) for code, s in data["states"].items()
    }
    stages = {
        code: Stage(
            float(s["limit"]), s["unit"], s["zh"], s["en"],
            (float(s["urgent"]["limit"]), s["urgent"]["unit"]) if "urgent" in s else None,
        )
        for code, s in data["stages"].items()
    }  # fmt: skip
    found: dict[str, Transition] = {}
    for row in data["transitions"]:
        item = _transition(row)
        wrong = (set(item.sources) | {item.target}) - set(states) - {"same"}
        wrong |= {g for g in item.guards if g not in GUARDS}
        wrong |= {s for names in (item.clock or {}).values() for s in names if s not in stages}
        if wrong or item.act in found:
            raise ValueError(f"transition {item.act}: unknown or doubled {sorted(wrong) or item.act}")
        found[item.act] = item
    initial = data["initial"]
    return Table(
        states=states, steps=tuple((s["zh"], s["en"]) for s in data["steps"]), stages=stages, transitions=found,
        initial=initial["state"], initial_clock={k: tuple(v) for k, v in initial.get("clock", {}).items()},
        reopen_days=int(data.get("reopen_days", 30)), tasks=dict(data.get("tasks", {})),
    )  # fmt: skip


def _transition(row: Mapping[str, Any]) -> Transition:
    return Transition(
        act=row["act"], zh=row["zh"], en=row["en"], sources=frozenset(row["from"]), target=row["to"],
        who=tuple(row["who"].split("|")),
        guards=tuple(row.get("guards", ())), need=tuple(row.get("need", ())),
        clock={k: tuple(v) for k, v in row["clock"].items()} if "clock" in row else None,
        effects=tuple(row.get("do", ())), undo_s=int(row.get("undo_s", 0)),
    )  # fmt: skip


Guard = Callable[[Table, Facts, Actor, datetime], str]


def _own_team(table: Table, facts: Facts, actor: Actor, at: datetime) -> str:
    if actor.kind == "system" or (facts.team_id and facts.team_id in actor.team_ids):
        return ""
    return "only the team that the case was dispatched to may do this"


def _not_handler(table: Table, facts: Facts, actor: Actor, at: datetime) -> str:
    """Whoever handled a case never verifies it; a program is no verifier."""
    if actor.account_id is None or actor.kind != "account":
        return "a case is verified by a person"
    if actor.account_id in facts.handler_ids:
        return "whoever handled a case does not verify it"
    return ""


def _has_team(table: Table, facts: Facts, actor: Actor, at: datetime) -> str:
    return "" if facts.team_id else "the case was handled without a team; file it again instead"


def _within_reopen_days(table: Table, facts: Facts, actor: Actor, at: datetime) -> str:
    if facts.ended_at and at - facts.ended_at > timedelta(days=table.reopen_days):
        return f"it ended more than {table.reopen_days} days ago"
    return ""


GUARDS: dict[str, Guard] = {
    "own_team": _own_team,
    "not_handler": _not_handler,
    "has_team": _has_team,
    "within_reopen_days": _within_reopen_days,
}


def permitted(item: Transition, facts: Facts, actor: Actor) -> bool:
    """Has the permission: in the case's area, or, for a team's own acts, anywhere with the team."""
    if "own_team" in item.guards and facts.team_id and facts.team_id in actor.team_ids:
        return any(actor.can(who) for who in item.who)
    return any(actor.can(who, facts.area_path) for who in item.who)


def refusal(table: Table, item: Transition, facts: Facts, actor: Actor, at: datetime) -> str:
    """Why the guards refuse, or ''."""
    for name in item.guards:
        if reason := GUARDS[name](table, facts, actor, at):
            return reason
    return ""


def allowed(table: Table, facts: Facts, actor: Actor, at: datetime) -> list[Transition]:
    """The acts this actor may do on this case now."""
    return [
        item
        for item in table.transitions.values()
        if facts.state in item.sources and permitted(item, facts, actor) and not refusal(table, item, facts, actor, at)
    ]


def missing(item: Transition, given: Mapping[str, Any]) -> list[str]:
    """Needed fields that the act does not bring."""
    return [name for name in item.need if given.get(name) in (None, "", [], ())]


def target_of(item: Transition, facts: Facts) -> str:
    return facts.state if item.target == "same" else item.target
