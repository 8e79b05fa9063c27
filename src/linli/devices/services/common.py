"""What several services share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from django.db import DatabaseError, transaction

from linli.devices import contracts
from linli.devices.models import Device, ThingModel
from linli.kernel import events
from linli.kernel.actor import Actor
from linli.kernel.errors import Invalid
from linli.places import facade as places

OPEN = "place"
RETIRED = "is retired: no new device is of it"


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a thing stands."""

    area_path: str
    grid_id: UUID | None = None
    lon: float | None = None
    lat: float | None = None
    compound_id: UUID | None = None
    unit_id: UUID | None = None


def spot(
    *, lon: float | None = None, lat: float | None = None, unit_id: UUID | None = None, area_path: str = ""
) -> Spot:
    """A place from a point, a unit or a grid's path; refuses what lies outside of all grids."""
    if unit_id is not None:
        unit = places.unit(unit_id)
        if unit is None:
            raise Invalid("unit_id", "is not known")
        own = (lon, lat) if lon is not None and lat is not None else (unit.lon, unit.lat)
        return Spot(unit.area_path, unit.grid_id, *own, unit.compound_id, unit.unit_id)
    if lon is not None and lat is not None:
        place = places.locate(lon, lat)
        if place is None:
            raise Invalid("lon", "the point lies outside of all grids")
        return Spot(place.area_path, place.grid_id, lon, lat)
    grid = places.grid_at(area_path) if area_path else None
    if grid is None:
        raise Invalid("place", "give lon and lat, a unit_id, or the area_path of a grid in force")
    return Spot(grid.area_path, grid.grid_id)


def emit_device(device: Device, change: str, names: list[str] | None = None) -> None:
    """Tell the gateways and screens. A household's or person's thing is told to no screen. `names`: of attributes."""
    open_ = device.model.subject == OPEN
    events.emit(
        type="device.changed", kind="device", ref=device.pk, area=device.area_path, permission="devices.view",
        audience="staff" if open_ else "internal", data={"change": change, "state": device.state,
                                                         **({"code": device.code} if open_ else {}),
                                                         **({"names": names} if names else {})},
    )  # fmt: skip


def require_in_use(model: ThingModel) -> None:
    """Say early, by field, what `sql/retired.sql` refuses in the end. Raises Invalid."""
    if model.retired_at is not None:
        raise Invalid("model", RETIRED)


@contextmanager
def entering() -> Iterator[None]:
    """Devices are written: a thing model that was retired just now refuses them by the table. Raises Invalid."""
    try:
        with transaction.atomic():
            yield
    except DatabaseError as error:
        if getattr(error.__cause__, "sqlstate", "") == contracts.MODEL_RETIRED:
            raise Invalid("model", RETIRED) from error
        raise


def require_manage(actor: Actor, area: str) -> None:
    actor.require("devices.manage", area)
