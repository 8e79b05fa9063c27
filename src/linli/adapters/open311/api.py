"""Endpoints over the API: what the console's page of integrations does."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Schema, Status

from linli.adapters.open311.models import Endpoint, Outgoing
from linli.adapters.open311.selectors import endpoints as reads
from linli.adapters.open311.services import endpoints as writes
from linli.kernel import paging
from linli.kernel.http import Router, actor_of

router = Router(tags=["open311"])
MANAGE = "integrations.manage"
Words = dict[str, str]


class EndpointIn(Schema):
    """`classes`: lines of {class, service_code, attributes}; cases of that class (or of codes that begin so, with `*`)
    go there as `service_code`, or under our own code. `api_key` is never shown again; `account_id`: whose key the other
    system uses here."""

    name: str
    base_url: str
    jurisdiction_id: str = ""
    api_key: str = ""
    format: str = "json"
    area_path: str = ""
    classes: list[dict[str, Any]] = []
    from_step: int = 1
    photos: bool = True
    updates: str = "extension"
    push: bool = True
    states_in: dict[str, list[str]] = {}
    states_out: Words = {}
    account_id: UUID | None = None
    enabled: bool = True


class EndpointPatch(Schema):
    """What is left out stays; an empty `api_key` takes the key away."""

    version: int
    name: str | None = None
    base_url: str | None = None
    jurisdiction_id: str | None = None
    api_key: str | None = None
    format: str | None = None
    area_path: str | None = None
    classes: list[dict[str, Any]] | None = None
    from_step: int | None = None
    photos: bool | None = None
    updates: str | None = None
    push: bool | None = None
    states_in: dict[str, list[str]] | None = None
    states_out: Words | None = None
    account_id: UUID | None = None
    enabled: bool | None = None


class EndpointOut(Schema):
    id: UUID
    name: str
    base_url: str
    jurisdiction_id: str
    key_hint: str
    format: str
    area_path: str
    classes: list[dict[str, Any]]
    from_step: int
    photos: bool
    updates: str
    push: bool
    states_in: dict[str, list[str]]
    states_out: Words
    account_id: UUID | None
    enabled: bool
    version: int
    last_success_at: datetime | None
    last_error: str
    last_error_at: datetime | None
    created_at: datetime
    waiting: int
    failed: int
    sent: int


class OutgoingOut(Schema):
    id: UUID
    kind: str
    case_id: UUID
    state: str
    attempts: int
    reference: str
    error: str
    created_at: datetime
    sent_at: datetime | None
    next_at: datetime


def _one(row: Endpoint) -> dict[str, Any]:
    return reads.shown(row, reads.counts([row.id]).get(row.id, {}))


@router.get("/open311/endpoints", permission=MANAGE, response=paging.Page[EndpointOut])
def list_endpoints(
    request: HttpRequest, cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT
) -> dict[str, Any]:
    """Other Open311 systems in one's area, newest first, with how it goes."""
    rows, more = paging.keyset(reads.listed(actor_of(request)), key=("-created_at", "-id"), cursor=cursor, limit=limit)
    counted = reads.counts([r.id for r in rows])
    return {"items": [reads.shown(r, counted.get(r.id, {})) for r in rows], "next": more}


@router.post("/open311/endpoints", permission=MANAGE, response={201: EndpointOut})
def create_endpoint(request: HttpRequest, body: EndpointIn) -> Status:
    """Enter another system. From now on cases of the chosen classes are sent there."""
    return Status(201, _one(writes.create_endpoint(actor=actor_of(request), given=body.dict())))


@router.get("/open311/endpoints/{uuid:endpoint_id}", permission=MANAGE, response=EndpointOut)
def get_endpoint(request: HttpRequest, endpoint_id: UUID) -> dict[str, Any]:
    return _one(reads.get(actor_of(request), endpoint_id))


@router.patch("/open311/endpoints/{uuid:endpoint_id}", permission=MANAGE, response=EndpointOut)
def change_endpoint(request: HttpRequest, endpoint_id: UUID, body: EndpointPatch) -> dict[str, Any]:
    """Change an endpoint, or switch it off (`enabled`): what waits then waits."""
    given = body.dict(exclude_unset=True)
    version = given.pop("version")
    kept = {k: v for k, v in given.items() if v is not None or k == "account_id"}
    return _one(writes.change_endpoint(actor=actor_of(request), endpoint_id=endpoint_id, version=version, given=kept))


@router.delete("/open311/endpoints/{uuid:endpoint_id}", permission=MANAGE, response={204: None})
def delete_endpoint(request: HttpRequest, endpoint_id: UUID) -> Status:
    """Take one away that nothing was ever meant for; any other is switched off."""
    writes.delete_endpoint(actor=actor_of(request), endpoint_id=endpoint_id)
    return Status(204, None)


@router.post("/open311/endpoints/{uuid:endpoint_id}/retry", permission=MANAGE, response=dict)
def retry(request: HttpRequest, endpoint_id: UUID) -> dict[str, int]:
    """Try again now what was refused or waits, and ask for news."""
    return {"again": writes.retry_failed(actor=actor_of(request), endpoint_id=endpoint_id)}


@router.get("/open311/endpoints/{uuid:endpoint_id}/outgoing", permission=MANAGE, response=paging.Page[OutgoingOut])
def list_outgoing(
    request: HttpRequest, endpoint_id: UUID, state: str = "", cursor: str | None = None,
    limit: int = paging.DEFAULT_LIMIT,
) -> dict[str, Any]:  # fmt: skip
    """What went, waits or was refused, newest first."""
    found = reads.outgoing(actor_of(request), endpoint_id, state)
    rows: list[Outgoing]
    rows, more = paging.keyset(found, key=("-created_at", "-id"), cursor=cursor, limit=limit)
    return {"items": rows, "next": more}
