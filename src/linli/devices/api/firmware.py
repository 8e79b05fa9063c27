"""Firmware for devices, and the campaigns that bring it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import File, Form, Schema, Status
from ninja.files import UploadedFile

from linli.devices import firmware_selectors as selectors
from linli.devices.api.base import reply, router
from linli.devices.api.schemas import Label
from linli.devices.firmware_models import Campaign, Firmware, Update
from linli.devices.services import campaigns
from linli.devices.services import firmware as services
from linli.kernel import paging
from linli.kernel.errors import TooLarge
from linli.kernel.http import actor_of


class FirmwareOut(Schema):
    """A file for devices of one thing model. `file_id`: how to get it back (`GET /files/{id}`)."""

    id: UUID
    model: str
    kind: str
    title: str
    version: str
    size: int
    sha256: str
    file_id: UUID
    note: str
    area_path: str
    withdrawn_at: datetime | None
    created_at: datetime


class CampaignIn(Schema):
    """Its devices: of the firmware's model in `area_path`, with any of `tags`, among `device_ids` if given. `stages`:
    growing percentages of them, the last 100. `max_failed`: above so many percent failed of those told it pauses.
    `auto`: the next stage is told when one is through, without anybody."""

    firmware_id: UUID
    name: str
    area_path: str = ""
    tags: list[str] = []
    device_ids: list[UUID] | None = None
    stages: list[int] = [100]
    auto: bool = False
    max_failed: int = 10


class CampaignOut(Schema):
    """draft → running ⇄ paused (`paused_by` person or failures) → done or cancelled. `counts`: its devices by state."""

    id: UUID
    name: str
    firmware: FirmwareOut
    area_path: str
    tags: list[str]
    stages: list[int]
    stage: int
    auto: bool
    max_failed: int
    state: str
    paused_by: str
    counts: dict[str, int]
    version: int
    created_at: datetime
    changed_at: datetime


class UpdateOut(Schema):
    """A device of a campaign; `error` is the device's own word."""

    id: UUID
    device_id: UUID
    code: str
    name: Label
    stage: int
    state: str
    error: str
    changed_at: datetime


_FIRMWARE = ("kind", "title", "version", "size", "sha256", "file_id", "note", "area_path", "withdrawn_at",
             "created_at")  # fmt: skip
_CAMPAIGN = ("name", "area_path", "tags", "stages", "stage", "auto", "max_failed", "state", "paused_by", "version",
             "created_at", "changed_at")  # fmt: skip


def firmware_out(row: Firmware) -> dict[str, Any]:
    return {"id": row.pk, "model": row.model_id, **{name: getattr(row, name) for name in _FIRMWARE}}


def campaign_out(row: Campaign) -> dict[str, Any]:
    return {
        "id": row.pk, "firmware": firmware_out(row.firmware), "counts": row.counts,  # type: ignore[attr-defined]
        **{name: getattr(row, name) for name in _CAMPAIGN},
    }  # fmt: skip


def update_out(row: Update) -> dict[str, Any]:
    name = {"zh": row.device.name_zh, "en": row.device.name_en or row.device.name_zh}
    return {"id": row.pk, "device_id": row.device_id, "code": row.device.code, "name": name, "stage": row.stage,
            "state": row.state, "error": row.error, "changed_at": row.changed_at}  # fmt: skip


@router.get("/firmware", permission="devices.view", response=paging.Page[FirmwareOut])
def list_firmware(
    request: HttpRequest, model: str = "", kind: str = "", q: str = "", withdrawn: bool = False,
    cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT,
) -> HttpResponse:  # fmt: skip
    """Newest first, of one's areas and of what contains them; withdrawn ones only when asked for."""
    rows, after = selectors.firmware_list(
        actor_of(request), model=model, kind=kind, q=q, withdrawn=withdrawn, cursor=cursor, limit=limit
    )
    return reply({"items": [firmware_out(r) for r in rows], "next": after})


@router.post("/firmware", permission="devices.manage", response={201: FirmwareOut})
def add_firmware(
    request: HttpRequest, file: UploadedFile = File(...), model: str = Form(...), title: str = Form(...),
    version: str = Form(...), kind: str = Form("firmware"), area_path: str = Form(""), note: str = Form(""),
    sha256: str = Form(""),
) -> Status[Any]:  # fmt: skip
    """A file of at most 12 MB (multipart). With `sha256` it is refused unless it came whole."""
    if (file.size or 0) > services.MAX_BYTES:
        raise TooLarge(f"a file has at most {services.MAX_BYTES} bytes", field="file")
    row = services.add_firmware(
        actor=actor_of(request), model=model, kind=kind, title=title, version=version, data=file.read(),
        area_path=area_path, note=note, sha256=sha256,
    )  # fmt: skip
    return Status(201, firmware_out(row))


@router.get("/firmware/{uuid:firmware_id}", permission="devices.view", response=FirmwareOut)
def get_firmware(request: HttpRequest, firmware_id: UUID) -> dict[str, Any]:
    return firmware_out(selectors.firmware(actor_of(request), firmware_id))


@router.post("/firmware/{uuid:firmware_id}/withdraw", permission="devices.manage", response=FirmwareOut)
def withdraw_firmware(request: HttpRequest, firmware_id: UUID) -> dict[str, Any]:
    """For good: its campaigns end and the file is deleted."""
    return firmware_out(services.withdraw_firmware(actor=actor_of(request), firmware_id=firmware_id))


@router.get("/campaigns", permission="devices.view", response=paging.Page[CampaignOut])
def list_campaigns(
    request: HttpRequest, state: str = "", firmware_id: UUID | None = None, q: str = "", area: str = "",
    cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT,
) -> HttpResponse:  # fmt: skip
    """Newest first, with how many devices wait, load, are updated or failed."""
    rows, after = selectors.campaigns(
        actor_of(request), state=state, firmware_id=firmware_id, q=q, area=area, cursor=cursor, limit=limit
    )
    return reply({"items": [campaign_out(r) for r in rows], "next": after})


@router.post("/campaigns", permission="devices.manage", response={201: CampaignOut})
def create_campaign(request: HttpRequest, body: CampaignIn) -> Status[Any]:
    """A draft: its devices are chosen, nobody is told."""
    actor = actor_of(request)
    row = campaigns.create_campaign(actor=actor, **body.dict())
    return Status(201, campaign_out(selectors.campaign(actor, row.pk)))


@router.get("/campaigns/{uuid:campaign_id}", permission="devices.view", response=CampaignOut)
def get_campaign(request: HttpRequest, campaign_id: UUID) -> dict[str, Any]:
    return campaign_out(selectors.campaign(actor_of(request), campaign_id))


@router.get("/campaigns/{uuid:campaign_id}/devices", permission="devices.view", response=paging.Page[UpdateOut])
def list_updates(
    request: HttpRequest, campaign_id: UUID, state: str = "", cursor: str | None = None,
    limit: int = paging.DEFAULT_LIMIT,
) -> HttpResponse:  # fmt: skip
    """Its devices, by state if asked."""
    rows, after = selectors.updates(actor_of(request), campaign_id, state=state, cursor=cursor, limit=limit)
    return reply({"items": [update_out(r) for r in rows], "next": after})


def _acted(request: HttpRequest, campaign_id: UUID, act: Any) -> dict[str, Any]:
    actor = actor_of(request)
    act(actor=actor, campaign_id=campaign_id)
    return campaign_out(selectors.campaign(actor, campaign_id))


@router.post("/campaigns/{uuid:campaign_id}/start", permission="devices.manage", response=CampaignOut)
def start_campaign(request: HttpRequest, campaign_id: UUID) -> dict[str, Any]:
    """The first stage is told."""
    return _acted(request, campaign_id, campaigns.start_campaign)


@router.post("/campaigns/{uuid:campaign_id}/advance", permission="devices.manage", response=CampaignOut)
def advance_campaign(request: HttpRequest, campaign_id: UUID) -> dict[str, Any]:
    """The next stage is told."""
    return _acted(request, campaign_id, campaigns.advance_campaign)


@router.post("/campaigns/{uuid:campaign_id}/pause", permission="devices.manage", response=CampaignOut)
def pause_campaign(request: HttpRequest, campaign_id: UUID) -> dict[str, Any]:
    """Nobody new is told, and nobody gets a byte more within seconds."""
    return _acted(request, campaign_id, campaigns.pause_campaign)


@router.post("/campaigns/{uuid:campaign_id}/resume", permission="devices.manage", response=CampaignOut)
def resume_campaign(request: HttpRequest, campaign_id: UUID) -> dict[str, Any]:
    """Those that have not ended, or failed, start anew."""
    return _acted(request, campaign_id, campaigns.resume_campaign)


@router.post("/campaigns/{uuid:campaign_id}/cancel", permission="devices.manage", response=CampaignOut)
def cancel_campaign(request: HttpRequest, campaign_id: UUID) -> dict[str, Any]:
    """For good; whoever has not ended is told that there is nothing to load."""
    return _acted(request, campaign_id, campaigns.cancel_campaign)
