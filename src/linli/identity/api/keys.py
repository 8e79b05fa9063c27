"""API keys."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Schema, Status

from linli.identity import selectors
from linli.identity.api.base import router
from linli.identity.api.schemas import ApiKeyMade, ApiKeyOut
from linli.identity.services import keys
from linli.kernel import paging
from linli.kernel.errors import Invalid
from linli.kernel.http import SIGNED_IN, actor_of


class ApiKeyIn(Schema):
    """`account_id` is one's own when left out; times need an offset."""

    account_id: UUID | None = None
    name: str = ""
    scopes: list[str] = []
    expires_at: datetime | None = None


@router.get("/apikeys", permission=SIGNED_IN, response=paging.Page[ApiKeyOut])
def list_apikeys(
    request: HttpRequest, cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT
) -> paging.Page[ApiKeyOut]:
    """One's own keys; with keys.manage also those of accounts in one's area."""
    rows, more = paging.keyset(
        selectors.apikeys(actor_of(request)), key=("-created_at", "-id"), cursor=cursor, limit=limit
    )
    return paging.Page(items=[ApiKeyOut.of(r) for r in rows], next=more)


@router.post("/apikeys", permission=SIGNED_IN, response={201: ApiKeyMade})
def create_apikey(request: HttpRequest, response: HttpResponse, payload: ApiKeyIn) -> Status[ApiKeyMade]:
    actor = actor_of(request)
    if payload.expires_at is not None and payload.expires_at.tzinfo is None:
        raise Invalid("expires_at", "needs an offset, such as +08:00")
    own = payload.account_id is None or payload.account_id == actor.account_id
    account = selectors.own_account(actor) if own else selectors.account(actor, payload.account_id, "keys.manage")
    row, text = keys.create_apikey(
        actor=actor, account=account, name=payload.name, scopes=payload.scopes, expires_at=payload.expires_at
    )
    response["Cache-Control"] = "no-store"
    return Status(201, ApiKeyMade(**ApiKeyOut.of(row).dict(), key=text))


@router.delete("/apikeys/{uuid:apikey_id}", permission=SIGNED_IN, response={204: None})
def revoke_apikey(request: HttpRequest, apikey_id: UUID) -> Status[None]:
    actor = actor_of(request)
    keys.revoke_apikey(actor=actor, key=selectors.apikey(actor, apikey_id))
    return Status(204, None)
