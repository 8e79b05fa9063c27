"""One act on many cases: looked at first, done case by case, and taken back as a whole while nobody went on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from linli.cases import tables
from linli.cases.contracts import Done
from linli.cases.models import Case
from linli.cases.selectors import suggest, visible
from linli.cases.services import act
from linli.kernel import clock, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict, Invalid, LinliError, NotFound
from linli.kernel.i18n import say

ACTS = ("accept", "file", "dispatch", "recall", "reassign")
MOST, UNDO_S = 200, 60


@dataclass(frozen=True, slots=True)
class One:
    """A case as the caller saw it."""

    case_id: UUID
    version: int | None = None


class _Looked(Exception):
    """Ends a look: what was done is rolled back."""


def perform(
    *, actor: Actor, action: str, cases: Sequence[One], given: Mapping[str, Any], only_look: bool
) -> list[dict[str, Any]]:
    """Do `action` on each case, each in its own transaction, or with `only_look` say what it would do and do nothing.

    Dispatching without a `team` gives each case to the team recommended for it. One that cannot be done is told with
    its reason and hinders no other. Returns for each case: id, number, class_code, team_id, state, problem.
    """
    if action not in ACTS:
        raise Invalid("action", f"must be one of {', '.join(ACTS)}")
    if not 1 <= len(cases) <= MOST:
        raise Invalid("cases", f"must be 1 to {MOST}")
    if action in ("recall", "reassign") and not str(given.get("reason") or "").strip():
        raise Invalid("reason", "is needed for this act")
    if action == "reassign" and not given.get("team"):
        raise Invalid("team", "is needed for this act")
    known = {one.case_id: one for one in cases}
    return [_one(actor, action, one, given, only_look) for one in known.values()]


def _one(actor: Actor, action: str, one: One, given: Mapping[str, Any], only_look: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"id": one.case_id, "number": "", "class_code": "", "team_id": None, "problem": ""}
    with _telling(told), services.unit(actor):
        case = visible.get(actor, one.case_id, lock=True)
        told |= {"number": case.number, "class_code": case.class_code}
        before = {name: getattr(case, name) for name in act.UNDO_FIELDS}
        done = _do(actor, case, action, one.version, dict(given))
        told |= {"team_id": case.team_id, "state": done.state}
        _keep_undo(case, actor, action, before)
        if only_look:
            raise _Looked
    return told


@contextmanager
def _telling(told: dict[str, Any]) -> Iterator[None]:
    """What refuses is told as the `problem` of its case, and hinders no other; a look just ends."""
    try:
        yield
    except _Looked:
        pass
    except NotFound:
        told["problem"] = say("没有这个案件, 或不在您的范围", "No such case, or it is beyond your areas")
    except LinliError as why:
        told["problem"] = why.detail


def _do(actor: Actor, case: Case, action: str, version: int | None, given: dict[str, Any]) -> Done:
    table = tables.transitions().transitions
    if action == "reassign":
        if case.team_id == given.get("team"):
            raise Conflict(say("已由此队承办", "This team has it already"))
        act.do(case=case, actor=actor, item=table["recall"], version=version, given={"reason": given["reason"]})
        version, action = None, "dispatch"
    brought: dict[str, Any] = {"note": given.get("note"), "class": case.class_code}
    if action == "dispatch":
        brought |= _team(case, given.get("team"))
    if action == "recall":
        brought = {"reason": given["reason"]}
    return act.do(case=case, actor=actor, item=table[action], version=version, given=brought)


def _team(case: Case, team: UUID | None) -> dict[str, Any]:
    """The team given, or the one recommended for this case."""
    if team:
        return {"team": team}
    if not case.class_code:
        raise Conflict(say("没有类别, 不能推荐队伍", "Without a class no team can be recommended"))
    found = suggest.suggestions(suggest.asked_of(case), limit=1)
    if not found:
        raise Conflict(say("没有可推荐的队伍", "There is no team to recommend"))
    return {"team": found[0].team_id, "member": found[0].member_id}


def _keep_undo(case: Case, actor: Actor, action: str, before: dict[str, Any]) -> None:
    case.undo = act.undo_record(actor, action, before, clock.now() + timedelta(seconds=UNDO_S)) | {"bulk": True}
    case.save(update_fields=["undo"])


def undo(*, actor: Actor, case_ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """Take one's own last bulk act back on each case, within a minute, where nobody has gone on. A case recalled goes
    back to its team as a new task."""
    if not 1 <= len(case_ids) <= MOST:
        raise Invalid("case_ids", f"must be 1 to {MOST}")
    return [_back(actor, case_id) for case_id in dict.fromkeys(case_ids)]


def _back(actor: Actor, case_id: UUID) -> dict[str, Any]:
    told: dict[str, Any] = {"id": case_id, "number": "", "problem": ""}
    with _telling(told), services.unit(actor):
        case, at = visible.get(actor, case_id, lock=True), clock.now()
        told["number"] = case.number
        kept = case.undo
        if not kept or not kept.get("bulk") or kept["by"] != str(actor.account_id):
            raise Conflict(say("此后已有变动, 不能撤销", "Somebody has gone on with it since"))
        if datetime.fromisoformat(kept["until"]) < at:
            raise Conflict(say("已超过 1 分钟", "The minute is over"))
        _take_back(actor, case, kept, at)
        told["state"] = case.state
    return told


def _take_back(actor: Actor, case: Case, kept: Mapping[str, Any], at: datetime) -> None:
    table, action, before = tables.transitions().transitions, kept["act"], kept["before"]
    reason = say("撤销批量操作", "A bulk act was taken back")
    if action in ("recall", "reassign"):
        if action == "reassign":
            act.do(case=case, actor=actor, item=table["recall"], version=None, given={"reason": reason})
        given = {"class": case.class_code, "team": UUID(before["team_id"]), "note": reason}
        act.do(case=case, actor=actor, item=table["dispatch"], version=None, given=given)
        return
    act.take_back(case, actor, action, before, at)
