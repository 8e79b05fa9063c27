"""Kinds of things as they travel out: properties with their quality rules, events, commands, versions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Schema

from linli.devices import selectors, units
from linli.devices.api.base import router
from linli.devices.api.schemas import Label
from linli.devices.models import ThingModel
from linli.kernel.http import SIGNED_IN


class QualityOut(Schema):
    """When readings are told as doubtful: `stuck` equal ones in a row; a `jump` of more than so much a minute; a
    `spike` that stands out by more than that from both of its neighbours. In the property's unit."""

    stuck: int | None = None
    jump: float | None = None
    spike: float | None = None


class QuantityOut(Schema):
    """`unit` is a UCUM code, `shown_unit` what people read; `range` is what is physically plausible."""

    code: str
    name: Label
    type: str = "number"
    unit: str = ""
    shown_unit: str = ""
    range: list[float] | None = None
    precision: int | None = None


class PropertyOut(QuantityOut):
    """`usual` is the span of an ordinary day."""

    quality: QualityOut | None = None
    usual: list[float] | None = None


class ChoiceOut(Schema):
    code: str
    name: Label


class ParameterOut(QuantityOut):
    """`choices`: the texts that it may be."""

    choices: list[ChoiceOut] | None = None


class ActOut(Schema):
    """An event that the thing tells, or a command that it takes."""

    code: str
    name: Label
    parameters: list[ParameterOut] = []


class CommandOut(ActOut):
    """`harmless`: nothing in the street changes by it, so that a screen need not ask twice."""

    harmless: bool = False


class AttributeOut(Schema):
    code: str
    name: Label


class TranslationOut(Schema):
    """A property of an older version: today it is `property`, and value · `factor` + `offset`."""

    version: int
    code: str
    property: str
    factor: float
    offset: float


class ModelOut(Schema):
    """`origin`: pack (read-only), local (the district's own) or open. `retired_at`: no new device is of it since."""

    code: str
    origin: str
    retired_at: datetime | None
    updated_at: datetime
    version: int
    name: Label
    subject: str
    category: str
    icon: str
    interval_s: int
    properties: list[PropertyOut]
    attributes: list[AttributeOut]
    events: list[ActOut]
    commands: list[CommandOut]
    translations: list[TranslationOut]

    @classmethod
    def of(cls, m: ThingModel) -> ModelOut:
        def acts(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
            return [{**row, "parameters": [_quantity(p) for p in row.get("parameters", [])]} for row in rows]

        older = [
            {"version": int(version), "code": old, "property": new, "factor": factor, "offset": offset}
            for version, steps in m.translations.items() for old, (new, factor, offset) in steps.items()
        ]  # fmt: skip
        return cls(
            code=m.code, origin=m.origin, retired_at=m.retired_at, updated_at=m.updated_at, version=m.version,
            name=Label(zh=m.name_zh, en=m.name_en), subject=m.subject,
            category=m.category, icon=m.icon, interval_s=m.interval_s, properties=[_quantity(p) for p in m.properties],
            attributes=m.attributes, events=acts(m.events), commands=acts(m.commands), translations=older,
        )  # fmt: skip


def _quantity(raw: dict[str, Any]) -> dict[str, Any]:
    return {**raw, "shown_unit": units.shown(raw.get("unit", ""))}


@router.get("/thing-models", permission=SIGNED_IN, response=list[ModelOut])
def list_thing_models(request: HttpRequest) -> list[ModelOut]:
    """Every kind of thing of the packs in force, by category."""
    return [ModelOut.of(m) for m in selectors.thing_models()]


@router.get("/thing-models/{code}", permission=SIGNED_IN, response=ModelOut)
def get_thing_model(request: HttpRequest, code: str) -> ModelOut:
    return ModelOut.of(selectors.thing_model(code))
