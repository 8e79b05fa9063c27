"""Devices whose properties become known as programs tell them: by SensorThings, where a kind of thing is no pack's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from linli.devices import selectors
from linli.devices.models import Device, ThingModel
from linli.devices.services.common import entering, require_in_use
from linli.devices.services.devices import create_device
from linli.kernel import audit, clock, events, services
from linli.kernel.actor import Actor

ANY = "open"
PREFIX = "open-"


def ensure_model(*, actor: Actor, code: str, name: str) -> ThingModel:
    """A thing model of places without properties; the one there is, else a new one."""
    found = ThingModel.objects.filter(pk=code).first()
    if found is not None:
        return found
    with services.unit(actor):
        made = ThingModel.objects.create(code=code, name_zh=name[:80], name_en=name[:80], subject="place",
                                         category="open", properties=[], origin="open")  # fmt: skip
        audit.record(actor=actor, action="model.create", kind="thing_model", ref=code, detail={"name": name[:80]})
        events.emit(type="model.changed", kind="thing_model", ref=code, permission="devices.view", data={"code": code})
    return made


def open_device(*, actor: Actor, fields: Mapping[str, Any]) -> Device:
    """A device of the model `open`, as `create_device` takes its fields."""
    ensure_model(actor=actor, code=ANY, name="Open")
    return create_device(actor=actor, model=ANY, fields=fields)


def enter_property(*, actor: Actor, device_id: UUID, kind: str, name: str, prop: Mapping[str, Any]) -> str:
    """The device gets a property {code, name: {zh, en}, type, unit}; returns its model's code.

    The first one makes an open device one of the model `open-KIND`. A property that the model has is left as it is.
    """
    with services.unit(actor):
        device = selectors.device_for_update(actor, device_id)
        if device.model_id == ANY:
            device.model = ensure_model(actor=actor, code=f"{PREFIX}{kind}", name=name)
            require_in_use(device.model)
            device.updated_at = clock.now()
            with entering():
                device.save(update_fields=["model", "updated_at"])
            events.emit(type="device.changed", kind="device", ref=device.pk, area=device.area_path,
                        permission="devices.view", audience="staff",
                        data={"change": "updated", "state": device.state, "code": device.code})  # fmt: skip
        model = ThingModel.objects.select_for_update().get(pk=device.model_id)
        if all(p["code"] != prop["code"] for p in model.properties):
            model.properties = [*model.properties, dict(prop)]
            model.updated_at = clock.now()
            model.save(update_fields=["properties", "updated_at"])
            audit.record(actor=actor, action="model.property", kind="thing_model", ref=model.code,
                         area=device.area_path, detail={"property": prop["code"]})  # fmt: skip
            events.emit(type="model.changed", kind="thing_model", ref=model.code, permission="devices.view",
                        data={"code": model.code})  # fmt: skip
    return str(model.code)
