"""Reads of provisioning profiles and of claims."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Count, Max, Q

from linli.devices.joining_models import Claim, Provisioned, ProvisioningProfile, Refusal
from linli.devices.models import Device
from linli.kernel import paging
from linli.kernel.actor import Actor
from linli.kernel.errors import NotFound
from linli.kernel.scope import area_q, within

PERMISSION = "devices.credentials"


def profiles(
    actor: Actor, *, area: str = "", ended: bool = False, q: str = "", cursor: str | None = None,
    limit: int = paging.DEFAULT_LIMIT,
) -> tuple[list[ProvisioningProfile], str | None]:  # fmt: skip
    """A page, newest first; each row carries `used`, how many devices came by it, `last_at`, when the last one did,
    and `refused`, how many names it refused in the last thirty days. `q` is of a name or the key."""
    found = ProvisioningProfile.objects.filter(area_q(actor, PERMISSION), within(area), ended_at__isnull=not ended)
    if words := q.strip():
        found = found.filter(Q(name_zh__icontains=words) | Q(name_en__icontains=words) | Q(key=words))
    rows, after = paging.keyset(found.select_related("model"), key=("-created_at", "-id"), cursor=cursor, limit=limit)
    count(rows)
    return rows, after


def profile(actor: Actor, profile_id: UUID) -> ProvisioningProfile:
    found = ProvisioningProfile.objects.filter(area_q(actor, PERMISSION), pk=profile_id).select_related("model").first()
    if found is None:
        raise NotFound()
    count([found])
    return found


def profile_for_update(actor: Actor, profile_id: UUID) -> ProvisioningProfile:
    found = ProvisioningProfile.objects.select_for_update(of=("self",)).select_related("model")
    row = found.filter(area_q(actor, PERMISSION), pk=profile_id).first()
    if row is None:
        raise NotFound()
    return row


def count(rows: list[ProvisioningProfile]) -> None:
    ids = [r.pk for r in rows]
    came = Provisioned.objects.filter(profile_id__in=ids).values("profile_id").annotate(n=Count("pk"), last=Max("at"))
    counts = {r["profile_id"]: (r["n"], r["last"]) for r in came.order_by("profile_id")}
    names = Refusal.objects.filter(profile_id__in=ids).values("profile_id").annotate(n=Count("pk"))
    refused = {r["profile_id"]: r["n"] for r in names.order_by("profile_id")}
    for row in rows:
        row.used, row.last_at = counts.get(row.pk, (0, None))  # type: ignore[attr-defined]
        row.refused = refused.get(row.pk, 0)  # type: ignore[attr-defined]


def claimable(code: str) -> tuple[Device, Claim] | None:
    """For the service, which asks for the secret: a device by code, locked, with what it said about being claimed."""
    device = Device.objects.select_for_update(of=("self",)).select_related("model").filter(code=code).first()
    claim = Claim.objects.select_for_update().filter(device=device).first() if device is not None else None
    return (device, claim) if device is not None and claim is not None else None


def claim_of(device_id: UUID) -> Claim | None:
    return Claim.objects.filter(Q(claimed_at__isnull=False), device_id=device_id).first()
