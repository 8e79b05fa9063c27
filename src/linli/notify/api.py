"""Routes of notify: one's own settings, for people who are signed in."""

from __future__ import annotations

from datetime import time
from typing import Any

from django.http import HttpRequest
from ninja import Schema

from linli.kernel.http import SIGNED_IN, Router, actor_of
from linli.notify import selectors, services

router = Router(tags=["notices"])


class NoticesOut(Schema):
    """`mail`: the district has a server for mail; `address`: masked; `refused`: the last letters did not get there.
    `channels`: kind → app (on the screen only), mail (at once) or digest (one letter a day)."""

    mail: bool
    address: str
    confirmed: bool
    refused: bool
    channels: dict[str, str]
    quiet_from: time | None
    quiet_until: time | None
    digest_at: time


class NoticesIn(Schema):
    """Hours are the district's. Kinds that are left out stay as they are."""

    channels: dict[str, str] = {}
    quiet_from: time | None = None
    quiet_until: time | None = None
    digest_at: time = time(8)


class AddressIn(Schema):
    address: str


class ConfirmIn(Schema):
    token: str


@router.get("/me/notices", permission=SIGNED_IN, response=NoticesOut)
def my_notices(request: HttpRequest) -> dict[str, Any]:
    return selectors.shown(actor_of(request))


@router.put("/me/notices", permission=SIGNED_IN, response=NoticesOut)
def choose_notices(request: HttpRequest, payload: NoticesIn) -> dict[str, Any]:
    services.choose(actor=actor_of(request), **payload.dict())
    return selectors.shown(actor_of(request))


@router.put("/me/notices/address", permission=SIGNED_IN, response=NoticesOut)
def set_address(request: HttpRequest, payload: AddressIn) -> dict[str, Any]:
    """A letter goes there that asks; it counts once that was answered."""
    services.set_address(actor=actor_of(request), address=payload.address)
    return selectors.shown(actor_of(request))


@router.post("/me/notices/address/confirm", permission=SIGNED_IN, response=NoticesOut)
def confirm_address(request: HttpRequest, payload: ConfirmIn) -> dict[str, Any]:
    services.confirm(actor=actor_of(request), token=payload.token)
    return selectors.shown(actor_of(request))


@router.delete("/me/notices/address", permission=SIGNED_IN, response=NoticesOut)
def drop_address(request: HttpRequest) -> dict[str, Any]:
    """No more letters, at once."""
    services.drop_address(actor=actor_of(request))
    return selectors.shown(actor_of(request))
