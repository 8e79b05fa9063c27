"""Bringing devices into the registry, changing and retiring them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from linli.devices import selectors, text
from linli.devices.models import STATES, Credential, Device, ThingModel
from linli.devices.services import alarms
from linli.devices.services.common import Spot, emit_device, entering, require_in_use, require_manage, spot
from linli.kernel import audit, clock, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict, FieldError, Invalid

CODE = re.compile(r"[0-9A-Za-z][0-9A-Za-z._:-]{0,79}")
PLAIN = ("name_zh", "name_en", "owner_department", "owner_team_id", "tags", "attributes_shared", "gateway")


def check(fields: Mapping[str, Any]) -> list[FieldError]:
    """What is wrong with a device's plain fields."""
    found = []
    if "code" in fields and not CODE.fullmatch(fields["code"] or ""):
        found.append(FieldError("code", "must be 1 to 80 letters, digits, or . _ : -"))
    if "name_zh" in fields and not (fields["name_zh"] or "").strip():
        found.append(FieldError("name_zh", "is missing"))
    for name, limit in (("name_zh", 120), ("name_en", 120), ("owner_department", 120)):
        if len(fields.get(name) or "") > limit:
            found.append(FieldError(name, f"is longer than {limit} characters"))
    if fields.get("state") not in (None, *STATES):
        found.append(FieldError("state", f"must be one of {', '.join(STATES)}"))
    lon, lat = fields.get("lon"), fields.get("lat")
    if (lon is None) != (lat is None):
        found.append(FieldError("lon", "and lat go together"))
    elif lon is not None and lat is not None and not (-180 <= lon <= 180 and -90 <= lat <= 90):
        found.append(FieldError("lon", "and lat must be degrees of longitude and latitude (WGS84)"))
    if any(not isinstance(t, str) or not 0 < len(t) <= 40 for t in fields.get("tags") or ()):
        found.append(FieldError("tags", "must be words of at most 40 characters"))
    return found


def model_of(code: str) -> ThingModel:
    model = ThingModel.objects.filter(pk=code).first()
    if model is None:
        raise Invalid("model", "no pack in force has this thing model")
    return model


def build(model: ThingModel, where: Spot, fields: Mapping[str, Any]) -> Device:
    """A device row, not yet saved."""
    require_in_use(model)
    own = {k: fields[k] for k in PLAIN if fields.get(k) is not None}
    speaks = _speaks(model, fields)
    device = Device(
        code=fields["code"],
        model=model,
        model_version=speaks,
        state=fields.get("state") or "active",
        **own,
        **asdict(where),
    )
    device.terms = text.terms(device.code, device.name_zh, device.name_en)
    return device


def _speaks(model: ThingModel, fields: Mapping[str, Any]) -> int:
    """The version of its model that a device speaks."""
    version = fields.get("model_version") or model.version
    if not isinstance(version, int) or not 0 < version <= model.version:
        raise Invalid("model_version", f"must be 1 to {model.version}, the version of the model")
    return version


def create_device(*, actor: Actor, model: str, fields: Mapping[str, Any]) -> Device:
    """`fields`: code, name_zh, name_en, a place (lon and lat, unit_id or area_path), owner, state, tags, attributes."""
    if found := check(fields):
        raise Invalid(errors=found)
    kind = model_of(model)
    where = spot(**{k: fields[k] for k in ("lon", "lat", "unit_id", "area_path") if fields.get(k) is not None})
    require_manage(actor, where.area_path)
    device = build(kind, where, fields)
    device.parent = gateway_of(actor, fields)
    device.parent_name = parent_name(fields, device)  # which asks for the parent
    with services.unit(actor):
        try:
            with entering():
                device.save(force_insert=True)
        except IntegrityError as error:
            taken = "name-taken" if "devices_device_child" in str(error) else "code-taken"
            raise Conflict(f"another device has this {taken.split('-')[0]}", code=taken) from error
        audit.record(actor=actor, action="device.create", kind="device", ref=device.pk, area=device.area_path,
                     detail={"code": device.code, "model": model})  # fmt: skip
        emit_device(device, "created")
    return device


def update_device(*, actor: Actor, device_id: UUID, fields: Mapping[str, Any]) -> Device:
    """Change what is given; moving a device needs `devices.manage` at both places."""
    if found := check(fields):
        raise Invalid(errors=found)
    with services.unit(actor):
        device = selectors.device_for_update(actor, device_id)
        if device.state == "retired":
            raise Conflict("a retired device does not change", code="retired")
        if fields.get("state") == "retired":
            raise Invalid("state", "retire a device by its own action")
        before = device.state
        _speaks(device.model, fields)
        for name in (*PLAIN, "state", "model_version"):
            if fields.get(name) is not None:
                setattr(device, name, fields[name])
        if any(fields.get(k) is not None for k in ("lon", "unit_id", "area_path")):
            _move(actor, device, fields)
        if "parent_id" in fields:
            device.parent = gateway_of(actor, fields)
        device.parent_name = parent_name(fields, device)
        device.terms = text.terms(device.code, device.name_zh, device.name_en)
        device.updated_at = clock.now()
        _save(device)
        if device.state != before and device.state == "maintenance":
            alarms.clear_all(actor=actor, reason="device", device_id=device.pk)
        audit.record(actor=actor, action="device.update", kind="device", ref=device.pk, area=device.area_path,
                     detail={"fields": sorted(k for k in fields if fields[k] is not None)})  # fmt: skip
        emit_device(device, "updated")
    return device


def gateway_of(actor: Actor, fields: Mapping[str, Any]) -> Device | None:
    """The gateway that `parent_id` names: it may then speak for the device."""
    if fields.get("parent_id") is None:
        return None
    found = selectors.device_for_update(actor, fields["parent_id"])
    if not found.gateway or found.state == "retired":
        raise Invalid("parent_id", "is no gateway in service")
    return found


def parent_name(fields: Mapping[str, Any], device: Device) -> str:
    """What its gateway calls the device: as given, as before, or its code."""
    if device.parent_id is None:
        return ""
    return (fields.get("parent_name") or device.parent_name or device.code).strip()[:120]


def _save(device: Device) -> None:
    try:
        with transaction.atomic():
            device.save()
    except IntegrityError as error:
        raise Conflict("the gateway has another device of this name", code="name-taken") from error


def _move(actor: Actor, device: Device, fields: Mapping[str, Any]) -> None:
    where = spot(**{k: fields[k] for k in ("lon", "lat", "unit_id", "area_path") if fields.get(k) is not None})
    require_manage(actor, where.area_path)
    for name, value in asdict(where).items():
        setattr(device, name, value)


def retire_device(*, actor: Actor, device_id: UUID, reason: str = "") -> Device:
    """Take a device out of service for good: its tokens stop working, its alarms end, its readings stay."""
    with services.unit(actor):
        device = selectors.device_for_update(actor, device_id)
        if device.state != "retired":
            device.state, device.updated_at = "retired", clock.now()
            device.save(update_fields=["state", "updated_at"])
            Credential.objects.filter(device=device, revoked_at=None).update(revoked_at=clock.now())
            alarms.clear_all(actor=actor, reason="device", device_id=device.pk)
            audit.record(actor=actor, action="device.retire", kind="device", ref=device.pk, area=device.area_path,
                         detail={"reason": reason[:200]})  # fmt: skip
            emit_device(device, "retired")
    return device


def ids_of_codes(codes: Iterable[str]) -> dict[str, UUID]:
    return dict(Device.objects.filter(code__in=list(codes)).values_list("code", "id"))
