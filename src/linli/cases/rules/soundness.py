"""Whether a transition table can be lived with: no state out of reach, none without a way out, nobody judging their own
work, no clock forgotten. Pure; `linli check` asks it of every pack, and tests ask it of broken ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from linli.cases.rules.workflow import Table, Transition, parse

# The effects that services/effects.py knows; a test holds the two together.
EFFECTS = frozenset({
    "classify", "stamp_filed", "stamp_finished", "stamp_verifier", "add_handler", "open_task", "cancel_task",
    "drop_team", "end_task", "count_return", "count_rework", "extend", "outcome", "reopen", "score", "merge",
    "unmerge", "split", "remember", "go_back", "suspend", "end_suspension", "ask_extension", "grant_extension",
    "drop_asks", "transfer", "take_over", "end_transfer", "make_private", "mediate", "end_mediation", "refer",
    "end_referral", "supervise", "answer_supervision", "lift_supervision", "follow_up",
})  # fmt: skip
BORN = ("filed",)  # where alarms begin, besides the initial state (services/alarms)
MAX_PLACES = 20_000


def check(data: Mapping[str, Any], roles: Mapping[str, frozenset[str]]) -> list[str]:
    """Sentences about what is wrong with a table, none when it is sound. `roles`: their permissions."""
    try:
        table = parse(data)
    except (KeyError, ValueError) as wrong:
        return [str(wrong)]
    questions = (_names, _reach, _ways_out, _verifiers, _undoable, _clocks)
    found = list(_permissions(table, roles))
    for ask in questions:
        found += ask(table)
    return found


def targets(table: Table, item: Transition) -> set[str]:
    """Where an act may lead: `previous` leads to wherever an act came from that led to one of its sources."""
    if item.target == "same":
        return set(item.sources)
    if item.target != "previous":
        return {item.target}
    before = {s for t in table.transitions.values() if "remember" in t.effects and t.target in item.sources
              for s in t.sources}  # fmt: skip
    return before | ({item.otherwise} if item.otherwise else set())


def _permissions(table: Table, roles: Mapping[str, frozenset[str]]) -> Iterator[str]:
    known = frozenset().union(*roles.values())
    for item in table.transitions.values():
        for name in item.who:
            if name not in known:
                yield f"{item.act}: no role has the permission {name}"


def _names(table: Table) -> Iterator[str]:
    for item in table.transitions.values():
        for name in item.effects:
            if name not in EFFECTS:
                yield f"{item.act}: {name} is no effect"
        if not item.sources:
            yield f"{item.act}: starts nowhere"
    for word, act in table.tasks.items():
        if act and act not in table.transitions:
            yield f"tasks: {word} leads to {act}, which is no act"
    for born in BORN:
        if born not in table.states:
            yield f"{born}: alarms begin there, and the table has no such state"
    for code, state in table.states.items():
        if not 1 <= state.step <= len(table.steps):
            yield f"{code}: its step {state.step} does not exist"


def _closure(start: set[str], step: Callable[[str], set[str]]) -> set[str]:
    found, edge = set(start), set(start)
    while edge:
        edge = {s for e in edge for s in step(e)} - found
        found |= edge
    return found


def _steps(table: Table) -> dict[str, set[str]]:
    steps: dict[str, set[str]] = {code: set() for code in table.states}
    for item in table.transitions.values():
        for source in item.sources:
            steps[source] |= {source} if item.target == "same" else targets(table, item)
    return steps


def _reach(table: Table) -> Iterator[str]:
    steps = _steps(table)
    seen = _closure({table.initial, *(s for s in BORN if s in table.states)}, lambda s: steps[s])
    for code in table.states:
        if code not in seen:
            yield f"{code}: no way leads to it"


def _ways_out(table: Table) -> Iterator[str]:
    """Every state that is no end leads to another, and in the end to one that is."""
    steps = _steps(table)
    ends = {code for code, state in table.states.items() if state.final}
    for code, state in table.states.items():
        if state.final:
            continue
        if not steps[code] - {code}:
            yield f"{code}: has no way out and is no end"
        elif not _closure({code}, lambda s: steps[s]) & ends:
            yield f"{code}: no end can be reached from it"


def _verifiers(table: Table) -> Iterator[str]:
    """Whoever finished the work stands among the handlers, and a handler decides nothing about handled work."""
    acts = table.transitions.values()
    judged = {s for t in acts if {"stamp_finished", "stamp_verifier"} & set(t.effects) for s in targets(table, t)}
    judged = {s for s in judged if not table.states[s].final}
    for item in acts:
        if "stamp_finished" in item.effects and "add_handler" not in item.effects:
            yield f"{item.act}: whoever finishes is not kept as a handler (add_handler)"
        moves = item.target != "same"
        if ((moves and item.sources & judged) or "stamp_verifier" in item.effects) and "not_handler" not in item.guards:
            yield f"{item.act}: a handler could verify their own work (not_handler)"


def _undoable(table: Table) -> Iterator[str]:
    """Who goes back must have remembered from where, and forgets it after."""
    for item in table.transitions.values():
        if item.target == "previous":
            if not item.otherwise:
                yield f"{item.act}: leads back, and says not where to when nothing was remembered (otherwise)"
            if "go_back" not in item.effects:
                yield f"{item.act}: leads back without go_back"
            if not (targets(table, item) - {item.otherwise}):
                yield f"{item.act}: leads back, and no act remembers"


class _Place(NamedTuple):
    state: str
    back: tuple[str, frozenset[str]] | None
    running: frozenset[str]
    paused: frozenset[str]


def _clocks(table: Table) -> Iterator[str]:
    """Walks every state with every set of clocks: an end stops them all; elsewhere one runs, or one is paused."""
    start = frozenset(table.initial_clock.get("start", ()))
    none: frozenset[str] = frozenset()
    edge = {_Place(table.initial, None, start, none), _Place("filed", None, frozenset({"dispatch"}), none)}
    edge = {place for place in edge if place.state in table.states}
    seen, told = set(edge), set()
    while edge and len(seen) < MAX_PLACES:
        after = set()
        for place in edge:
            if (wrong := _wrong(table, place)) and wrong not in told:
                told.add(wrong)
                yield wrong
            for item in table.transitions.values():
                if place.state in item.sources:
                    after.add(_step(item, place))
        edge = after - seen
        seen |= edge


def _wrong(table: Table, place: _Place) -> str:
    if table.states[place.state].final:
        return f"{place.state}: the clock {min(place.running)} runs on at the end" if place.running else ""
    if not place.running and not place.paused:
        return f"{place.state}: no clock runs, and none is paused"
    return f"{place.state}: two clocks run, {', '.join(sorted(place.running))}" if len(place.running) > 1 else ""


def _step(item: Transition, place: _Place) -> _Place:
    state, back = place.state, place.back
    if item.target == "previous":
        state = back[0] if back else item.otherwise
    elif item.target != "same":
        state = item.target
    running, paused = set(place.running), set(place.paused)
    for what, stages in (item.clock or {}).items():
        if what in ("start", "resume"):
            running |= set(stages)
        else:
            running -= set(stages)
        paused = paused | set(stages) if what == "pause" else paused - set(stages)
    if "unmerge" in item.effects and back:
        running |= back[1]
    if "remember" in item.effects:
        back = (place.state, place.running)
    elif "go_back" in item.effects or "reopen" in item.effects:
        back = None
    return _Place(state, back, frozenset(running), frozenset(paused))
