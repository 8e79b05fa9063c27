"""Maintenance windows: planned works, during which alarms of the devices are held."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Schema, Status

from linli.devices import maintenance_selectors as selectors
from linli.devices.api.base import reply, router
from linli.devices.api.schemas import TextIn
from linli.devices.models import Maintenance
from linli.devices.services import maintenance as services
from linli.kernel import clock, paging
from linli.kernel.http import actor_of


class MaintenanceOut(Schema):
    """`devices`: how many it reaches today; `held`: alarms that stand and are held by it."""

    id: UUID
    version: int
    title: str
    reason: str
    who: str
    starts_at: datetime
    ends_at: datetime
    ended_at: datetime | None
    state: str
    area_path: str
    device_ids: list[UUID] | None
    tags: list[str] | None
    models: list[str] | None
    devices: int
    held: int
    created_by: UUID | None
    created_at: datetime


_PLAIN = ("version", "title", "reason", "who", "starts_at", "ends_at", "ended_at", "area_path", "device_ids", "tags",
          "created_by", "created_at")  # fmt: skip


def maintenance_out(row: Maintenance) -> dict[str, Any]:
    """A `MaintenanceOut` as a plain dict."""
    return {
        "id": row.pk, "state": services.state_of(row, clock.now()), "models": row.model_codes,
        "devices": getattr(row, "devices", 0), "held": getattr(row, "held", 0), **{n: getattr(row, n) for n in _PLAIN},
    }  # fmt: skip


class MaintenanceFields(Schema):
    """Which devices: all within `area_path` that meet whatever is given of `device_ids`, `tags` (any) and `models`."""

    title: str | None = None
    reason: str | None = None
    who: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    area_path: str | None = None
    device_ids: list[UUID] | None = None
    tags: list[str] | None = None
    models: list[str] | None = None

    def body(self) -> dict[str, Any]:
        """Only what was sent, by the names of the table."""
        sent = self.dict(exclude_unset=True)
        if "models" in sent:
            sent["model_codes"] = sent.pop("models")
        nullable = ("device_ids", "tags", "model_codes")
        return {k: v for k, v in sent.items() if k in services.FIELDS and (v is not None or k in nullable)}


class MaintenanceIn(MaintenanceFields):
    title: str
    reason: str
    starts_at: datetime
    ends_at: datetime
    area_path: str


class MaintenancePatch(MaintenanceFields):
    """`version` is the one you read; a newer one by someone else is refused with 409."""

    version: int


def _detail(request: HttpRequest, window_id: UUID) -> dict[str, Any]:
    return maintenance_out(selectors.window(actor_of(request), window_id))


@router.get("/maintenance-windows", permission="alarms.view", response=paging.Page[MaintenanceOut])
def list_maintenance(
    request: HttpRequest, state: str = "current", area: str = "", cursor: str | None = None,
    limit: int = paging.DEFAULT_LIMIT,
) -> HttpResponse:  # fmt: skip
    """The last to begin first. `state`: current (upcoming and running), upcoming, running, over or all."""
    rows, after = selectors.windows(actor_of(request), state=state, area=area, cursor=cursor, limit=limit)
    return reply({"items": [maintenance_out(r) for r in rows], "next": after})


@router.post("/maintenance-windows", permission="alarms.act", response={201: MaintenanceOut})
def create_maintenance(request: HttpRequest, body: MaintenanceIn) -> Status[Any]:
    """Alarms raised at these devices meanwhile are held: no case, no notice. Those that stand already are not."""
    made = services.create_maintenance(actor=actor_of(request), body=body.body())
    return Status(201, _detail(request, made.pk))


@router.get("/maintenance-windows/{uuid:window_id}", permission="alarms.view", response=MaintenanceOut)
def get_maintenance(request: HttpRequest, window_id: UUID) -> dict[str, Any]:
    return _detail(request, window_id)


@router.patch("/maintenance-windows/{uuid:window_id}", permission="alarms.act", response=MaintenanceOut)
def update_maintenance(request: HttpRequest, window_id: UUID, body: MaintenancePatch) -> dict[str, Any]:
    """The beginning of works that have begun stays; what no longer lies in it comes to life."""
    services.update_maintenance(
        actor=actor_of(request), window_id=window_id, version=body.version, body=body.body()
    )  # fmt: skip
    return _detail(request, window_id)


@router.post("/maintenance-windows/{uuid:window_id}/end", permission="alarms.act", response=MaintenanceOut)
def end_maintenance(request: HttpRequest, window_id: UUID, body: TextIn) -> dict[str, Any]:
    """Ended early, or cancelled before it began; what was held and still stands is raised now."""
    services.end_maintenance(actor=actor_of(request), window_id=window_id, text=body.text)
    return _detail(request, window_id)
