"""The registry and the kinds of things in it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Status

from linli.devices import explorer_selectors, selectors
from linli.devices.api.base import once, reply, router
from linli.devices.api.schemas import (
    DeviceCounts,
    DeviceFields,
    DeviceIn,
    DeviceOut,
    ImportOut,
    RetireIn,
    device_out,
)
from linli.devices.services import devices as services
from linli.devices.services import imports
from linli.kernel import paging
from linli.kernel.errors import Invalid
from linli.kernel.http import actor_of


@router.get("/devices", permission="devices.view", response=paging.Page[DeviceOut])
def list_devices(
    request: HttpRequest, model: str = "", area: str = "", state: str = "", online: bool | None = None, q: str = "",
    owner: str = "", cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT,
) -> HttpResponse:  # fmt: skip
    """Devices by code. `q` finds parts of code and names, two Chinese characters by index."""
    rows, after = selectors.devices(
        actor_of(request), model=model, area=area, state=state, online=online, q=q, owner=owner, cursor=cursor,
        limit=limit,
    )  # fmt: skip
    return reply({"items": [device_out(r) for r in rows], "next": after})


@router.post("/devices", permission="devices.manage", response={201: DeviceOut})
def create_device(request: HttpRequest, body: DeviceIn) -> Status[Any]:
    fields = body.dict(exclude_unset=True)
    made = services.create_device(actor=actor_of(request), model=fields.pop("model"), fields=fields)
    return Status(201, device_out(made))


@router.get("/devices/counts", permission="devices.view", response=DeviceCounts)
def device_counts(request: HttpRequest, area: str = "") -> DeviceCounts:
    """How many there are by model and owner, and how many are silent; some seconds old in a large district."""
    return DeviceCounts(**explorer_selectors.counts(actor_of(request), area=area))


@router.post("/devices/import", permission="devices.manage", response=ImportOut)
def import_devices(request: HttpRequest, tokens: bool = False) -> HttpResponse:
    """A CSV (UTF-8, text/csv) with columns code, model, name_zh and more; a report names every refused row."""
    report = imports.as_dict(imports.import_csv(actor=actor_of(request), data=request.body, with_tokens=tokens))
    report.pop("ids")
    return once(report, 200) if tokens else reply(report)


@router.get("/device-pins", permission="devices.view")
def device_pins(
    request: HttpRequest, model: str = "", area: str = "", bbox: str = "", most: int | None = None
) -> HttpResponse:
    """Every device with a point, compact: `{"fields": [...], "items": [[...]], "more": false}`. `bbox` =
    west,south,east,north. When there are more than `most`: none, and `more` is true; ask for cells then."""
    box = parse_bbox(bbox) if bbox else None
    found = selectors.pins(actor_of(request), model=model, area=area, bbox=box, most=most)
    return HttpResponse(found, content_type="application/json")


def parse_bbox(text: str) -> list[float]:
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError as error:
        raise Invalid("bbox", "must be west,south,east,north in degrees") from error
    return [west, south, east, north]


@router.get("/devices/{uuid:device_id}", permission="devices.view", response=DeviceOut)
def get_device(request: HttpRequest, device_id: UUID) -> dict[str, Any]:
    return device_out(selectors.device(actor_of(request), device_id))


@router.patch("/devices/{uuid:device_id}", permission="devices.manage", response=DeviceOut)
def update_device(request: HttpRequest, device_id: UUID, body: DeviceFields) -> dict[str, Any]:
    fields = body.dict(exclude_unset=True)
    return device_out(services.update_device(actor=actor_of(request), device_id=device_id, fields=fields))


@router.post("/devices/{uuid:device_id}/retire", permission="devices.manage", response=DeviceOut)
def retire_device(request: HttpRequest, device_id: UUID, body: RetireIn) -> dict[str, Any]:
    """Out of service for good: tokens stop, alarms end, readings stay."""
    found = services.retire_device(actor=actor_of(request), device_id=device_id, reason=body.reason)
    return device_out(found)
