"""Acts on cases: the transition table's, claims, taking a dispatch back."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Schema
from pydantic import ConfigDict, Field

from linli.cases import ports
from linli.cases.api import router
from linli.cases.api.schemas import ActIn, DoneOut, answer
from linli.cases.contracts import Done
from linli.cases.selectors import detail
from linli.cases.services import act, bulk, claims
from linli.kernel.actor import Actor
from linli.kernel.errors import NotFound
from linli.kernel.http import actor_of


def _done(actor: Actor, done: Done) -> HttpResponse:
    """The outcome and the case as it is now; without it when the act took the case out of the caller's sight."""
    try:
        case = detail.get(actor, done.case_id)
    except NotFound:
        case = None
    return answer(
        {"id": done.case_id, "number": done.number, "state": done.state, "version": done.version, "case": case}
    )


@router.post("/cases/{case_id}/actions/{action}", permission="cases.view", response=DoneOut, by_alias=True)
def act_on_case(request: HttpRequest, case_id: UUID, action: str, body: ActIn) -> HttpResponse:
    """Do one of the case's `actions`. With `version`, a case changed by another meanwhile answers 409 with the name."""
    actor, given = actor_of(request), body.dict(exclude={"version"})
    given["class"] = given.pop("class_")
    return _done(actor, act.act(actor=actor, case_id=case_id, action=action, version=body.version, given=given))


@router.post("/cases/{case_id}/claim", permission="cases.view", response=DoneOut, by_alias=True)
def claim_case(request: HttpRequest, case_id: UUID) -> HttpResponse:
    """Show that I am on it, for five minutes."""
    actor = actor_of(request)
    return _done(actor, claims.claim(actor=actor, case_id=case_id))


@router.delete("/cases/{case_id}/claim", permission="cases.view", response=DoneOut, by_alias=True)
def unclaim_case(request: HttpRequest, case_id: UUID) -> HttpResponse:
    """Let go of my claim."""
    actor = actor_of(request)
    return _done(actor, claims.unclaim(actor=actor, case_id=case_id))


@router.post("/cases/{case_id}/dispatch/undo", permission="cases.dispatch", response=DoneOut, by_alias=True)
def undo_dispatch(request: HttpRequest, case_id: UUID) -> HttpResponse:
    """Take my own dispatch back within 10 seconds."""
    actor = actor_of(request)
    return _done(actor, act.undo_dispatch(actor=actor, case_id=case_id))


class BulkOne(Schema):
    model_config = ConfigDict(extra="forbid")
    id: UUID
    version: int | None = None


class BulkIn(Schema):
    """`check`: only say what would happen. `team` empty: for a dispatch, the team recommended for each case."""

    model_config = ConfigDict(extra="forbid")
    action: Literal["accept", "file", "dispatch", "recall", "reassign"]
    cases: list[BulkOne] = Field(min_length=1, max_length=bulk.MOST)
    team: UUID | None = None
    reason: str = Field("", max_length=2000)
    note: str = Field("", max_length=2000)
    check: bool = False


class BulkUndoIn(Schema):
    model_config = ConfigDict(extra="forbid")
    case_ids: list[UUID] = Field(min_length=1, max_length=bulk.MOST)


@router.post("/cases/bulk", permission="cases.view")
def act_on_cases(request: HttpRequest, body: BulkIn) -> HttpResponse:
    """One act on up to 200 cases, each for itself: what cannot be done is told with its `problem` and hinders no other.
    With `check` nothing is done. What was done may be taken back within a minute by /cases/bulk/undo."""
    found = bulk.perform(
        actor=actor_of(request), action=body.action, cases=[bulk.One(c.id, c.version) for c in body.cases],
        given={"team": body.team, "reason": body.reason, "note": body.note or None}, only_look=body.check,
    )  # fmt: skip
    return answer(_bulk(found) | {"undo_s": 0 if body.check else bulk.UNDO_S})


@router.post("/cases/bulk/undo", permission="cases.view")
def undo_on_cases(request: HttpRequest, body: BulkUndoIn) -> HttpResponse:
    """Take one's own bulk act back where nobody has gone on since."""
    return answer(_bulk(bulk.undo(actor=actor_of(request), case_ids=body.case_ids)))


def _bulk(found: list[dict[str, Any]]) -> dict[str, Any]:
    names = ports.team_names(row.get("team_id") for row in found)
    for row in found:
        team_id = row.pop("team_id", None)
        row["team"] = names[team_id] if team_id else None
    return {"items": found, "done": sum(not row["problem"] for row in found)}
