"""Acts on cases: the transition table's, claims, taking a dispatch back."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse

from linli.cases.api import router
from linli.cases.api.schemas import ActIn, DoneOut, answer
from linli.cases.contracts import Done
from linli.cases.selectors import detail
from linli.cases.services import act, claims
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
