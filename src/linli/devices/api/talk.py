"""What the district tells a device: commands and shared attributes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Schema, Status

from linli.devices import command_selectors as selectors
from linli.devices.api.base import reply, router
from linli.devices.api.schemas import DeviceOut, device_out
from linli.devices.models import Command
from linli.devices.services import commands as services
from linli.kernel import paging
from linli.kernel.http import actor_of


class CommandIn(Schema):
    """`params` is any JSON. `one_way`: the device need not answer. `expires_s`: seconds, at most 30 days."""

    method: str
    params: Any = None
    one_way: bool = False
    expires_s: int = 60


class CommandOut(Schema):
    """queued → sent → delivered → answered or failed; or expired, or cancelled. `result` is the device's answer, `by`
    the name of whoever sent it."""

    id: UUID
    number: int
    device_id: UUID
    method: str
    params: Any
    one_way: bool
    state: str
    tries: int
    result: Any
    account_id: UUID | None
    by: str
    created_at: datetime
    expires_at: datetime
    sent_at: datetime | None
    delivered_at: datetime | None
    ended_at: datetime | None


class AttributesIn(Schema):
    """Names and their new values; null takes a name away."""

    attributes: dict[str, Any]


_PLAIN = ("id", "number", "device_id", "method", "params", "one_way", "state", "tries", "result", "account_id",
          "created_at", "expires_at", "sent_at", "delivered_at", "ended_at")  # fmt: skip


def command_out(row: Command, names: Mapping[UUID, str] | None = None) -> dict[str, Any]:
    """A `CommandOut` as a plain dict."""
    if names is None:
        names = selectors.senders([row])
    by = names.get(row.account_id, "") if row.account_id else ""
    return {**{name: getattr(row, name) for name in _PLAIN}, "by": by}


@router.get("/devices/{uuid:device_id}/commands", permission="devices.view", response=paging.Page[CommandOut])
def list_commands(
    request: HttpRequest, device_id: UUID, state: str = "", cursor: str | None = None,
    limit: int = paging.DEFAULT_LIMIT,
) -> HttpResponse:  # fmt: skip
    """What a device was asked to do, newest first."""
    rows, after = selectors.commands(actor_of(request), device_id, state=state, cursor=cursor, limit=limit)
    names = selectors.senders(rows)
    return reply({"items": [command_out(r, names) for r in rows], "next": after})


@router.post("/devices/{uuid:device_id}/commands", permission="devices.command", response={201: CommandOut})
def send_command(request: HttpRequest, device_id: UUID, body: CommandIn) -> Status[Any]:
    """Sent when the device is connected, at once if it is; not after it expired."""
    row = services.send_command(actor=actor_of(request), device_id=device_id, **body.dict())
    return Status(201, command_out(row))


@router.get("/commands/{uuid:command_id}", permission="devices.view", response=CommandOut)
def get_command(request: HttpRequest, command_id: UUID) -> dict[str, Any]:
    return command_out(selectors.command(actor_of(request), command_id))


@router.post("/commands/{uuid:command_id}/cancel", permission="devices.command", response=CommandOut)
def cancel_command(request: HttpRequest, command_id: UUID) -> dict[str, Any]:
    """Only while it is queued; afterwards 409."""
    return command_out(services.cancel_command(actor=actor_of(request), command_id=command_id))


@router.patch("/devices/{uuid:device_id}/attributes", permission="devices.manage", response=DeviceOut)
def set_attributes(request: HttpRequest, device_id: UUID, body: AttributesIn) -> dict[str, Any]:
    """Change shared attributes; a connected device is told what changed."""
    found = services.set_shared_attributes(actor=actor_of(request), device_id=device_id, values=body.attributes)
    return device_out(found)
