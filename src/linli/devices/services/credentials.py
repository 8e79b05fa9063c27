"""Tokens of devices: random, kept as HMAC, shown once."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.conf import settings

from linli.devices import contracts, selectors
from linli.devices.models import Credential, Device
from linli.devices.services.common import emit_device
from linli.kernel import audit, clock, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict, Invalid, NotFound

MAX_LIVE = 5


def _key() -> bytes:
    return settings.HOME.secret(contracts.TOKEN_KEY)


def make(device: Device, token: str | None = None) -> tuple[Credential, str]:
    """A credential row, not yet saved, and its token."""
    plain = token or contracts.new_token()
    return Credential(device=device, token_hash=contracts.token_hash(_key(), plain), hint=plain[-4:]), plain


def create_credential(*, actor: Actor, device_id: UUID) -> tuple[Credential, str]:
    """One more token for a device; the token itself is returned now and never again."""
    with services.unit(actor):
        device = _device(actor, device_id)
        if Credential.objects.filter(device=device, revoked_at=None).count() >= MAX_LIVE:
            raise Conflict(f"a device has at most {MAX_LIVE} tokens in force; revoke one first", code="too-many-tokens")
        return _add(actor, device, "credential.create")


def rotate_credential(*, actor: Actor, device_id: UUID, grace_s: int = 0) -> tuple[Credential, str]:
    """A new token; the old ones stop after `grace_s` seconds."""
    if not 0 <= grace_s <= 7 * 86400:
        raise Invalid("grace_s", "must be 0 to 604800 seconds")
    with services.unit(actor):
        device = _device(actor, device_id)
        old = Credential.objects.filter(device=device, revoked_at=None)
        now = clock.now()
        old.update(**({"expires_at": now + timedelta(seconds=grace_s)} if grace_s else {"revoked_at": now}))
        return _add(actor, device, "credential.rotate")


def revoke_credential(*, actor: Actor, device_id: UUID, credential_id: UUID) -> None:
    with services.unit(actor):
        device = _device(actor, device_id)
        row = Credential.objects.filter(device=device, pk=credential_id).first()
        if row is None:
            raise NotFound()
        if row.revoked_at is None:
            row.revoked_at = clock.now()
            row.save(update_fields=["revoked_at"])
            _note(actor, device, row, "credential.revoke")


def _device(actor: Actor, device_id: UUID) -> Device:
    device = selectors.device_for_update(actor, device_id, permission="devices.credentials")
    if device.state == "retired":
        raise Conflict("a retired device has no tokens", code="retired")
    return device


def _add(actor: Actor, device: Device, action: str) -> tuple[Credential, str]:
    row, token = make(device)
    row.save(force_insert=True)
    _note(actor, device, row, action)
    return row, token


def _note(actor: Actor, device: Device, row: Credential, action: str) -> None:
    audit.record(actor=actor, action=action, kind="device", ref=device.pk, area=device.area_path,
                 detail={"credential": str(row.pk)})  # fmt: skip
    emit_device(device, "credentials")
