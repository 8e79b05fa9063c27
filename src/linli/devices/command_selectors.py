"""Reads of commands: who sees a device sees what it was asked to do."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from linli.devices import selectors
from linli.devices.models import COMMAND_STATES, Command
from linli.identity import facade as identity
from linli.kernel import paging
from linli.kernel.actor import Actor
from linli.kernel.errors import Forbidden, Invalid, NotFound
from linli.kernel.scope import area_q


def commands(
    actor: Actor, device_id: UUID, *, state: str = "", cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT
) -> tuple[list[Command], str | None]:
    """A page of a device's commands, newest first."""
    if state and state not in COMMAND_STATES:
        raise Invalid("state", f"must be one of {', '.join(COMMAND_STATES)}")
    found = Command.objects.filter(device_id=selectors.device(actor, device_id).pk)
    if state:
        found = found.filter(state=state)
    return paging.keyset(found, key=("-number",), cursor=cursor, limit=limit)


def senders(rows: Iterable[Command]) -> dict[UUID, str]:
    """Names of those who sent these commands, for staff who see the device."""
    return identity.display_name({r.account_id for r in rows if r.account_id})


def command(actor: Actor, command_id: UUID) -> Command:
    seen = area_q(actor, "devices.view", field="device__area_path")
    found = (
        Command.objects.filter(seen, id=command_id, device__model__subject=selectors.OPEN)
        .select_related("device")
        .first()
    )
    if found is None:
        raise NotFound()
    return found


def command_for_update(actor: Actor, command_id: UUID) -> Command:
    command(actor, command_id)
    may = area_q(actor, "devices.command", field="device__area_path")
    found = Command.objects.select_for_update(of=("self",)).select_related("device").filter(may, id=command_id).first()
    if found is None:
        raise Forbidden("needs devices.command there")
    return found
