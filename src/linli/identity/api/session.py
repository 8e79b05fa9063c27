"""Signing in and out; what `live` asks about a listener."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Schema, Status

from linli.identity import origin, resolver, selectors
from linli.identity.api.base import router
from linli.identity.api.schemas import ActorGrant, MeOut, actor_grants
from linli.identity.services import sessions
from linli.kernel.http import PUBLIC, SIGNED_IN, actor_of


class SignIn(Schema):
    username: str
    password: str
    code: str = ""


class LiveSession(Schema):
    """An actor as the live relay needs it: `kind` public has no grants."""

    kind: str
    account_id: UUID | None
    session_id: UUID | None
    grants: list[ActorGrant]
    team_ids: list[UUID]


@router.post("/session", permission=PUBLIC, response={200: MeOut})
def sign_in(request: HttpRequest, response: HttpResponse, payload: SignIn) -> MeOut:
    origin.refuse_cross_site(request)
    made = sessions.sign_in(
        username=payload.username, password=payload.password, code=payload.code,
        address=origin.address(request), client=request.headers.get("User-Agent", ""),
    )  # fmt: skip
    response.set_cookie(
        resolver.COOKIE, made.token, max_age=made.max_age_s, httponly=True, samesite="Lax", secure=request.is_secure()
    )
    response["Cache-Control"] = "no-store"
    actor = resolver.by_token(made.token)
    row = selectors.own_account(actor)
    return MeOut.of(row, actor, selectors.grants_of([row.id])[row.id])


@router.delete("/session", permission=SIGNED_IN, response={204: None})
def sign_out(request: HttpRequest, response: HttpResponse) -> Status[None]:
    sessions.sign_out(actor=actor_of(request))
    response.delete_cookie(resolver.COOKIE, samesite="Lax")
    return Status(204, None)


@router.get("/live/session", permission=PUBLIC, response=LiveSession)
def live_session(request: HttpRequest) -> LiveSession:
    actor = actor_of(request)
    return LiveSession(
        kind=actor.kind, account_id=actor.account_id, session_id=actor.session_id, grants=actor_grants(actor),
        team_ids=list(actor.team_ids),
    )  # fmt: skip
