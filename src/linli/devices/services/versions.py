"""What a new version of a thing model does to the devices and rules that the old one had."""

from __future__ import annotations

from typing import Any

from linli.devices import conditions, things
from linli.devices.models import Device, Rule, RuleVersion, ThingModel
from linli.devices.services.rules import BODY
from linli.kernel import clock, events


def move(model: ThingModel, before: int) -> None:
    """After a pack brought `model` from version `before` to its present one. Rules follow what was renamed and
    re-united; devices go on as speakers of their version, those that need no translation as speakers of the new one."""
    if model.version <= before:
        return
    move_rules(model, before)
    old = [int(version) for version in model.translations]
    Device.objects.filter(model=model).exclude(model_version__in=old).update(model_version=model.version)


def move_rules(model: ThingModel, before: int, actor: str = "pack") -> None:
    """Rules about what was renamed or has another unit since version `before` follow, each as a new version."""
    steps = model.translations.get(str(before), {})
    for rule in Rule.objects.filter(model=model):
        if follow(rule, steps):
            keep(rule, actor)


def follow(rule: Rule, steps: dict[str, things.Step]) -> bool:
    """Turn a rule, unsaved, into the same about the new version; False when it reads nothing that changed."""
    if rule.condition:
        if not set(conditions.properties_of(rule.condition)) & set(steps):
            return False
        rule.condition = conditions.converted(rule.condition, steps)
        rule.property = conditions.main_property(rule.condition)
        return True
    if rule.property not in steps:
        return False
    rule.property, factor, offset = steps[rule.property]
    for name in ("value", "clear_value"):
        if (limit := getattr(rule, name)) is not None:
            setattr(rule, name, round(limit * factor + offset, 9))
    return True


def keep(rule: Rule, actor: str) -> None:
    """Save a changed rule as its next version."""
    rule.version, rule.updated_at = rule.version + 1, clock.now()
    rule.save()
    body: dict[str, Any] = {n: getattr(rule, n) for n in BODY} | {"model": rule.model_id}
    body["device_ids"] = [str(d) for d in rule.device_ids] if rule.device_ids is not None else None
    RuleVersion.objects.create(rule=rule, version=rule.version, body=body, actor=actor)
    events.emit(type="rule.changed", kind="rule", ref=rule.pk, area=rule.area_path, permission="rules.view",
                data={"code": rule.code, "version": rule.version, "enabled": rule.enabled})  # fmt: skip
