"""Reads of firmware, campaigns and the devices in them."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Count, Q, QuerySet

from linli.devices.firmware_models import UPDATE_STATES, Campaign, Firmware, Update
from linli.devices.models import Device
from linli.kernel import paging
from linli.kernel.actor import Actor
from linli.kernel.errors import Forbidden, Invalid, NotFound
from linli.kernel.scope import area_q, within

OPEN = "place"
IN_USE = ("active", "maintenance")
VIEW, MANAGE = "devices.view", "devices.manage"


def _above_or_within(actor: Actor, permission: str) -> Q:
    """Firmware of an area is also theirs who work in a part of it."""
    found = area_q(actor, permission)
    for area in actor.areas(permission):
        steps = area.split(".")
        found |= Q(area_path__in=["", *(".".join(steps[: i + 1]) for i in range(len(steps)))])
    return found


def firmware_list(
    actor: Actor, *, model: str = "", kind: str = "", q: str = "", withdrawn: bool = False, cursor: str | None = None,
    limit: int = paging.DEFAULT_LIMIT,
) -> tuple[list[Firmware], str | None]:  # fmt: skip
    """A page, newest first; what was withdrawn only when asked for. `q` is of a title, a version or the note."""
    found = Firmware.objects.filter(_above_or_within(actor, VIEW), withdrawn_at__isnull=not withdrawn)
    if words := q.strip():
        found = found.filter(Q(title__icontains=words) | Q(version__istartswith=words) | Q(note__icontains=words))
    for name, value in (("model_id", model), ("kind", kind)):
        if value:
            found = found.filter(**{name: value})
    return paging.keyset(found, key=("-created_at", "-id"), cursor=cursor, limit=limit)


def firmware(actor: Actor, firmware_id: UUID, permission: str = VIEW) -> Firmware:
    found = Firmware.objects.filter(_above_or_within(actor, permission), pk=firmware_id).first()
    if found is None:
        raise NotFound()
    return found


def firmware_for_update(actor: Actor, firmware_id: UUID) -> Firmware:
    """Only who manages all of its area may withdraw it."""
    firmware(actor, firmware_id)
    found = Firmware.objects.select_for_update(of=("self",)).filter(area_q(actor, MANAGE), pk=firmware_id).first()
    if found is None:
        raise Forbidden(f"needs {MANAGE} there")
    return found


def campaigns(
    actor: Actor, *, state: str = "", firmware_id: UUID | None = None, q: str = "", area: str = "",
    cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT,
) -> tuple[list[Campaign], str | None]:  # fmt: skip
    """A page, newest first; each row carries `counts`, its devices by state. `q` is of its name or the firmware's
    title."""
    found = Campaign.objects.filter(area_q(actor, VIEW), within(area)).select_related("firmware")
    if words := q.strip():
        found = found.filter(Q(name__icontains=words) | Q(firmware__title__icontains=words))
    if state:
        found = found.filter(state=state)
    if firmware_id is not None:
        found = found.filter(firmware_id=firmware_id)
    rows, after = paging.keyset(found, key=("-created_at", "-id"), cursor=cursor, limit=limit)
    count(rows)
    return rows, after


def campaign(actor: Actor, campaign_id: UUID) -> Campaign:
    found = Campaign.objects.filter(area_q(actor, VIEW), pk=campaign_id).select_related("firmware").first()
    if found is None:
        raise NotFound()
    count([found])
    return found


def campaign_for_update(actor: Actor, campaign_id: UUID) -> Campaign:
    campaign(actor, campaign_id)
    found = Campaign.objects.select_for_update(of=("self",)).select_related("firmware")
    row = found.filter(area_q(actor, MANAGE), pk=campaign_id).first()
    if row is None:
        raise Forbidden(f"needs {MANAGE} there")
    return row


def count(rows: list[Campaign]) -> None:
    found = Update.objects.filter(campaign_id__in=[r.pk for r in rows]).values("campaign_id", "state")
    counts: dict[UUID, dict[str, int]] = {r.pk: dict.fromkeys(UPDATE_STATES, 0) for r in rows}
    for line in found.annotate(n=Count("pk")).order_by("campaign_id", "state"):
        counts[line["campaign_id"]][line["state"]] = line["n"]
    for row in rows:
        row.counts = counts[row.pk]  # type: ignore[attr-defined]


def updates(
    actor: Actor, campaign_id: UUID, *, state: str = "", cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT
) -> tuple[list[Update], str | None]:
    """A page of a campaign's devices that the actor may see."""
    if state and state not in UPDATE_STATES:
        raise Invalid("state", f"must be one of {', '.join(UPDATE_STATES)}")
    found = Update.objects.filter(area_q(actor, VIEW, field="device__area_path"),
                                  campaign_id=campaign(actor, campaign_id).pk)  # fmt: skip
    if state:
        found = found.filter(state=state)
    found = found.select_related("device").defer("device__terms", "device__attributes_shared",
                                                 "device__attributes_client")  # fmt: skip
    return paging.keyset(found, key=("id",), cursor=cursor, limit=limit)


def updates_of(
    actor: Actor, device_id: UUID, *, cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT
) -> tuple[list[Update], str | None]:
    """What campaigns brought a device or will, the latest first. NotFound when the actor does not see the device."""
    if not Device.objects.filter(area_q(actor, VIEW), pk=device_id, model__subject=OPEN).exists():
        raise NotFound()
    found = Update.objects.filter(device_id=device_id).select_related("campaign", "campaign__firmware")
    return paging.keyset(found, key=("-changed_at", "-id"), cursor=cursor, limit=limit)


def choice(actor: Actor, firmware_id: UUID, *, area: str = "", tags: list[str] | None = None) -> dict[str, int]:
    """How many devices a campaign would be for, and who is left out: `busy` in another open campaign of the kind,
    `children` behind a gateway, `off` neither active nor in maintenance. `running`: of those that fit, how many say
    that they run this version already."""
    row = firmware(actor, firmware_id, MANAGE)
    every = Device.objects.filter(area_q(actor, MANAGE), within(area), model_id=row.model_id, model__subject=OPEN)
    if tags:
        every = every.filter(tags__overlap=tags)
    in_use = Q(state__in=IN_USE)
    counts = every.exclude(state="retired").aggregate(
        own=Count("pk", filter=in_use & Q(parent=None)), children=Count("pk", filter=in_use & ~Q(parent=None)),
        off=Count("pk", filter=~in_use & Q(parent=None)),
    )  # fmt: skip
    fits = fitting(actor, row, area, tags or [], None)
    short = "fw" if row.kind == "firmware" else "sw"
    same = {f"attributes_client__current_{short}_title": row.title,
            f"attributes_client__current_{short}_version": row.version}  # fmt: skip
    n = fits.count()
    return {"devices": n, "busy": counts["own"] - n, "children": counts["children"], "off": counts["off"],
            "running": fits.filter(**same).count()}  # fmt: skip


def fitting(actor: Actor, firmware: Firmware, area: str, tags: list[str], ids: list[UUID] | None) -> QuerySet[Device]:
    """Devices that a campaign may be for: in service, on their own line, managed by the actor, in no other one."""
    found = Device.objects.filter(
        area_q(actor, MANAGE), within(area), model_id=firmware.model_id, model__subject=OPEN, parent=None,
        state__in=IN_USE,
    )  # fmt: skip
    if tags:
        found = found.filter(tags__overlap=tags)
    if ids is not None:
        found = found.filter(pk__in=ids)
    busy = Update.objects.filter(kind=firmware.kind, open=True).values("device_id")
    return found.exclude(pk__in=busy)
