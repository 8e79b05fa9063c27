"""Lists about joining: who came in, who was refused and why, claims, and the certificates that devices show."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from linli.devices.joining_models import Claim, Provisioned, Refusal
from linli.devices.models import Credential
from linli.kernel import clock, paging
from linli.kernel.actor import Actor
from linli.kernel.errors import Invalid
from linli.kernel.scope import area_q, within

CREDENTIALS, MANAGE, OPEN = "devices.credentials", "devices.manage", "place"
X509 = "x509"
CLAIM_STATES = ("open", "taken", "expired")
REASONS = (
    "closed", "full", "not-registered", "taken", "speaks", "has-credential", "too-late", "credential-taken",
    "no-gateways", "model-retired", "wrong-secret",
)  # fmt: skip
CERTIFICATE_STATES = ("valid", "expiring", "expired", "revoked")
SOON = timedelta(days=30)
TRIES = 5
_LIGHT = (
    "device__code",
    "device__name_zh",
    "device__name_en",
    "device__state",
    "device__area_path",
    "device__model_id",
)


def _asked(q: str) -> Q:
    """By a device's code or name."""
    words = q.strip()
    found = Q(device__code__istartswith=words) | Q(device__name_zh__icontains=words)
    return found | Q(device__name_en__icontains=words) if words else ~Q(pk__in=[])


def _word(name: str, value: str, known: tuple[str, ...]) -> None:
    if value and value not in known:
        raise Invalid(name, f"must be one of {', '.join(known)}")


def joined(
    actor: Actor, *, profile_id: UUID | None = None, q: str = "", area: str = "", cursor: str | None = None,
    limit: int = paging.DEFAULT_LIMIT,
) -> tuple[list[Provisioned], str | None]:  # fmt: skip
    """Devices that got their credential by a profile, the latest first."""
    found = Provisioned.objects.filter(
        area_q(actor, CREDENTIALS, field="device__area_path"), within(area, "device__area_path"), _asked(q),
        at__isnull=False, profile__isnull=False,
    )  # fmt: skip
    if profile_id is not None:
        found = found.filter(profile_id=profile_id)
    found = found.select_related("device", "profile", "device__status").only(
        "at", "open_until", "forced", "profile__name_zh", "profile__name_en", "device__status__last_seen", *_LIGHT
    )
    return paging.keyset(found, key=("-at", "-device_id"), cursor=cursor, limit=limit)


def refusals(
    actor: Actor, *, profile_id: UUID | None = None, reason: str = "", q: str = "", area: str = "",
    cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT,
) -> tuple[list[Refusal], str | None]:  # fmt: skip
    """Names that a profile refused, the latest first."""
    _word("reason", reason, REASONS)
    found = Refusal.objects.filter(
        area_q(actor, CREDENTIALS, field="profile__area_path"), within(area, "profile__area_path")
    )
    if profile_id is not None:
        found = found.filter(profile_id=profile_id)
    if reason:
        found = found.filter(reason=reason)
    if q.strip():
        found = found.filter(name__icontains=q.strip())
    found = found.select_related("profile")
    return paging.keyset(found, key=("-last_at", "-id"), cursor=cursor, limit=limit)


def claims(
    actor: Actor, *, state: str = "", q: str = "", area: str = "", cursor: str | None = None,
    limit: int = paging.DEFAULT_LIMIT,
) -> tuple[list[Claim], str | None]:  # fmt: skip
    """What devices said about being claimed, the latest first; those given back and not asked since are in none."""
    _word("state", state, CLAIM_STATES)
    found = Claim.objects.filter(
        area_q(actor, MANAGE, field="device__area_path"), within(area, "device__area_path"), _asked(q),
        Q(claimed_at__isnull=False) | Q(secret_hash__isnull=False), device__model__subject=OPEN,
    ).exclude(device__state="retired")  # fmt: skip
    if state == "taken":
        found = found.filter(claimed_at__isnull=False)
    elif state:
        alive = Q(expires_at__gt=clock.now(), tries__lt=TRIES)
        found = found.filter(Q(claimed_at=None), alive if state == "open" else ~alive)
    found = found.select_related("device").only(
        "expires_at", "tries", "asked_at", "claimed_at", "claimed_by", "device__owner_department", *_LIGHT
    )
    return paging.keyset(found, key=("-asked_at", "-device_id"), cursor=cursor, limit=limit)


def claim_state(row: Claim) -> str:
    """open: somebody may claim it now; taken; expired: also after five wrong secrets."""
    if row.claimed_at is not None:
        return "taken"
    alive = row.expires_at is not None and row.expires_at > clock.now() and row.tries < TRIES
    return "open" if alive else "expired"


def certificates(
    actor: Actor, *, state: str = "", q: str = "", area: str = "", cursor: str | None = None,
    limit: int = paging.DEFAULT_LIMIT,
) -> tuple[list[Credential], str | None]:  # fmt: skip
    """Certificates of devices by when they end; revoked ones only when asked for."""
    _word("state", state, CERTIFICATE_STATES)
    found = Credential.objects.filter(
        area_q(actor, CREDENTIALS, field="device__area_path"), within(area, "device__area_path"), _asked(q),
        protocol=X509, expires_at__isnull=False,
    )  # fmt: skip
    found = _in_state(found, state).select_related("device").only(
        "certificate", "created_at", "expires_at", "revoked_at", "protocol", *_LIGHT
    )  # fmt: skip
    return paging.keyset(found, key=("expires_at", "id"), cursor=cursor, limit=limit)


def _in_state(found: QuerySet[Credential], state: str) -> QuerySet[Credential]:
    now = clock.now()
    asked: dict[str, dict[str, Any]] = {
        "": {"revoked_at": None},
        "valid": {"revoked_at": None, "expires_at__gt": now},
        "expiring": {"revoked_at": None, "expires_at__gt": now, "expires_at__lte": now + SOON},
        "expired": {"revoked_at": None, "expires_at__lte": now},
        "revoked": {"revoked_at__isnull": False},
    }
    return found.filter(**asked[state])


def certificate_state(row: Credential) -> str:
    """valid, expiring (within 30 days), expired, or revoked."""
    now = clock.now()
    if row.revoked_at is not None:
        return "revoked"
    if row.expires_at is None or row.expires_at > now + SOON:
        return "valid"
    return "expiring" if row.expires_at > now else "expired"
