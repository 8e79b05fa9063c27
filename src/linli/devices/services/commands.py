"""Asking a device to do something, and setting what it should know.

The gateway takes a command when its device is connected, and settles it by what the device says (`sql/talk.sql`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from linli.devices import command_selectors, selectors, things
from linli.devices.models import Command, Device
from linli.devices.services.common import OPEN, emit_device
from linli.kernel import audit, clock, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict, Invalid

MAX_OPEN = 100
MAX_BYTES = 65_536
EXPIRES_S = (1, 30 * 86_400)
_METHOD = re.compile(r"[^\x00-\x1f\x7f]{1,64}")


def send_command(
    *, actor: Actor, device_id: UUID, method: str, params: Any = None, one_way: bool = False, expires_s: int = 60
) -> Command:
    """Queue a command; not sent any more, and no answer waited for, after `expires_s` (1 s to 30 days)."""
    if not _METHOD.fullmatch(method):
        raise Invalid("method", "must be 1 to 64 characters, none a control")
    if not EXPIRES_S[0] <= expires_s <= EXPIRES_S[1]:
        raise Invalid("expires_s", f"must be {EXPIRES_S[0]} to {EXPIRES_S[1]} seconds")
    if len(orjson.dumps(params)) > MAX_BYTES:
        raise Invalid("params", f"is longer than {MAX_BYTES} bytes as JSON")
    with services.unit(actor):
        device = _device(actor, device_id, "devices.command")
        _declared(device, method, params)
        if Command.objects.filter(device=device, ended_at=None).count() >= MAX_OPEN:
            raise Conflict(f"{MAX_OPEN} commands of this device are still open", code="too-many-commands")
        now = clock.now()
        row = Command.objects.create(
            device=device, method=method, params=params, one_way=one_way, account_id=actor.account_id, created_at=now,
            expires_at=now + timedelta(seconds=expires_s),
        )  # fmt: skip
        audit.record(actor=actor, action="command.send", kind="device", ref=device.pk, area=device.area_path,
                     detail={"command": str(row.id), "method": method})  # fmt: skip
        _tell(row)
    return row


def cancel_command(*, actor: Actor, command_id: UUID) -> Command:
    """Only what no gateway has taken yet can be taken back."""
    with services.unit(actor):
        row = command_selectors.command_for_update(actor, command_id)
        if row.state == "cancelled":
            return row
        if row.state != "queued":
            raise Conflict(f"the command is {row.state}", code="not-queued")
        row.state, row.ended_at = "cancelled", clock.now()
        row.save(update_fields=["state", "ended_at"])
        audit.record(actor=actor, action="command.cancel", kind="device", ref=row.device_id,
                     area=row.device.area_path, detail={"command": str(row.id)})  # fmt: skip
        _tell(row)
    return row


def set_shared_attributes(*, actor: Actor, device_id: UUID, values: Mapping[str, Any]) -> Device:
    """Change some of what the district tells a device about itself; null takes a name away. The device hears it."""
    if bad := [k for k in values if not 0 < len(k) <= 64]:
        raise Invalid("attributes", f"the name {bad[0][:20]!r} has not 1 to 64 characters")
    with services.unit(actor):
        device = _device(actor, device_id, "devices.manage")
        kept = {k: v for k, v in (device.attributes_shared | dict(values)).items() if v is not None}
        if len(orjson.dumps(kept)) > MAX_BYTES:
            raise Invalid("attributes", f"all of them are longer than {MAX_BYTES} bytes as JSON")
        before = device.attributes_shared
        names = sorted(k for k in values if before.get(k) != kept.get(k) or (k in before) != (k in kept))
        if names:
            device.attributes_shared, device.updated_at = kept, clock.now()
            device.save(update_fields=["attributes_shared", "updated_at"])
            audit.record(actor=actor, action="device.attributes", kind="device", ref=device.pk,
                         area=device.area_path, detail={"names": names[:50]})  # fmt: skip
            emit_device(device, "attributes", names=names)
    return device


def _declared(device: Device, method: str, params: Any) -> None:
    """A model that names its commands has no others, and each only with the parameters that it declares."""
    known = {c["code"]: c for c in device.model.commands}
    if known and method not in known:
        raise Invalid("method", f"is none of this model's: {', '.join(known)}")
    if known and (found := things.wrong_parameters(known[method], params)):
        raise Invalid(errors=found)


def _device(actor: Actor, device_id: UUID, permission: str) -> Device:
    device = selectors.device_for_update(actor, device_id, permission=permission)
    if device.model.subject != OPEN:  # what belongs to a household or a person is not the district's to steer
        raise Conflict("only devices of places are commanded", code="not-a-place")
    if device.state == "retired":
        raise Conflict("a retired device hears nothing", code="retired")
    return device


def _tell(row: Command) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT devices_command_event(c) FROM devices_command c WHERE c.number = %s", [row.number])
        cursor.execute("SELECT pg_notify('linli_outbox', '')")


def expire_commands() -> int:
    """End what nobody took or answered in time; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT devices_commands_expire()")
        return int(cursor.fetchone()[0])
