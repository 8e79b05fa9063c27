"""What one case counts for: measures, each on its day. Pure: a case's facts, what the packs say, and the time.

Everything is worked out anew from the case as it is, never from what an event says of it: so events may come late,
twice or in any order, and a recount of all cases gives the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from uuid import UUID

from linli.cases.contracts import CaseAct, CaseFacts

# Positions in the columns of the cube and in the facts: names may be added at the end, never moved.
MEASURES = (
    "report", "validReport", "publicReport", "validPublicReport", "urgent", "patrolDeal", "cancel", "toArchive",
    "needVerify", "verify", "inTimeVerify", "accept", "inTimeAccept", "accurAccept", "register", "inTimeRegister",
    "accurRegister", "needDispatch", "dispatch", "inTimeDispatch", "accurDispatch", "toDispose", "needDispose",
    "dispose", "inTimeDispose", "overtimeDispose", "overtimeToDispose", "extension", "disposeHours", "needCheck",
    "check", "inTimeCheck", "needArchive", "archive", "inTimeArchive", "overtimeArchive", "overtimeToArchive",
    "rework", "back", "returnVisit", "verySatisfied", "satisfied", "dissatisfied",
)  # fmt: skip
POSITION = {name: i for i, name in enumerate(MEASURES)}
SUMS = frozenset({"disposeHours"})  # adds a number of its own; every other measure counts a case once


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the packs say of acts, stages and channels."""

    acts: Mapping[str, frozenset[str]]
    undone: Mapping[str, frozenset[str]]
    wrong: Mapping[str, frozenset[str]]
    stages: Mapping[str, tuple[str, ...]]
    public_channels: frozenset[str]
    satisfaction: Mapping[str, str]
    zone: tzinfo


Key = tuple[date, UUID | None]  # a day, and the team it counts for
Own = tuple[date, UUID]  # a day, and the account whose own figure it is


@dataclass(slots=True)
class Counted:
    """What a case counts for, the hours of its handling, and when that changes with nobody doing anything."""

    rows: dict[Key, set[str]] = field(default_factory=dict)
    own: dict[Own, set[str]] = field(default_factory=dict)
    hours: int = 0
    next_at: datetime | None = None


class _Count:
    def __init__(self, case: CaseFacts, meaning: Meaning, now: datetime) -> None:
        self.case, self.meaning, self.now = case, meaning, now
        self.acts = standing(case.acts, meaning.undone)
        self.found = Counted()

    def day(self, at: datetime) -> date:
        return at.astimezone(self.meaning.zone).date()

    def add(self, at: datetime, *names: str, who: UUID | None = None, team: UUID | None = None) -> None:
        self.found.rows.setdefault((self.day(at), team or self.case.team_id), set()).update(names)
        if who is not None:
            self.found.own.setdefault((self.day(at), who), set()).update(names)

    def of(self, kind: str) -> list[CaseAct]:
        wanted = self.meaning.acts.get(kind, frozenset())
        return [a for a in self.acts if a.act in wanted]

    def accurate(self, kind: str, since: datetime) -> bool:
        """Nothing after `since` said that it had been wrong. A correction counts only if it changed the class."""
        wrong = self.meaning.wrong.get(kind, frozenset())
        return not any(
            a.at >= since and a.act in wrong and (a.act != "reclassify" or "class" in a.detail) for a in self.acts
        )

    def due(self, stage: str) -> datetime | None:
        return next((d for s in self.meaning.stages.get(stage, ()) if (d := self.case.deadlines.get(s))), None)

    def passed(self, due: datetime | None) -> bool:
        """Whether a deadline has run out; one ahead is when to look again."""
        if due is None:
            return False
        if due < self.now:
            return True
        self.found.next_at = min(self.found.next_at or due, due)
        return False


def standing(acts: Iterable[CaseAct], undone: Mapping[str, frozenset[str]]) -> list[CaseAct]:
    """The acts without those that were taken back."""
    kept: list[CaseAct] = []
    for act in acts:
        taken = undone.get(act.act)
        if taken is None:
            kept.append(act)
            continue
        last = next((i for i in range(len(kept) - 1, -1, -1) if kept[i].act in taken), None)
        if last is not None:
            del kept[last]
    return kept


def count(case: CaseFacts, meaning: Meaning, now: datetime) -> Counted:
    """The measures of a case, as things stand at `now`."""
    c = _Count(case, meaning, now)
    for part in (_report, _verify, _accept, _register, _dispose, _check, _archive, _back, _visit):
        part(c)
    return c.found


def in_time(at: datetime, due: datetime | None) -> bool:
    """A stage without a limit cannot be late."""
    return due is None or at <= due


def _report(c: _Count) -> None:
    case = c.case
    names = ["report"]
    valid = case.filed_at is not None and (not case.ended or case.solved)
    public = case.channel in c.meaning.public_channels
    for name, holds in (
        ("validReport", valid), ("publicReport", public), ("validPublicReport", public and valid),
        ("urgent", case.urgent), ("patrolDeal", bool(c.of("self_handled"))),
        ("cancel", case.ended and not case.solved and any(a.to_state == case.state for a in c.of("cancelled"))),
        ("toArchive", not case.ended),
    ):  # fmt: skip
        if holds:
            names.append(name)
    c.add(case.created_at, *names, who=None if public else case.created_by)


def _verify(c: _Count) -> None:
    """Whether what was reported is there, looked at before filing: the last time it was asked for."""
    if not (asked := c.of("asked")):
        return
    at = asked[-1].at
    c.add(at, "needVerify")
    if done := [a for a in c.of("confirmed") if a.at >= at]:
        names = ["verify", *(["inTimeVerify"] if in_time(done[0].at, c.due("confirm")) else [])]
        c.add(at, *names, who=done[0].account_id)


def _accept(c: _Count) -> None:
    """A case that began filed was accepted as it came in."""
    first = next(iter(c.of("accepted")), None)
    at = first.at if first else c.case.filed_at
    if at is None:
        return
    names = ["accept", *(["inTimeAccept"] if in_time(at, c.due("accept")) else [])]
    c.add(at, *names, *(["accurAccept"] if c.accurate("accept", at) else []), who=first.account_id if first else None)


def _register(c: _Count) -> None:
    case, at = c.case, c.case.filed_at
    if at is None:
        return
    who = next((a.account_id for a in c.of("registered")), None)
    names = ["register", *(["inTimeRegister"] if in_time(at, c.due("register")) else [])]
    c.add(at, *names, *(["accurRegister"] if c.accurate("register", at) else []), who=who)
    if sent := c.of("dispatched"):
        last = sent[-1]
        names = ["needDispatch", "dispatch"]
        names += ["inTimeDispatch"] if in_time(last.at, c.due("dispatch")) else []
        names += ["accurDispatch"] if c.accurate("dispatch", sent[0].at) else []
        c.add(at, *names, who=last.account_id)
    elif case.waits and case.finished_at is None:
        c.add(at, "needDispatch")


def _dispose(c: _Count) -> None:
    """Counts when the work is done or its limit has run out, whichever comes first; before that it waits."""
    case, due, at = c.case, c.due("handle"), c.case.finished_at
    if at is not None:
        last = next((a for a in reversed(c.of("finished"))), None)
        late = not in_time(at, due)
        day = min(at, due) if due else at
        names = ["needDispose", "dispose", "overtimeDispose" if late else "inTimeDispose", "disposeHours"]
        c.found.hours = max(0, round((at - case.created_at).total_seconds() / 3600))
        c.add(day, *names, *(["extension"] if case.extended else []), who=last.account_id if last else None)
        return
    sent = c.of("dispatched")
    if case.ended or not (sent or due):
        return
    at_work = not case.waits or (bool(sent) and case.team_id is not None)
    if at_work and sent:
        c.add(sent[-1].at, "toDispose")
    if at_work and c.passed(due) and due is not None:
        c.add(due, "needDispose", "overtimeToDispose", *(["extension"] if case.extended else []))


def _check(c: _Count) -> None:
    """The last verification: of work that was reported as done."""
    done = c.of("finished")
    if not done:
        return
    since, due = done[-1].at, c.due("check")
    checks = [a for a in c.of("verified") if a.at >= since]
    if checks:
        at = checks[0].at
        names = ["needCheck", "check", *(["inTimeCheck"] if in_time(at, due) else [])]
        c.add(min(at, due) if due else at, *names, who=checks[0].account_id)
    elif not c.case.ended and c.case.finished_at is not None and c.passed(due) and due is not None:
        c.add(due, "needCheck")


def _archive(c: _Count) -> None:
    case, due = c.case, c.case.deadlines.get("closing")
    again = ["rework"] if c.of("reworked") else []
    if case.solved and case.closed_at is not None:
        closing = [a.at for a in c.of("closed")]
        at = closing[-1] if closing else case.closed_at
        late = not in_time(at, due)
        names = ["needArchive", "archive", "overtimeArchive" if late else "inTimeArchive", *again]
        c.add(min(at, due) if due else at, *names)
    elif not case.ended and case.filed_at is not None and c.passed(due) and due is not None:
        c.add(due, "needArchive", "overtimeToArchive", *again)


def _back(c: _Count) -> None:
    """A return counts for the team that gave the case back."""
    for act in c.of("returned"):
        team = str(act.detail.get("team_id") or "")
        c.add(act.at, "back", team=UUID(team) if team else None)


def _visit(c: _Count) -> None:
    asked = [(a, v) for a in c.of("visited") if (v := _answer(a, c.meaning.satisfaction))]
    if asked:
        act, answer = asked[-1]
        c.add(act.at, "returnVisit", answer, who=act.account_id)


def _answer(act: CaseAct, known: Mapping[str, str]) -> str:
    said = act.detail.get("satisfaction", act.detail.get("score"))
    return known.get(str(said), "") if said is not None else ""
