"""Tokens of devices. A token is in the answer that makes it and nowhere else."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Schema, Status

from linli.devices import selectors
from linli.devices.api.base import once, router
from linli.devices.api.schemas import CredentialMade, CredentialOut, RotateIn, StationIn
from linli.devices.models import Credential
from linli.devices.services import credentials as services
from linli.kernel.http import actor_of


class LoginIn(Schema):
    """User name and password of MQTT; without a `client_id` they hold with any, without a password you get one."""

    username: str
    password: str = ""
    client_id: str = ""


class CertificateIn(Schema):
    """One X.509 certificate in PEM, of any signer or its own."""

    certificate: str


class LoginMade(CredentialOut):
    """`password` is shown this once."""

    password: str


def _made(row: Credential, token: str) -> HttpResponse:
    return once(CredentialOut.of(row).dict() | {"token": token}, 201)


@router.get("/devices/{uuid:device_id}/credentials", permission="devices.credentials", response=list[CredentialOut])
def list_credentials(request: HttpRequest, device_id: UUID) -> list[CredentialOut]:
    return [CredentialOut.of(c) for c in selectors.credentials(actor_of(request), device_id)]


@router.post("/devices/{uuid:device_id}/credentials", permission="devices.credentials", response={201: CredentialMade})
def create_credential(request: HttpRequest, device_id: UUID) -> HttpResponse:
    return _made(*services.create_credential(actor=actor_of(request), device_id=device_id))


@router.post("/devices/{uuid:device_id}/stations", permission="devices.credentials", response={201: CredentialOut})
def register_station(request: HttpRequest, device_id: UUID, body: StationIn) -> Status[CredentialOut]:
    """The number by which a protocol over TCP (hj212, sl651, jtt808, gbt26875) knows the device."""
    row = services.register_station(
        actor=actor_of(request), device_id=device_id, protocol=body.protocol, number=body.number, secret=body.secret
    )
    return Status(201, CredentialOut.of(row))


@router.post("/devices/{uuid:device_id}/mqtt-logins", permission="devices.credentials", response={201: LoginMade})
def create_login(request: HttpRequest, device_id: UUID, body: LoginIn) -> HttpResponse:
    """A user name and password of MQTT for the device, bound to a client id if one is given."""
    row, password = services.create_basic(actor=actor_of(request), device_id=device_id, **body.dict())
    return once(CredentialOut.of(row).dict() | {"password": password}, 201)


@router.post("/devices/{uuid:device_id}/certificates", permission="devices.credentials", response={201: CredentialOut})
def register_certificate(request: HttpRequest, device_id: UUID, body: CertificateIn) -> Status[CredentialOut]:
    """The certificate that the device shows over MQTT with TLS; it holds until it expires or is revoked."""
    row = services.create_certificate(actor=actor_of(request), device_id=device_id, pem=body.certificate)
    return Status(201, CredentialOut.of(row))


@router.post(
    "/devices/{uuid:device_id}/credentials/rotate", permission="devices.credentials", response={201: CredentialMade}
)
def rotate_credential(request: HttpRequest, device_id: UUID, body: RotateIn) -> HttpResponse:
    """A new token; the old ones stop now, or after `grace_s` seconds."""
    found = services.rotate_credential(actor=actor_of(request), device_id=device_id, grace_s=body.grace_s)
    return _made(*found)


@router.delete(
    "/devices/{uuid:device_id}/credentials/{uuid:credential_id}", permission="devices.credentials",
    response={204: None},
)  # fmt: skip
def revoke_credential(request: HttpRequest, device_id: UUID, credential_id: UUID) -> Status[None]:
    services.revoke_credential(actor=actor_of(request), device_id=device_id, credential_id=credential_id)
    return Status(204, None)
