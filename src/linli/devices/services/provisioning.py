"""Provisioning profiles: by whose key and secret devices register themselves (by `sql/provisioning.sql`)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings

from linli.devices import contracts, joining_selectors, selectors
from linli.devices.joining_models import Provisioned, ProvisioningProfile, Refusal
from linli.devices.services.common import OPEN, emit_device, require_in_use, spot
from linli.devices.services.devices import model_of
from linli.kernel import audit, clock, events, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict, FieldError, Invalid
from linli.orgs import facade as orgs

PERMISSION = "devices.credentials"
MOST = 100_000
AGAIN_S = (60, 7 * 86_400)
REFUSALS_DAYS = 30
PLAIN = ("name_zh", "name_en", "owner_department", "owner_team_id", "creates", "claimable", "gateways", "max_devices",
         "expires_at", "enabled")  # fmt: skip
NULLABLE = ("expires_at", "owner_team_id")


def check(fields: Mapping[str, Any]) -> None:
    found = []
    if "name_zh" in fields and not (fields["name_zh"] or "").strip():
        found.append(FieldError("name_zh", "is missing"))
    for name in ("name_zh", "name_en", "owner_department"):
        if len(fields.get(name) or "") > 120:
            found.append(FieldError(name, "is longer than 120 characters"))
    if (most := fields.get("max_devices")) is not None and not 0 < most <= MOST:
        found.append(FieldError("max_devices", f"must be 1 to {MOST}"))
    until: datetime | None = fields.get("expires_at")
    if until is not None and (until.tzinfo is None or until <= clock.now()):
        found.append(FieldError("expires_at", "must be a moment to come, with its offset"))
    team = fields.get("owner_team_id")
    if team is not None and orgs.team(team) is None:
        found.append(FieldError("owner_team_id", "is not known"))
    if found:
        raise Invalid(errors=found)


def create_profile(*, actor: Actor, model: str, area_path: str, fields: Mapping[str, Any]) -> tuple[Any, str]:
    """(profile, its secret, which is told now and never again)."""
    check(fields)
    kind = model_of(model)
    if kind.subject != OPEN:  # what belongs to a household or a person comes with its consent, not by a key
        raise Invalid("model", "only devices of places register themselves")
    require_in_use(kind)
    where = spot(area_path=area_path)
    actor.require(PERMISSION, where.area_path)
    key, secret = secrets.token_urlsafe(15), contracts.new_token()
    own = {k: fields[k] for k in PLAIN if fields.get(k) is not None}
    row = ProvisioningProfile(
        key=key, secret_hash=_hash(key, secret), hint=secret[-4:], model=kind, grid_id=where.grid_id,
        area_path=where.area_path, **own,
    )  # fmt: skip
    with services.unit(actor):
        row.save(force_insert=True)
        _note(actor, row, "provisioning.create", model=model)
    return row, secret


def update_profile(*, actor: Actor, profile_id: UUID, version: int, fields: Mapping[str, Any]) -> ProvisioningProfile:
    """Change what is given; `expires_at` and `owner_team_id` may be taken away by null."""
    check(fields)
    with services.unit(actor):
        row = _open(actor, profile_id)
        if row.version != version:
            raise Conflict("somebody changed it meanwhile", code="stale")
        given = {k: v for k, v in fields.items() if k in PLAIN and (v is not None or k in NULLABLE)}
        for name, value in given.items():
            setattr(row, name, value)
        _save(row)
        _note(actor, row, "provisioning.update", fields=sorted(given))
    return row


def renew_secret(*, actor: Actor, profile_id: UUID) -> tuple[ProvisioningProfile, str]:
    """A new secret; the old one opens nothing from now on. Devices that are in keep their own credentials."""
    with services.unit(actor):
        row = _open(actor, profile_id)
        secret = contracts.new_token()
        row.secret_hash, row.hint = _hash(row.key, secret), secret[-4:]
        _save(row)
        _note(actor, row, "provisioning.secret")
    return row, secret


def end_profile(*, actor: Actor, profile_id: UUID) -> ProvisioningProfile:
    """For good; the devices stay."""
    with services.unit(actor):
        row = joining_selectors.profile_for_update(actor, profile_id)
        if row.ended_at is None:
            row.ended_at = clock.now()
            _save(row)
            _note(actor, row, "provisioning.end")
    return row


def reopen_device(*, actor: Actor, device_id: UUID, for_s: int = 3600) -> Provisioned:
    """Let a device provision itself (again), also one that has spoken: it lost what it knew, or its parts were changed.
    The credentials that it has hold until it asks."""
    if not AGAIN_S[0] <= for_s <= AGAIN_S[1]:
        raise Invalid("for_s", f"must be {AGAIN_S[0]} to {AGAIN_S[1]} seconds")
    with services.unit(actor):
        device = selectors.device_for_update(actor, device_id, permission=PERMISSION)
        if device.state == "retired" or device.model.subject != OPEN or device.parent_id is not None:
            raise Conflict(
                "neither retired devices nor children nor homes' things register themselves", code="no-place"
            )
        until = clock.now() + timedelta(seconds=for_s)
        row, _ = Provisioned.objects.update_or_create(device=device, defaults={"open_until": until, "forced": True})
        audit.record(actor=actor, action="device.provision_again", kind="device", ref=device.pk, area=device.area_path,
                     detail={"until": until.isoformat()})  # fmt: skip
        emit_device(device, "provisioning")
    return row


def forget_refusals() -> int:
    """Who was not refused again for thirty days is forgotten. Returns how many."""
    return Refusal.objects.filter(last_at__lt=clock.now() - timedelta(days=REFUSALS_DAYS)).delete()[0]


def _hash(key: str, secret: str) -> bytes:
    return contracts.secret_hash(settings.HOME.secret(contracts.TOKEN_KEY), key, secret)


def _open(actor: Actor, profile_id: UUID) -> ProvisioningProfile:
    row = joining_selectors.profile_for_update(actor, profile_id)
    if row.ended_at is not None:
        raise Conflict("the profile has ended", code="ended")
    return row


def _save(row: ProvisioningProfile) -> None:
    row.version += 1
    row.updated_at = clock.now()
    row.save()


def _note(actor: Actor, row: ProvisioningProfile, action: str, **detail: Any) -> None:
    audit.record(actor=actor, action=action, kind="provisioning_profile", ref=row.pk, area=row.area_path,
                 detail={"key": row.key} | detail)  # fmt: skip
    events.emit(type="provisioning.changed", kind="provisioning_profile", ref=row.pk, area=row.area_path,
                permission=PERMISSION, data={"change": action.split(".")[1]})  # fmt: skip
