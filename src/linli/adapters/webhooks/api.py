"""Webhooks over the API."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Schema, Status

from linli.adapters.webhooks import catalogue, selectors, services
from linli.adapters.webhooks.models import Delivery, Hook
from linli.kernel import paging
from linli.kernel.http import Router, actor_of

router = Router(tags=["webhooks"])
MANAGE = selectors.MANAGE


class HookIn(Schema):
    """`types`: event types such as `case.changed`; `case.*` and `*` are patterns. `area_path` narrows what is sent."""

    name: str
    url: str
    types: list[str]
    area_path: str = ""
    enabled: bool = True


class HookPatch(Schema):
    version: int
    name: str | None = None
    url: str | None = None
    types: list[str] | None = None
    area_path: str | None = None
    enabled: bool | None = None


class DeliveryOut(Schema):
    """`standing`: `waiting`, `retrying` (failed, tried again at `next_at`), `given_up` or `sent`. `took_ms`: until the
    last answer, or until none came."""

    id: UUID
    event_id: UUID
    type: str
    state: str
    standing: str
    attempts: int
    status: int | None
    error: str
    took_ms: int | None
    next_at: datetime
    created_at: datetime
    sent_at: datetime | None

    @staticmethod
    def resolve_standing(row: Delivery) -> str:
        if row.state == "waiting":
            return "retrying" if row.attempts else "waiting"
        return "given_up" if row.state == "failed" else row.state


class DeliveryFull(DeliveryOut):
    """`body`: what is posted."""

    body: dict[str, Any]


class HookOut(Schema):
    """`stopped_at`: when it was switched off by itself. Until `prior_until` the secret before signs, too."""

    id: UUID
    name: str
    url: str
    types: list[str]
    area_path: str
    enabled: bool
    version: int
    last_success_at: datetime | None
    failing_since: datetime | None
    last_error: str
    stopped_at: datetime | None
    prior_until: datetime | None
    created_at: datetime


class HookListed(HookOut):
    """With the messages that are not sent, counted, and the last one."""

    waiting: int
    retrying: int
    given_up: int
    last: DeliveryOut | None


class HookMade(HookOut):
    """`secret` signs every message (Standard Webhooks) and is not shown again."""

    secret: str


class VersionIn(Schema):
    version: int


class EventOut(Schema):
    """A type that a hook can ask for; `may`: whether the caller's account hears it."""

    type: str
    zh: str
    en: str
    may: bool


@router.get("/webhooks", permission=MANAGE, response=paging.Page[HookListed])
def list_hooks(request: HttpRequest, cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT) -> dict[str, Any]:
    """One's own webhooks, newest first."""
    rows, more = paging.keyset(
        selectors.hooks(actor_of(request)), key=("-created_at", "-id"), cursor=cursor, limit=limit
    )
    more_of = selectors.overview(rows)
    items = [{**HookOut.from_orm(row).dict(), **more_of[row.id], "last": _out(more_of[row.id]["last"])} for row in rows]
    return {"items": items, "next": more}


def _out(row: Delivery | None) -> DeliveryOut | None:
    return DeliveryOut.from_orm(row) if row else None


@router.get("/webhooks/events", permission=MANAGE, response=list[EventOut])
def list_events(request: HttpRequest) -> list[dict[str, Any]]:
    """The event types that a hook can ask for, in words."""
    return catalogue.for_actor(actor_of(request))


@router.post("/webhooks", permission=MANAGE, response={201: HookMade})
def create_hook(request: HttpRequest, response: HttpResponse, payload: HookIn) -> Status[HookMade]:
    row, text = services.create_hook(actor=actor_of(request), given=payload.dict())
    response["Cache-Control"] = "no-store"
    return Status(201, HookMade(**HookOut.from_orm(row).dict(), secret=text))


@router.get("/webhooks/{uuid:hook_id}", permission=MANAGE, response=HookOut)
def get_hook(request: HttpRequest, hook_id: UUID) -> Hook:
    return selectors.hook(actor_of(request), hook_id)


@router.patch("/webhooks/{uuid:hook_id}", permission=MANAGE, response=HookOut)
def change_hook(request: HttpRequest, hook_id: UUID, payload: HookPatch) -> Hook:
    given = {k: v for k, v in payload.dict(exclude_unset=True, exclude={"version"}).items() if v is not None}
    return services.change_hook(actor=actor_of(request), hook_id=hook_id, version=payload.version, given=given)


@router.delete("/webhooks/{uuid:hook_id}", permission=MANAGE, response={204: None})
def delete_hook(request: HttpRequest, hook_id: UUID) -> Status[None]:
    services.delete_hook(actor=actor_of(request), hook_id=hook_id)
    return Status(204, None)


@router.post("/webhooks/{uuid:hook_id}/secret", permission=MANAGE, response=HookMade)
def rotate_secret(request: HttpRequest, response: HttpResponse, hook_id: UUID, payload: VersionIn) -> HookMade:
    """A new secret. For a day every message carries two signatures, by the new one and by the one before."""
    row, text = services.rotate_secret(actor=actor_of(request), hook_id=hook_id, version=payload.version)
    response["Cache-Control"] = "no-store"
    return HookMade(**HookOut.from_orm(row).dict(), secret=text)


@router.post("/webhooks/{uuid:hook_id}/test", permission=MANAGE, response={201: DeliveryOut})
def test_hook(request: HttpRequest, hook_id: UUID) -> Status[Delivery]:
    """Send a message of type `webhook.test`."""
    return Status(201, services.test_hook(actor=actor_of(request), hook_id=hook_id))


@router.get("/webhooks/{uuid:hook_id}/deliveries", permission=MANAGE, response=paging.Page[DeliveryOut])
def list_deliveries(
    request: HttpRequest,
    hook_id: UUID,
    standing: str = "",
    cursor: str | None = None,
    limit: int = paging.DEFAULT_LIMIT,
) -> dict[str, Any]:
    """What was sent and what waits, newest first; kept for 30 days."""
    found = selectors.deliveries(actor_of(request), hook_id, standing)
    rows, more = paging.keyset(found, key=("-created_at", "-id"), cursor=cursor, limit=limit)
    return {"items": rows, "next": more}


@router.get("/webhooks/{uuid:hook_id}/deliveries/{uuid:delivery_id}", permission=MANAGE, response=DeliveryFull)
def get_delivery(request: HttpRequest, hook_id: UUID, delivery_id: UUID) -> Delivery:
    """One message: what is posted, and what came of it."""
    return selectors.delivery(actor_of(request), hook_id, delivery_id)


@router.post("/webhooks/{uuid:hook_id}/deliveries/{uuid:delivery_id}/again", permission=MANAGE, response=DeliveryOut)
def send_again(request: HttpRequest, hook_id: UUID, delivery_id: UUID) -> Delivery:
    return services.send_again(actor=actor_of(request), hook_id=hook_id, delivery_id=delivery_id)
