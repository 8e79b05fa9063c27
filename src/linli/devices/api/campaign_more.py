"""What a screen of campaigns asks besides: whom one would reach, who failed once more, sheets, a device's updates."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Schema

from linli.devices import firmware_selectors as selectors
from linli.devices.api.base import reply, router
from linli.devices.api.firmware import CampaignOut, campaign_out
from linli.devices.api.sheet_words import STATES, spoken
from linli.devices.firmware_models import Update
from linli.devices.services import campaigns
from linli.kernel import paging
from linli.kernel.http import actor_of, sheet
from linli.kernel.i18n import say


class ChoiceOut(Schema):
    """`devices` that fit, of whom `running` say that they run this version. Left out: `busy` in another open campaign
    of the kind, `children` behind a gateway, `off` neither active nor in maintenance."""

    devices: int
    running: int
    busy: int
    children: int
    off: int


class RetryIn(Schema):
    """`update_ids`: which of those that failed; all without it."""

    update_ids: list[UUID] | None = None


class DeviceUpdateOut(Schema):
    """What a campaign brings or brought a device."""

    id: UUID
    campaign_id: UUID
    campaign: str
    campaign_state: str
    kind: str
    title: str
    version: str
    state: str
    error: str
    changed_at: datetime


def device_update_out(row: Update) -> dict[str, Any]:
    campaign, firmware = row.campaign, row.campaign.firmware
    return {"id": row.pk, "campaign_id": campaign.pk, "campaign": campaign.name, "campaign_state": campaign.state,
            "kind": row.kind, "title": firmware.title, "version": firmware.version, "state": row.state,
            "error": row.error, "changed_at": row.changed_at}  # fmt: skip


@router.get("/firmware/{uuid:firmware_id}/choice", permission="devices.manage", response=ChoiceOut)
def choose_devices(request: HttpRequest, firmware_id: UUID, area: str = "", tags: str = "") -> dict[str, int]:
    """Whom a campaign with this firmware would be for, before it is made. `tags` are divided by commas."""
    wanted = [t.strip() for t in tags.split(",") if t.strip()]
    return selectors.choice(actor_of(request), firmware_id, area=area, tags=wanted)


@router.post("/campaigns/{uuid:campaign_id}/retry", permission="devices.manage", response=CampaignOut)
def retry_campaign(request: HttpRequest, campaign_id: UUID, body: RetryIn) -> dict[str, Any]:
    """Failed devices are told once more; a campaign that was done runs again."""
    actor = actor_of(request)
    campaigns.retry_campaign(actor=actor, campaign_id=campaign_id, update_ids=body.update_ids)
    return campaign_out(selectors.campaign(actor, campaign_id))


@router.get("/campaigns/{uuid:campaign_id}/devices.csv", permission="devices.view", response={200: str})
def updates_sheet(request: HttpRequest, campaign_id: UUID, state: str = "") -> HttpResponse:
    """Its devices as a sheet, whole; by state if asked."""
    actor, cursor = actor_of(request), None
    table = [[say("设备", "Device"), say("名称", "Name"), say("批次", "Stage"), say("状态", "State"),
              say("设备报告", "Said by the device"), say("变动时间", "Changed")]]  # fmt: skip
    while True:
        rows, cursor = selectors.updates(actor, campaign_id, state=state, cursor=cursor, limit=paging.MAX_LIMIT)
        for r in rows:
            name = say(r.device.name_zh, r.device.name_en or r.device.name_zh)
            table.append(
                [r.device.code, name, str(r.stage), spoken(STATES, r.state), r.error, r.changed_at.isoformat()]
            )
        if cursor is None:
            return sheet("csv", "campaign-devices", table)


@router.get("/devices/{uuid:device_id}/updates", permission="devices.view", response=paging.Page[DeviceUpdateOut])
def list_device_updates(
    request: HttpRequest, device_id: UUID, cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT
) -> HttpResponse:
    """Firmware that campaigns brought this device or will, the latest first."""
    rows, after = selectors.updates_of(actor_of(request), device_id, cursor=cursor, limit=limit)
    return reply({"items": [device_update_out(r) for r in rows], "next": after})
