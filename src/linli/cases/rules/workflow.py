"""The table-driven engine: which act leads from which state to which, who may do it, what it must bring.

Pure: it reads a table (packs/<pack>/transitions/cases.yaml) and plain facts, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from linli.kernel.actor import Actor, contains


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
    target: str  # a state, `same`, or `previous`: the state before the act that remembered it
    who: tuple[str, ...]
    guards: tuple[str, ...] = ()
    need: tuple[str, ...] = ()
    clock: Mapping[str, tuple[str, ...]] | None = None
    effects: tuple[str, ...] = ()
    undo_s: int = 0
    may: tuple[str, ...] = ()  # fields that the act takes besides those it needs
    otherwise: str = ""  # where `previous` leads when nothing was remembered


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
    back: str = ""  # the state to which `previous` leads
    pending: Mapping[str, UUID | None] = field(default_factory=dict)  # what waits for an answer, and who asked
    supervised: bool = False
    centre_area: str = ""  # of the centre that holds the case
    centre_to: UUID | None = None  # the centre to which it is on its way


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
        wrong = (set(item.sources) | {item.target, item.otherwise}) - set(states) - {"same", "previous", ""}
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
        may=tuple(row.get("may", ())), otherwise=row.get("otherwise", ""),
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
        return "it ended too long ago"
    return ""


def _extension_asked(table: Table, facts: Facts, actor: Actor, at: datetime) -> str:
    return "" if "extension" in facts.pending else "nobody waits for an extension"


def _no_extension_asked(table: Table, facts: Facts, actor: Actor, at: datetime) -> str:
    return "an extension was asked for already" if "extension" in facts.pending else ""


def _not_asker(table: Table, facts: Facts, actor: Actor, at: datetime) -> str:
    """Nobody grants what they asked for."""
    asker = facts.pending.get("extension")
    return "whoever asked for it does not decide on it" if asker and asker == actor.account_id else ""


def _supervised(table: Table, facts: Facts, actor: Actor, at: datetime) -> str:
    return "" if facts.supervised else "the case is not supervised"


def _higher_level(table: Table, facts: Facts, actor: Actor, at: datetime) -> str:
    """Supervision comes from above: never from the team itself, nor from below the centre that holds the case."""
    if facts.team_id and facts.team_id in actor.team_ids:
        return "the team that handles a case does not supervise it"
    if not facts.centre_area or actor.kind == "system":
        return ""
    above = any(contains(area, facts.centre_area) for area in actor.areas("cases.supervise"))
    return "" if above else "a centre's case is supervised by its own level or a higher one"


def _at_target(table: Table, facts: Facts, actor: Actor, at: datetime) -> str:
    """The centre that the case was sent to answers."""
    if facts.centre_to and any(facts.centre_to == grant.centre_id for grant in actor.grants):
        return ""
    return "only the centre that it was sent to may do this"


def _sender(table: Table, facts: Facts, actor: Actor, at: datetime) -> str:
    """Who sent it away, or whoever supervises here, so that nothing stays on its way for ever."""
    sent = facts.pending.get("transfer")
    if (sent and sent == actor.account_id) or actor.can("cases.supervise", facts.area_path):
        return ""
    return "only who sent it, or a supervisor, may do this"


GUARDS: dict[str, Guard] = {
    "own_team": _own_team,
    "not_handler": _not_handler,
    "has_team": _has_team,
    "within_reopen_days": _within_reopen_days,
    "extension_asked": _extension_asked,
    "no_extension_asked": _no_extension_asked,
    "not_asker": _not_asker,
    "supervised": _supervised,
    "higher_level": _higher_level,
    "at_target": _at_target,
    "sender": _sender,
}
# Guards that speak of the case and not of the caller: who comes second is told what the first did.
STATE_GUARDS = {"extension_asked", "no_extension_asked", "supervised"}
REASONS = (
    ("只有承办队伍可以这样做", "only the team that the case was dispatched to may do this"),
    ("核实须由人员进行", "a case is verified by a person"),
    ("处置过本案的人不得核实本案", "whoever handled a case does not verify it"),
    ("本案没有承办队伍, 请改用“重新立案”", "the case was handled without a team; file it again instead"),
    ("结案时间过久, 已超过重开期限", "it ended too long ago"),
    ("没有待批的延期申请", "nobody waits for an extension"),
    ("已有一份待批的延期申请", "an extension was asked for already"),
    ("申请人不得审批自己的申请", "whoever asked for it does not decide on it"),
    ("本案未被督办", "the case is not supervised"),
    ("承办队伍不得督办自己的案件", "the team that handles a case does not supervise it"),
    ("中心的案件由同级或上级督办", "a centre's case is supervised by its own level or a higher one"),
    ("只有接收中心可以这样做", "only the centre that it was sent to may do this"),
    ("只有移送人或督办人员可以撤回", "only who sent it, or a supervisor, may do this"),
)
REASONS_ZH = {en: zh for zh, en in REASONS}


def permitted(item: Transition, facts: Facts, actor: Actor) -> bool:
    """Has the permission: in the case's area, or, for a team's own acts, anywhere with the team."""
    if "own_team" in item.guards and facts.team_id and facts.team_id in actor.team_ids:
        return any(actor.can(who) for who in item.who)
    return any(actor.can(who, facts.area_path) for who in item.who)


def refusing(table: Table, item: Transition, facts: Facts, actor: Actor, at: datetime) -> tuple[str, str]:
    """The guard that refuses, and why; empty words when none does."""
    for name in item.guards:
        if reason := GUARDS[name](table, facts, actor, at):
            return name, reason
    return "", ""


def refusal(table: Table, item: Transition, facts: Facts, actor: Actor, at: datetime) -> str:
    """Why the guards refuse, or ''."""
    return refusing(table, item, facts, actor, at)[1]


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
    if item.target == "previous":
        return facts.back or item.otherwise
    return facts.state if item.target == "same" else item.target
