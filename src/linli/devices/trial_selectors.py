"""A thing model, perhaps still a draft, as gateway and sense would read it: for trying a message on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from linli.devices import drafting_selectors, selectors, thing_diff, units
from linli.devices.contracts import RegistryRow, RuleRow
from linli.devices.models import Rule, ThingModel
from linli.devices.services import drafts, versions
from linli.kernel import ids
from linli.kernel.actor import Actor
from linli.kernel.errors import Invalid

_RULE = ("property", "kind", "op", "value", "clear_value", "duration_s", "no_data_s", "reraise_s", "severity",
         "condition")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Trial:
    """`row`: a device of the kind. `properties`: as the model has them, with `shown_unit`. `rules`: those that would
    judge it, with their titles; none when the actor may not see rules."""

    row: RegistryRow
    properties: list[dict[str, Any]]
    rules: list[tuple[RuleRow, dict[str, str]]]


def trial(actor: Actor, *, code: str, body: Mapping[str, Any] | None, speaks: int | None) -> Trial:
    """A device of the version in force of `code`, or of the draft `body` of it, that speaks version `speaks`."""
    model = ThingModel.objects.filter(pk=code).first() if body is not None else selectors.thing_model(code)
    if body is None and model is not None:
        told = drafting_selectors.body_of(model)
        translations = model.translations
    else:
        told = drafts.plain(body or {})
        if found := drafting_selectors.problems_of(code, told):
            raise Invalid(errors=found)
        translations = thing_diff.things.translations(told)
    version = speaks or told["version"]
    if not 1 <= version <= told["version"]:
        raise Invalid("speaks", f"must be 1 to {told['version']}, the version of the model")
    row = RegistryRow(
        ids.new_id(), "trial", code, told["subject"], "", True, [], told["interval_s"],
        {p["code"]: _limits(p) for p in told["properties"]}, translate=translations.get(str(version), {}),
    )  # fmt: skip
    rules = _rules(model, told) if model is not None and actor.can("rules.view") else []
    return Trial(row, [{**p, "shown_unit": units.shown(p.get("unit", ""))} for p in told["properties"]], rules)


def _limits(prop: Mapping[str, Any]) -> dict[str, Any]:
    span = prop.get("range")
    return {"type": prop.get("type", "number"), **({"min": span[0], "max": span[1]} if span else {})}


def _rules(model: ThingModel, body: Mapping[str, Any]) -> list[tuple[RuleRow, dict[str, str]]]:
    """Enabled rules that compare readings, as they would be once `body` is in force; wherever they are for."""
    steps = thing_diff.steps_from(drafting_selectors.body_of(model), body)
    found = []
    for rule in Rule.objects.filter(model=model, enabled=True).exclude(kind="no_data").order_by("code"):
        versions.follow(rule, steps)
        if drafting_selectors.broken(rule, body):
            continue
        row = RuleRow(rule_id=rule.pk, code=rule.code, version=rule.version, model=model.code,
                      **{name: getattr(rule, name) for name in _RULE})  # fmt: skip
        found.append((row, {"zh": rule.title_zh, "en": rule.title_en}))
    return found
