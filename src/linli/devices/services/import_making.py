"""The devices of some rows of a sheet, written together; one bad row refuses itself alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from django.db import IntegrityError, connection

from linli.devices import importing_selectors
from linli.devices.importing_models import ImportedRow
from linli.devices.models import Device, ThingModel
from linli.devices.services.common import Spot, emit_device, entering, spot
from linli.devices.services.devices import build
from linli.kernel import clock, rows, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Invalid, LinliError
from linli.kernel.scope import area_q
from linli.places import facade as places

MANAGE = "devices.manage"
FIELDS = {"lon": ("area", "outside"), "place": ("area", "area"), "model": ("model", "retired"),
          "parent": ("parent", "parent")}  # fmt: skip
AT_ONCE = 500


@dataclass
class _World:
    models: Mapping[str, ThingModel]
    there: Mapping[str, Device]
    free: set[UUID]
    gateways: dict[str, Device]
    spots: Mapping[int, Spot]


def make(*, actor: Actor, rows: Sequence[ImportedRow]) -> Sequence[ImportedRow]:
    """Rows that wait, each made, known or refused afterwards (not yet saved), as the registry stands now."""
    world, waiting = _world(actor, rows), list(rows)
    while waiting:
        codes = {row.code for row in waiting}
        now = [row for row in waiting if (row.body or {})["parent"] not in codes] or waiting
        chosen = {row.number for row in now}
        waiting = [row for row in waiting if row.number not in chosen]
        _pass(actor, now, world)
    return rows


def _pass(actor: Actor, rows: Sequence[ImportedRow], world: _World) -> None:
    """Rows of which none waits for another; gateways among them may then speak for the next ones."""
    ready: list[tuple[ImportedRow, Device]] = []
    for row in rows:
        try:
            device = _device(actor, row, world)
        except LinliError as error:
            _refuse(row, error)
            continue
        if device is None:
            row.state, row.body = "known", None
        else:
            ready.append((row, device))
    _enter_all(actor, ready)
    world.gateways |= {row.code: device for row, device in ready if device.gateway and row.state == "made"}


def _world(actor: Actor, rows: Sequence[ImportedRow]) -> _World:
    bodies = [row.body or {} for row in rows]
    there = {d.code: d for d in Device.objects.filter(code__in=[row.code for row in rows])}
    gateways = Device.objects.select_for_update(of=("self",)).filter(
        area_q(actor, MANAGE), code__in={b["parent"] for b in bodies if b["parent"]}, gateway=True
    )
    pointed = [row for row in rows if row.body and row.body["lon"] is not None]
    found = places.locate_many([r.body["lon"] for r in pointed], [r.body["lat"] for r in pointed]) if pointed else []  # type: ignore[index]
    spots = {row.number: Spot(place.area_path, place.grid_id, row.body["lon"], row.body["lat"])  # type: ignore[index]
             for row, place in zip(pointed, found, strict=True) if place is not None}  # fmt: skip
    return _World(
        models=ThingModel.objects.in_bulk({b["model"] for b in bodies}), there=there, spots=spots,
        free=importing_selectors.revivable([d.pk for d in there.values() if d.state == "retired"]),
        gateways={d.code: d for d in gateways.exclude(state="retired").order_by("id")},
    )  # fmt: skip


def _device(actor: Actor, row: ImportedRow, world: _World) -> Device | None:
    """The device of a row, not yet saved; None when the registry has the code. One that an undone import left
    retired is that device again."""
    body, old = row.body or {}, world.there.get(row.code)
    if old is not None:
        actor.require(MANAGE, old.area_path)
        if old.pk not in world.free:
            return None
    if body["model"] not in world.models:
        raise Invalid("model", "no pack in force has this thing model")
    where = world.spots.get(row.number)
    if where is None:
        where = spot(lon=body["lon"], lat=body["lat"], area_path=body["area"])
    actor.require(MANAGE, where.area_path)
    device = build(world.models[body["model"]], where, {
        "code": row.code, "owner_team_id": body["team"] or None, "attributes_shared": body["attributes"],
        **{k: body[k] for k in ("name_zh", "name_en", "owner_department", "state", "gateway", "tags")},
    })  # fmt: skip
    if body["parent"]:
        if (parent := world.gateways.get(body["parent"])) is None:
            raise Invalid("parent", "is no gateway in service")
        device.parent, device.parent_name = parent, body["parent_name"] or row.code
    device.created_at = device.updated_at = clock.now()
    if old is not None:
        device.pk, device._state.adding = old.pk, False
    return device


def _enter_all(actor: Actor, ready: Sequence[tuple[ImportedRow, Device]]) -> None:
    """All by one statement; when that fails, one by one, so that only the bad row is refused."""
    if not ready:
        return
    try:
        with services.unit(actor), entering():
            _enter(ready)
        return
    except (IntegrityError, LinliError):
        if len(ready) == 1:
            _refuse(ready[0][0], None)
            return
    for one in ready:
        _enter_all(actor, [one])


def _enter(ready: Sequence[tuple[ImportedRow, Device]]) -> None:
    back = [device for _, device in ready if not device._state.adding]
    Device.objects.bulk_create([device for _, device in ready if device._state.adding], batch_size=AT_ONCE)
    for device in back:
        device.save(force_update=True)
    ImportedRow.objects.filter(device_id__in=[d.pk for d in back], state="undone").update(state="again")
    tell([device for _, device in ready], "created")
    for row, device in ready:
        row.state, row.body, row.device_id = "made", None, device.pk


def tell(devices: Sequence[Device], change: str) -> None:
    """`emit_device` for many, by few statements."""
    for i in range(0, len(devices), AT_ONCE):
        with rows.together():
            for device in devices[i : i + AT_ONCE]:
                emit_device(device, change)


_KEEP = """
UPDATE devices_import_row r SET state = v.state, errors = v.errors::jsonb, body = NULL, device_id = v.device_id
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::uuid[]) AS v(id, state, errors, device_id) WHERE r.id = v.id
"""


def keep(rows: Sequence[ImportedRow]) -> None:
    """What became of rows, by one statement; what they said is not needed any more."""
    with connection.cursor() as cursor:
        cursor.execute(_KEEP, [[row.pk for row in rows], [row.state for row in rows],
                               [orjson.dumps(row.errors).decode() for row in rows],
                               [row.device_id for row in rows]])  # fmt: skip


def _refuse(row: ImportedRow, error: LinliError | None) -> None:
    name = error.errors[0].field if error is not None and error.errors else ""
    rights = error is not None and error.status == 403
    told: Any = ("area", "rights") if rights else FIELDS.get(name, ("code", "refused"))
    row.state, row.errors, row.body = "refused", [list(told)], None
