"""Lists about joining: devices that came in, who was refused, claims, certificates; and the label of a device."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Schema

from linli.devices import certificates, labels, selectors
from linli.devices import joined_selectors as lists
from linli.devices.api.base import reply, router
from linli.devices.api.schemas import Label
from linli.devices.api.sheet_words import REASONS, spoken
from linli.devices.joining_models import Claim, Provisioned, Refusal
from linli.devices.models import Credential, Device
from linli.kernel import paging
from linli.kernel.http import actor_of, sheet
from linli.kernel.i18n import english, say


class JoinedOut(Schema):
    """A device that got its credential by a profile: when first or last, and when it was heard."""

    device_id: UUID
    code: str
    name: Label
    model: str
    state: str
    area_path: str
    profile_id: UUID
    profile: Label
    at: datetime
    last_seen: datetime | None


class RefusalOut(Schema):
    """A name that a profile refused. `reason`: closed, no-gateways, not-registered, taken, speaks, has-credential,
    too-late, credential-taken, full, model-retired or wrong-secret. `device_id`: of the device of that name, if there
    is one."""

    id: UUID
    profile_id: UUID
    profile: Label
    name: str
    reason: str
    device_id: UUID | None
    count: int
    first_at: datetime
    last_at: datetime


class ClaimOut(Schema):
    """`state`: open, taken or expired; `tries`: wrong secrets, five close it."""

    device_id: UUID
    code: str
    name: Label
    model: str
    area_path: str
    owner_department: str
    state: str
    asked_at: datetime
    expires_at: datetime | None
    tries: int
    claimed_at: datetime | None
    claimed_by: UUID | None


class CertificateOut(Schema):
    """`fingerprint`: SHA-256 in hex. `state`: valid, expiring (within 30 days), expired or revoked."""

    id: UUID
    device_id: UUID
    code: str
    name: Label
    fingerprint: str
    subject: str
    issuer: str
    state: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


def _device(row: Device) -> dict[str, Any]:
    return {"device_id": row.pk, "code": row.code, "name": {"zh": row.name_zh, "en": row.name_en or row.name_zh}}


def _profile(row: Provisioned | Refusal) -> dict[str, Any]:
    found = row.profile
    assert found is not None  # the lists hold no other
    return {"profile_id": found.pk, "profile": {"zh": found.name_zh, "en": found.name_en or found.name_zh}}


def joined_out(row: Provisioned) -> dict[str, Any]:
    status = getattr(row.device, "status", None)
    return _device(row.device) | _profile(row) | {
        "model": row.device.model_id, "state": row.device.state, "area_path": row.device.area_path, "at": row.at,
        "last_seen": status.last_seen if status else None,
    }  # fmt: skip


def refusal_out(row: Refusal) -> dict[str, Any]:
    plain = ("name", "reason", "device_id", "count", "first_at", "last_at")
    return _profile(row) | {"id": row.pk, **{name: getattr(row, name) for name in plain}}


def claim_out(row: Claim) -> dict[str, Any]:
    plain = ("asked_at", "expires_at", "tries", "claimed_at", "claimed_by")
    return _device(row.device) | {
        "model": row.device.model_id, "area_path": row.device.area_path,
        "owner_department": row.device.owner_department, "state": lists.claim_state(row),
        **{name: getattr(row, name) for name in plain},
    }  # fmt: skip


def certificate_out(row: Credential) -> dict[str, Any]:
    said = certificates.described(bytes(row.certificate or b""))
    return _device(row.device) | {
        "id": row.pk, "fingerprint": said.fingerprint, "subject": said.subject, "issuer": said.issuer,
        "state": lists.certificate_state(row), "created_at": row.created_at, "expires_at": row.expires_at,
        "revoked_at": row.revoked_at,
    }  # fmt: skip


@router.get("/provisioned-devices", permission="devices.credentials", response=paging.Page[JoinedOut])
def list_joined(
    request: HttpRequest, profile_id: UUID | None = None, q: str = "", area: str = "", cursor: str | None = None,
    limit: int = paging.DEFAULT_LIMIT,
) -> HttpResponse:  # fmt: skip
    """The latest first; `q` is of a code or a name."""
    rows, after = lists.joined(actor_of(request), profile_id=profile_id, q=q, area=area, cursor=cursor, limit=limit)
    return reply({"items": [joined_out(r) for r in rows], "next": after})


@router.get("/provisioning-refusals", permission="devices.credentials", response=paging.Page[RefusalOut])
def list_refusals(
    request: HttpRequest, profile_id: UUID | None = None, reason: str = "", q: str = "", area: str = "",
    cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT,
) -> HttpResponse:  # fmt: skip
    """The latest first, kept for thirty days after the last time."""
    rows, after = lists.refusals(
        actor_of(request), profile_id=profile_id, reason=reason, q=q, area=area, cursor=cursor, limit=limit
    )
    return reply({"items": [refusal_out(r) for r in rows], "next": after})


@router.get("/provisioning-refusals.csv", permission="devices.credentials", response={200: str})
def refusals_sheet(
    request: HttpRequest, profile_id: UUID | None = None, reason: str = "", q: str = "", area: str = ""
) -> HttpResponse:
    """The list as a sheet, whole."""
    actor, cursor = actor_of(request), None
    table = [[say("名称", "Name"), say("原因", "Reason"), say("自注册配置", "Profile"), say("次数", "Times"),
              say("首次", "First"), say("最近", "Last")]]  # fmt: skip
    while True:
        rows, cursor = lists.refusals(
            actor, profile_id=profile_id, reason=reason, q=q, area=area, cursor=cursor, limit=paging.MAX_LIMIT
        )
        for r in rows:
            name = (r.profile.name_en if english() else "") or r.profile.name_zh
            table.append(
                [r.name, spoken(REASONS, r.reason), name, str(r.count), r.first_at.isoformat(), r.last_at.isoformat()]
            )
        if cursor is None:
            return sheet("csv", "refusals", table)


@router.get("/device-claims", permission="devices.manage", response=paging.Page[ClaimOut])
def list_claims(
    request: HttpRequest, state: str = "", q: str = "", area: str = "", cursor: str | None = None,
    limit: int = paging.DEFAULT_LIMIT,
) -> HttpResponse:  # fmt: skip
    """Who asked last is first. `state`: open, taken, expired, or all."""
    rows, after = lists.claims(actor_of(request), state=state, q=q, area=area, cursor=cursor, limit=limit)
    return reply({"items": [claim_out(r) for r in rows], "next": after})


@router.get("/device-certificates", permission="devices.credentials", response=paging.Page[CertificateOut])
def list_certificates(
    request: HttpRequest, state: str = "", q: str = "", area: str = "", cursor: str | None = None,
    limit: int = paging.DEFAULT_LIMIT,
) -> HttpResponse:  # fmt: skip
    """What ends first is first; `state`: valid, expiring, expired or revoked, without it all but revoked ones."""
    rows, after = lists.certificates(actor_of(request), state=state, q=q, area=area, cursor=cursor, limit=limit)
    return reply({"items": [certificate_out(r) for r in rows], "next": after})


@router.get("/devices/{uuid:device_id}/label.svg", permission="devices.manage", response={200: str})
def device_label(request: HttpRequest, device_id: UUID) -> HttpResponse:
    """A QR code that opens the claim of this device in the console. It tells the code; the secret it cannot tell."""
    device = selectors.device(actor_of(request), device_id)
    actor_of(request).require("devices.manage", device.area_path)
    response = HttpResponse(labels.claim_svg(device.code), content_type="image/svg+xml")
    response["Cache-Control"] = "private, max-age=3600"
    return response
