"""What the bench of rules needs of devices: a rule as the hot path reads it, the devices it judges, what it raised."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from linli.devices import others, selectors
from linli.devices.contracts import RegistryRow, RuleRow
from linli.devices.models import Alarm, Device, Rule
from linli.devices.services import rules as services
from linli.kernel import ids
from linli.kernel.actor import Actor
from linli.kernel.errors import FieldError, Invalid, NotFound
from linli.kernel.scope import area_q, within

_PLAIN = ("property", "kind", "op", "value", "clear_value", "duration_s", "no_data_s", "reraise_s", "severity",
          "area_path", "device_ids", "condition")  # fmt: skip


def draft(
    actor: Actor, *, rule_id: UUID | None, version: int | None, body: Mapping[str, Any] | None, model: str
) -> RuleRow:
    """The rule to be tried: one that exists (as it was at `version`), with the fields of `body` in their place; or,
    without `rule_id`, a new one of `model`. Raises Invalid as writing the rule would."""
    if rule_id is None:
        if not model:
            raise Invalid("rule.model", "is missing")
        rule = Rule(id=ids.new_id(), code="draft", model=selectors.thing_model(model), severity="info", kind="")
    else:
        rule = selectors.rule(actor, rule_id)
        if version is not None and version != rule.version:
            services.fill(rule, _as_of(actor, rule_id, version))
            rule.version = version
    services.fill(rule, dict(body or {}))
    if found := services.problems_of(rule):
        raise Invalid(errors=[replace(e, field=f"rule.{e.field}") for e in found])
    return RuleRow(rule_id=rule.pk, code=rule.code, version=rule.version, model=rule.model_id,
                   **{name: getattr(rule, name) for name in _PLAIN})  # fmt: skip


def writing(actor: Actor, model: str, body: Mapping[str, Any]) -> tuple[Rule, list[FieldError]]:
    """A rule that is being written, unsaved, and what is still wrong with it."""
    actor.require("rules.view")
    rule = Rule(id=ids.new_id(), code="draft", model=selectors.thing_model(model), severity="info", kind="threshold")
    services.fill(rule, body)
    return rule, services.problems_of(rule)


def _as_of(actor: Actor, rule_id: UUID, version: int) -> dict[str, Any]:
    for old in selectors.rule_versions(actor, rule_id):
        if old.version == version:
            body = dict(old.body)
            body["device_ids"] = [UUID(d) for d in body.get("device_ids") or ()] or None
            return body
    raise NotFound()


def judged_devices(actor: Actor, rule: RuleRow, limit: int) -> list[tuple[RegistryRow, dict[str, str]]]:
    """The devices of places that the rule judges and the actor may see, by code, each with its names."""
    found = Device.objects.filter(
        area_q(actor, "devices.view"), within(rule.area_path), model_id=rule.model, model__subject=selectors.OPEN,
        state__in=("active", "planned"),
    ).select_related("model").order_by("code")  # fmt: skip
    if rule.device_ids is not None:
        found = found.filter(pk__in=rule.device_ids)
    rows = list(found.only("id", "code", "name_zh", "name_en", "area_path", "state", "model__interval_s")[: limit + 1])
    if len(rows) > limit:
        raise Invalid("rule.area_path", f"the rule judges more than {limit:,} devices there; take a smaller area")
    return [(_row(d), {"zh": d.name_zh, "en": d.name_en or d.name_zh}) for d in rows]


def _row(d: Device) -> RegistryRow:
    """What judging readings of the past needs to know of a device."""
    return RegistryRow(d.pk, d.code, d.model_id, selectors.OPEN, d.area_path, True, [], d.model.interval_s, {}, None,
                       d.state)  # fmt: skip


def looked_at(actor: Actor, rule: RuleRow, rows: list[RegistryRow]) -> list[RegistryRow]:
    """Devices in the places of these that the rule looks at, as far as the actor may see them."""
    found: dict[UUID, RegistryRow] = {}
    for model, level in dict.fromkeys((model, level) for model, level, _ in others.looks(rule.condition)):
        places = {others.place_of(row.area_path, level) for row in rows}
        near = Device.objects.filter(
            area_q(actor, "devices.view"), model_id=model, model__subject=selectors.OPEN,
            state__in=("active", "planned"),
        ).select_related("model").only("id", "code", "area_path", "state", "model__interval_s")  # fmt: skip
        for d in near.iterator():
            if others.place_of(d.area_path, level) in places:
                found[d.pk] = _row(d)
    return list(found.values())


def raised(actor: Actor, rule_id: UUID, device_ids: list[UUID], start: datetime, end: datetime) -> list[Alarm]:
    """What the rule raised at these devices and was on at some time of the span."""
    return list(
        Alarm.objects.filter(
            area_q(actor, "alarms.view"), Q(cleared_at=None) | Q(cleared_at__gte=start), rule_id=rule_id,
            device_id__in=device_ids, raised_at__lt=end,
        ).order_by("device_id", "started_at")
    )  # fmt: skip
