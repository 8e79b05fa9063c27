"""Thing models and rules of the packs in force, brought into the database. Running it again changes nothing.

A rule that people changed here (`origin` local) is theirs: a pack no longer touches it. So is a thing model of theirs,
also when a pack comes to bring one of its code.
"""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
from django.db import transaction

from linli.devices import conditions, drafting_selectors, rules, selectors, thing_diff, things, units
from linli.devices.models import Rule, RuleVersion, ThingModel
from linli.devices.services import versions
from linli.kernel import clock, events, packs
from linli.kernel.errors import FieldError, Invalid


def load_packs() -> dict[str, int]:
    """How many thing models and rules were written (0 when all were there)."""
    with transaction.atomic():
        return {"thing_models": _load_models(), "rules": _load_rules()}


def _digest(raw: Any) -> str:
    return hashlib.sha256(orjson.dumps(raw, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _load_models() -> int:
    wanted = {m["code"]: m for path in packs.files("thing-models") for m in packs.read_yaml(path)["thing_models"]}
    known = {code: row for code, *row in ThingModel.objects.values_list("code", "digest", "version", "origin")}
    written = 0
    for code, raw in wanted.items():
        digest, before, origin = known.get(code, ("", 0, "pack"))
        if digest == _digest(raw) or origin == "local":
            continue
        kept = drafting_selectors.kept_of(ThingModel.objects.filter(pk=code).first())
        check_model(raw, kept)
        model = write_model(raw, "pack", kept)
        versions.move(model, before or model.version)
        events.emit(type="model.changed", kind="thing_model", ref=code, permission="devices.view", data={"code": code})
        written += 1
    return written


def write_model(raw: dict[str, Any], origin: str, kept: thing_diff.Kept) -> ThingModel:
    """Bring an entry that was checked into force: a new model, or the one of its code as it is from now on. `kept`:
    what its code meant until now (`drafting_selectors.kept_of`)."""
    model, _ = ThingModel.objects.update_or_create(
        code=raw["code"],
        defaults={
            "version": raw.get("version", 1), "name_zh": raw["name"]["zh"], "name_en": raw["name"]["en"],
            "subject": raw["subject"], "category": raw["category"], "icon": raw.get("icon", "sensor"),
            "interval_s": raw.get("interval_s", 300), "properties": raw["properties"],
            "attributes": raw.get("attributes", []), "events": raw.get("events", []),
            "commands": raw.get("commands", []), "translations": things.translations(raw),
            "kept": thing_diff.kept([raw], kept),
            "digest": _digest(raw), "origin": origin, "updated_at": clock.now(),
        },
    )  # fmt: skip
    return model


def check_model(raw: dict[str, Any], kept: thing_diff.Kept) -> None:
    """Refuse a thing model that a pack wrote wrongly, or that takes back what it said before, naming it."""
    if found := things.problems(raw, units.table()) or thing_diff.lasting(raw, kept, by_place=False):
        raise Invalid(errors=found)


def _load_rules() -> int:
    wanted = {r["code"]: r for path in packs.files("rules") for r in packs.read_yaml(path)["rules"]}
    known = {code: (origin, digest) for code, origin, digest in Rule.objects.values_list("code", "origin", "digest")}
    models = {m.code: m for m in ThingModel.objects.all()}
    written = 0
    for code, raw in wanted.items():
        origin, digest = known.get(code, ("pack", ""))
        if origin != "pack" or digest == _digest(raw):
            continue
        _write_rule(raw, models.get(raw["when"]["model"]))
        written += 1
    return written


def _write_rule(raw: dict[str, Any], model: ThingModel | None) -> None:
    if model is None:
        raise Invalid(f"rules.{raw['code']}.when.model", "no pack in force has this thing model")
    when = {k: v for k, v in raw["when"].items() if k != "model"}
    found = rules.problems(
        rules.Condition(**when, reraise_s=raw.get("reraise_s", 60)), severity=raw["severity"], subject=model.subject,
        properties=selectors.rule_properties(model, when.get("condition")), case=raw.get("case"),
    )  # fmt: skip
    if found:
        raise Invalid(errors=[FieldError(f"rules.{raw['code']}.{e.field}", e.reason) for e in found])
    rule = Rule.objects.filter(code=raw["code"]).first() or Rule(code=raw["code"], version=0, origin="pack")
    blank = {"property": "", "op": "", "value": None, "clear_value": None, "duration_s": 0, "no_data_s": 0,
             "condition": None}  # fmt: skip
    if when.get("condition"):
        blank["property"] = conditions.main_property(when["condition"])
    body = blank | when | {
        "title_zh": raw["title"]["zh"], "title_en": raw["title"]["en"], "severity": raw["severity"],
        "reraise_s": raw.get("reraise_s", 60), "case": raw.get("case"), "enabled": raw.get("enabled", True),
        "illustrative": raw.get("illustrative", False), "area_path": raw.get("area_path", ""),
        "owner_department": raw.get("owner_department", ""),
    }  # fmt: skip
    for name, value in body.items():
        setattr(rule, name, value)
    rule.model, rule.version, rule.digest, rule.updated_at = model, rule.version + 1, _digest(raw), clock.now()
    rule.save()
    RuleVersion.objects.create(rule=rule, version=rule.version, body=body | {"model": model.code}, actor="pack")
    events.emit(type="rule.changed", kind="rule", ref=rule.pk, permission="rules.view", data={"code": rule.code})
