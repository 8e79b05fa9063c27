"""A person claims a device: with its code, and the secret that it tells itself (by `devices_claim_ask`)."""

from __future__ import annotations

import hmac
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings

from linli.devices import contracts, joining_selectors, selectors
from linli.devices.joining_models import Claim, ClaimTry
from linli.devices.models import Device
from linli.devices.services import alarms
from linli.devices.services.common import OPEN, Spot, emit_device, spot
from linli.kernel import audit, clock, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict, Invalid, TooMany
from linli.orgs import facade as orgs
from linli.places import facade as places

TRIES, TRIES_OF_ONE, HOUR = 5, 20, timedelta(hours=1)
PLACE = ("area_path", "grid_id", "lon", "lat", "compound_id", "unit_id")


def claim_device(
    *, actor: Actor, code: str, secret: str, department: str = "", team_id: UUID | None = None,
    lon: float | None = None, lat: float | None = None, area_path: str = "",
) -> Device:  # fmt: skip
    """The device is theirs from now on: their owner, their place, in service. A wrong secret, an unknown code and a
    device that did not ask get one answer."""
    if not department and team_id is None:
        raise Invalid("owner_department", "or owner_team_id says whose the device will be")
    if len(department) > 120:
        raise Invalid("owner_department", "is longer than 120 characters")
    if team_id is not None and orgs.team(team_id) is None:
        raise Invalid("owner_team_id", "is not known")
    where = spot(lon=lon, lat=lat, area_path=area_path)
    actor.require("devices.manage", where.area_path)
    with services.unit(actor):
        services.alone(f"devices.claim.{actor.account_id}")  # so that twenty at once are not twenty times the limit
        _limit(actor)
        found = _proved(actor, code, secret)
        if found is not None and found[1].claimed_at is not None:
            return found[0]  # the answer was lost: it is theirs already
        if found is not None:
            return _give(actor, *found, where, department, team_id)
        if actor.account_id is not None:
            ClaimTry.objects.create(account_id=actor.account_id)
    # Only now: the try is kept though the answer is a refusal.
    raise Conflict("the code or the secret is wrong, or the device did not ask to be claimed", code="not-claimable")


def _limit(actor: Actor) -> None:
    since = clock.now() - HOUR
    if ClaimTry.objects.filter(account_id=actor.account_id, at__gt=since).count() >= TRIES_OF_ONE:
        raise TooMany(f"{TRIES_OF_ONE} wrong claims within an hour", retry_after=600)


def _proved(actor: Actor, code: str, secret: str) -> tuple[Device, Claim] | None:
    """The device and what it said, when the secret is right and nothing else forbids it; a wrong one is counted."""
    found = joining_selectors.claimable(code)
    if found is None:
        return None
    device, claim = found
    if claim.secret_hash is None or claim.expires_at is None or claim.expires_at <= clock.now() or claim.tries >= TRIES:
        return None
    given = contracts.secret_hash(settings.HOME.secret(contracts.TOKEN_KEY), str(device.pk), secret)
    if not hmac.compare_digest(bytes(claim.secret_hash), given):
        claim.tries += 1
        claim.save(update_fields=["tries"])
        audit.record(actor=actor, action="device.claim_refused", kind="device", ref=device.pk, area=device.area_path,
                     detail={"tries": claim.tries})  # fmt: skip
        return None
    if claim.claimed_at is not None:
        return found if claim.claimed_by == actor.account_id and actor.account_id else None
    free = not device.owner_department and device.owner_team_id is None and device.model.subject == OPEN
    # What is in service already goes only to those who manage it anyway.
    if not free or not (device.state == "planned" or (device.state == "active" and _theirs(actor, device))):
        return None
    return device, claim


def _theirs(actor: Actor, device: Device) -> bool:
    return actor.can("devices.manage", device.area_path)


def _give(actor: Actor, device: Device, claim: Claim, where: Spot, department: str, team_id: UUID | None) -> Device:
    before = {name: _plain(getattr(device, name)) for name in PLACE}
    claim.before, claim.claimed_at, claim.claimed_by = before, clock.now(), actor.account_id
    claim.save()
    for name in PLACE:
        setattr(device, name, getattr(where, name))
    device.owner_department, device.owner_team_id, device.state = department, team_id, "active"
    _save(actor, device, "claimed", "device.claim", {"from": before["area_path"]})
    return device


def unclaim_device(*, actor: Actor, device_id: UUID) -> Device:
    """Nobody's again, at the place where it was before, and planned until the next one claims it."""
    with services.unit(actor):
        device = selectors.device_for_update(actor, device_id)
        claim = joining_selectors.claim_of(device.pk)
        if claim is None or device.state == "retired":
            raise Conflict("nobody claimed this device", code="not-claimed")
        alarms.clear_all(actor=actor, reason="device", device_id=device.pk)
        was = device.area_path
        before = claim.before or {}
        if places.grid_at(before.get("area_path", "")) is not None:  # else its grid was split or merged: it stays here
            for name, value in before.items():
                setattr(device, name, UUID(value) if value and name.endswith("_id") else value)
        device.owner_department, device.owner_team_id, device.state = "", None, "planned"
        claim.claimed_at = claim.claimed_by = claim.before = claim.secret_hash = claim.expires_at = None
        claim.save()
        _save(actor, device, "unclaimed", "device.unclaim", {"from": was})
    return device


def _save(actor: Actor, device: Device, change: str, action: str, detail: dict[str, Any]) -> None:
    device.updated_at = clock.now()
    device.save()
    audit.record(actor=actor, action=action, kind="device", ref=device.pk, area=device.area_path, detail=detail)
    emit_device(device, change)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value


def forget_tries() -> None:
    """Wrong claims older than an hour count no more."""
    ClaimTry.objects.filter(at__lt=clock.now() - HOUR).delete()
