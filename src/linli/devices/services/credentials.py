"""Tokens of devices: random, kept as HMAC, shown once. Numbers of stations: kept as HMAC too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from linli.devices import contracts, selectors
from linli.devices.models import Credential, Device
from linli.devices.services.common import emit_device
from linli.kernel import audit, clock, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict, Invalid, NotFound

MAX_LIVE = 5
MIN_PASSWORD = 16


def _key() -> bytes:
    return settings.HOME.secret(contracts.TOKEN_KEY)


def make(device: Device, token: str | None = None) -> tuple[Credential, str]:
    """A credential row, not yet saved, and its token."""
    plain = token or contracts.new_token()
    return Credential(device=device, token_hash=contracts.token_hash(_key(), plain), hint=plain[-4:]), plain


def station(device: Device, protocol: str, number: str, secret: str = "") -> Credential:
    """The row, not yet saved, by which a protocol over TCP knows a device."""
    form = contracts.PROTOCOLS.get(protocol)
    if form is None:
        raise Invalid("protocol", f"must be one of {', '.join(contracts.PROTOCOLS)}")
    plain = contracts.station_number(protocol, number)
    if not form.fullmatch(plain):
        raise Invalid("number", f"is no number of {protocol}")
    if len(secret) > 40 or (secret and protocol == contracts.OUTSIDE):
        raise Invalid("secret", "is longer than 40 characters" if len(secret) > 40 else f"{protocol} has none")
    hashed = contracts.station_hash(_key(), protocol, plain, secret)
    return Credential(device=device, token_hash=hashed, hint=plain[-4:], protocol=protocol)


def known_numbers(rows: Iterable[Mapping[str, Any]]) -> set[bytes]:
    """The hashes of those rows' numbers that some device has already."""
    hashes = [
        contracts.station_hash(_key(), r["protocol"], contracts.station_number(r["protocol"], r["number"]),
                               r.get("secret", ""))
        for r in rows if r.get("protocol") and r.get("number")
    ]  # fmt: skip
    return {bytes(h) for h in Credential.objects.filter(token_hash__in=hashes).values_list("token_hash", flat=True)}


def register_station(*, actor: Actor, device_id: UUID, protocol: str, number: str, secret: str = "") -> Credential:
    """From now on what comes under this number is this device's. A number given up before may be given again."""
    with services.unit(actor):
        device = _device(actor, device_id)
        _room(device)
        row = station(device, protocol, number, secret)
        same = Credential.objects.filter(token_hash=row.token_hash)
        same.filter(Q(revoked_at__isnull=False) | Q(expires_at__lte=clock.now())).delete()
        if same.exists():
            raise Conflict("another device has this number", code="number-taken")
        row.save(force_insert=True)
        _note(actor, device, row, "credential.create")
        return row


def create_basic(
    *, actor: Actor, device_id: UUID, username: str, password: str = "", client_id: str = ""
) -> tuple[Credential, str]:
    """A user name and password of MQTT, which hold with the client id, or with any; the password is told now and never
    again. One that is given has at least 16 characters."""
    for name, value in (("username", username), ("password", password), ("client_id", client_id)):
        if len(value) > 200 or not value.isprintable():
            raise Invalid(name, "has at most 200 characters, none a control")
    if not username:
        raise Invalid("username", "is missing")
    if password and len(password) < MIN_PASSWORD:
        raise Invalid("password", f"has at least {MIN_PASSWORD} characters; without one you get one")
    plain = password or contracts.new_token()
    with services.unit(actor):
        device = _device(actor, device_id)
        _room(device)
        hashed = contracts.basic_hash(_key(), client_id, username, plain)
        if Credential.objects.filter(token_hash=hashed).exists():
            raise Conflict("choose another password", code="credential-taken")
        row = Credential(device=device, token_hash=hashed, hint=username[-4:], protocol=contracts.MQTT_BASIC)
        row.save(force_insert=True)
        _note(actor, device, row, "credential.create")
        return row, plain


def create_certificate(*, actor: Actor, device_id: UUID, pem: str) -> Credential:
    """The device is who shows this certificate over TLS, until it expires or is revoked. To change it: register the
    next one, let the device take it, revoke the old."""
    try:
        found = contracts.parse_certificate(pem)
    except ValueError as error:
        raise Invalid("certificate", str(error)) from error
    with services.unit(actor):
        device = _device(actor, device_id)
        _room(device)
        hashed = contracts.certificate_hash(_key(), found.der)
        same = Credential.objects.filter(token_hash=hashed)
        same.filter(revoked_at__isnull=False).delete()
        if same.exists():
            raise Conflict("a device has this certificate", code="credential-taken")
        row = Credential(device=device, token_hash=hashed, hint=found.fingerprint[-4:], protocol=contracts.X509,
                         certificate=found.der, expires_at=found.expires_at)  # fmt: skip
        row.save(force_insert=True)
        _note(actor, device, row, "credential.create")
        return row


def create_credential(*, actor: Actor, device_id: UUID) -> tuple[Credential, str]:
    """One more token for a device; the token itself is returned now and never again."""
    with services.unit(actor):
        device = _device(actor, device_id)
        _room(device)
        return _add(actor, device, "credential.create")


def rotate_credential(*, actor: Actor, device_id: UUID, grace_s: int = 0) -> tuple[Credential, str]:
    """A new token; the old ones stop after `grace_s` seconds. A station's number stays."""
    if not 0 <= grace_s <= 7 * 86400:
        raise Invalid("grace_s", "must be 0 to 604800 seconds")
    with services.unit(actor):
        device = _device(actor, device_id)
        old = Credential.objects.filter(device=device, revoked_at=None, protocol="")
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


def _room(device: Device) -> None:
    if Credential.objects.filter(device=device, revoked_at=None).count() >= MAX_LIVE:
        raise Conflict(f"a device has at most {MAX_LIVE} tokens in force; revoke one first", code="too-many-tokens")


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
