"""One's own account: preferences, password, second factor, sessions."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from ninja import Schema, Status

from linli.identity import origin, selectors
from linli.identity.api.base import router
from linli.identity.api.schemas import MeOut, SessionOut
from linli.identity.services import accounts, passwords, second_factor
from linli.kernel import paging
from linli.kernel.actor import Actor
from linli.kernel.errors import Forbidden
from linli.kernel.http import SIGNED_IN, actor_of


class Preferences(Schema):
    language: str | None = None
    theme: str | None = None


class PasswordChange(Schema):
    old_password: str
    new_password: str


class TotpSecret(Schema):
    secret: str
    uri: str


class TotpCode(Schema):
    code: str


class Password(Schema):
    password: str


def by_person(request: HttpRequest) -> Actor:
    """The actor, who must be signed in as a person: a leaked key must not take the account over."""
    actor = actor_of(request)
    if actor.kind != "account":
        raise Forbidden("sign in; an API key cannot do this")
    return actor


def _me(actor: Actor) -> MeOut:
    row = selectors.own_account(actor)
    return MeOut.of(row, actor, selectors.grants_of([row.id])[row.id])


@router.get("/me", permission=SIGNED_IN, response=MeOut)
def me(request: HttpRequest) -> MeOut:
    return _me(actor_of(request))


@router.patch("/me", permission=SIGNED_IN, response=MeOut)
def update_me(request: HttpRequest, payload: Preferences) -> MeOut:
    actor = actor_of(request)
    accounts.set_preferences(
        actor=actor, account=selectors.own_account(actor), language=payload.language, theme=payload.theme
    )
    return _me(actor)


@router.post("/me/password", permission=SIGNED_IN, response={204: None})
def change_password(request: HttpRequest, payload: PasswordChange) -> Status[None]:
    actor = by_person(request)
    passwords.change_password(
        actor=actor, account=selectors.own_account(actor), old=payload.old_password, new=payload.new_password,
        address=origin.address(request),
    )  # fmt: skip
    return Status(204, None)


@router.post("/me/totp", permission=SIGNED_IN, response={201: TotpSecret})
def enrol_totp(request: HttpRequest, response: HttpResponse) -> Status[TotpSecret]:
    actor = by_person(request)
    secret, uri = second_factor.enrol_totp(actor=actor, account=selectors.own_account(actor))
    response["Cache-Control"] = "no-store"
    return Status(201, TotpSecret(secret=secret, uri=uri))


@router.post("/me/totp/confirm", permission=SIGNED_IN, response={204: None})
def confirm_totp(request: HttpRequest, payload: TotpCode) -> Status[None]:
    actor = by_person(request)
    second_factor.confirm_totp(actor=actor, account=selectors.own_account(actor), code=payload.code)
    return Status(204, None)


@router.post("/me/totp/disable", permission=SIGNED_IN, response={204: None})
def disable_totp(request: HttpRequest, payload: Password) -> Status[None]:
    actor = by_person(request)
    second_factor.disable_totp(
        actor=actor, account=selectors.own_account(actor), password=payload.password, address=origin.address(request)
    )
    return Status(204, None)


@router.get("/me/sessions", permission=SIGNED_IN, response=paging.Page[SessionOut])
def my_sessions(
    request: HttpRequest, cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT
) -> paging.Page[SessionOut]:
    actor = actor_of(request)
    assert actor.account_id is not None
    rows, more = paging.keyset(
        selectors.live_sessions(actor.account_id), key=("-created_at", "-id"), cursor=cursor, limit=limit
    )
    return paging.Page(items=[SessionOut.of(r, actor) for r in rows], next=more)
