"""How devices join: provisioning profiles, and the claim of a device by a person."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Schema

from linli.devices import joining_selectors as selectors
from linli.devices.api.base import once, reply, router
from linli.devices.api.schemas import DeviceOut, Label, device_out
from linli.devices.joining_models import ProvisioningProfile
from linli.devices.services import claims, provisioning
from linli.kernel import paging
from linli.kernel.http import actor_of


class ProfileFields(Schema):
    """`creates`: new names become devices, else only codes registered before are let in. `claimable`: what it makes is
    planned and nobody's until a person claims it. `gateways`: devices that ask may be gateways. `max_devices`: how many
    come in by it at most, ever."""

    name_zh: str | None = None
    name_en: str | None = None
    owner_department: str | None = None
    owner_team_id: UUID | None = None
    creates: bool | None = None
    claimable: bool | None = None
    gateways: bool | None = None
    max_devices: int | None = None
    expires_at: datetime | None = None
    enabled: bool | None = None


class ProfileIn(ProfileFields):
    model: str
    area_path: str
    name_zh: str
    max_devices: int


class ProfilePatch(ProfileFields):
    """`version` is the one you read; null takes `expires_at` and `owner_team_id` away."""

    version: int


class ProfileOut(Schema):
    """`used`: devices that came in by it, the last at `last_at`. `refused`: names it refused in the last thirty days.
    `hint`: the end of its secret."""

    id: UUID
    key: str
    hint: str
    name: Label
    model: str
    owner_department: str
    owner_team_id: UUID | None
    area_path: str
    grid_id: UUID | None
    creates: bool
    claimable: bool
    gateways: bool
    max_devices: int
    used: int
    last_at: datetime | None
    refused: int
    expires_at: datetime | None
    enabled: bool
    ended_at: datetime | None
    version: int
    created_at: datetime
    updated_at: datetime


class ProfileMade(ProfileOut):
    """`secret` is shown this once."""

    secret: str


class AgainIn(Schema):
    """For how many seconds the device may ask, at most seven days."""

    for_s: int = 3600


class AgainOut(Schema):
    device_id: UUID
    open_until: datetime


class ClaimIn(Schema):
    """The device's code and the secret that it tells; whose and where it will be (lon and lat, or area_path)."""

    code: str
    secret: str
    owner_department: str = ""
    owner_team_id: UUID | None = None
    lon: float | None = None
    lat: float | None = None
    area_path: str = ""


_PLAIN = ("key", "hint", "owner_department", "owner_team_id", "area_path", "grid_id", "creates", "claimable",
          "gateways", "max_devices", "expires_at", "enabled", "ended_at", "version", "created_at",
          "updated_at")  # fmt: skip


def profile_out(row: ProvisioningProfile) -> dict[str, Any]:
    """A `ProfileOut` as a plain dict."""
    return {
        "id": row.pk, "name": {"zh": row.name_zh, "en": row.name_en or row.name_zh}, "model": row.model_id,
        "used": getattr(row, "used", 0), "last_at": getattr(row, "last_at", None),
        "refused": getattr(row, "refused", 0), **{name: getattr(row, name) for name in _PLAIN},
    }  # fmt: skip


@router.get("/provisioning-profiles", permission="devices.credentials", response=paging.Page[ProfileOut])
def list_profiles(
    request: HttpRequest, area: str = "", ended: bool = False, q: str = "", cursor: str | None = None,
    limit: int = paging.DEFAULT_LIMIT,
) -> HttpResponse:  # fmt: skip
    """Newest first; ended ones only when asked for; `q` is of a name or the key."""
    rows, after = selectors.profiles(actor_of(request), area=area, ended=ended, q=q, cursor=cursor, limit=limit)
    return reply({"items": [profile_out(r) for r in rows], "next": after})


@router.post("/provisioning-profiles", permission="devices.credentials", response={201: ProfileMade})
def create_profile(request: HttpRequest, body: ProfileIn) -> HttpResponse:
    fields = body.dict(exclude_unset=True)
    row, secret = provisioning.create_profile(
        actor=actor_of(request), model=fields.pop("model"), area_path=fields.pop("area_path"), fields=fields
    )
    return once(profile_out(row) | {"secret": secret}, 201)


@router.get("/provisioning-profiles/{uuid:profile_id}", permission="devices.credentials", response=ProfileOut)
def get_profile(request: HttpRequest, profile_id: UUID) -> dict[str, Any]:
    return profile_out(selectors.profile(actor_of(request), profile_id))


@router.patch("/provisioning-profiles/{uuid:profile_id}", permission="devices.credentials", response=ProfileOut)
def update_profile(request: HttpRequest, profile_id: UUID, body: ProfilePatch) -> dict[str, Any]:
    fields = body.dict(exclude_unset=True)
    version, actor = fields.pop("version"), actor_of(request)
    provisioning.update_profile(actor=actor, profile_id=profile_id, version=version, fields=fields)
    return profile_out(selectors.profile(actor, profile_id))


@router.post(
    "/provisioning-profiles/{uuid:profile_id}/secret", permission="devices.credentials", response={200: ProfileMade}
)
def renew_secret(request: HttpRequest, profile_id: UUID) -> HttpResponse:
    """A new secret; the old one opens nothing any more."""
    actor = actor_of(request)
    _, secret = provisioning.renew_secret(actor=actor, profile_id=profile_id)
    return once(profile_out(selectors.profile(actor, profile_id)) | {"secret": secret}, 200)


@router.post("/provisioning-profiles/{uuid:profile_id}/end", permission="devices.credentials", response=ProfileOut)
def end_profile(request: HttpRequest, profile_id: UUID) -> dict[str, Any]:
    """For good. Its devices stay."""
    actor = actor_of(request)
    provisioning.end_profile(actor=actor, profile_id=profile_id)
    return profile_out(selectors.profile(actor, profile_id))


@router.post("/devices/{uuid:device_id}/provision-again", permission="devices.credentials", response=AgainOut)
def provision_again(request: HttpRequest, device_id: UUID, body: AgainIn) -> AgainOut:
    """The device may ask a profile for a credential (again), though it has spoken: it was reset, say."""
    row = provisioning.reopen_device(actor=actor_of(request), device_id=device_id, for_s=body.for_s)
    return AgainOut(device_id=device_id, open_until=row.open_until)


@router.post("/devices/claim", permission="devices.manage", response=DeviceOut)
def claim_device(request: HttpRequest, body: ClaimIn) -> dict[str, Any]:
    """Make a device one's own by its code and the secret that it tells. Five wrong secrets close the device's offer,
    twenty wrong claims within an hour those of the account."""
    given = body.dict()
    department, team = given.pop("owner_department"), given.pop("owner_team_id")
    return device_out(claims.claim_device(actor=actor_of(request), department=department, team_id=team, **given))


@router.post("/devices/{uuid:device_id}/unclaim", permission="devices.manage", response=DeviceOut)
def unclaim_device(request: HttpRequest, device_id: UUID) -> dict[str, Any]:
    """Give a claimed device back: nobody's, planned, where it was before."""
    return device_out(claims.unclaim_device(actor=actor_of(request), device_id=device_id))
