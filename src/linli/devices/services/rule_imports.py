"""Rules from a file of a pack: what each entry would do, and doing it, all or none. The same again does nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from django.db import IntegrityError

from linli.devices import rule_files, selectors
from linli.devices.models import Rule, ThingModel
from linli.devices.services import rules as services
from linli.kernel import ids
from linli.kernel import services as kernel
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict, FieldError, Invalid

_WHEN = {*rule_files.WHEN, "kind", "model"}


@dataclass(frozen=True, slots=True)
class Step:
    """What one entry does. `act`: new, version (a new one of a rule of this code), same, or refused for `errors`, whose
    fields are paths in the file (`rules.2.when.property`). `rule` is what it would be; `changed` names its fields."""

    code: str
    act: str
    rule: Rule | None
    changed: tuple[str, ...] = ()
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """`mark` changes with whatever would be done, and with what it would be done to."""

    steps: list[Step]
    mark: str
    done: bool = False


def plan(*, actor: Actor, text: str) -> Plan:
    """What the file would do. Changes nothing."""
    actor.require("rules.manage")
    return _plan(actor, rule_files.read(text), lock=False)


def import_rules(*, actor: Actor, text: str, mark: str) -> Plan:
    """Do what the plan of `mark` said. Conflict `stale` when it is another by now; Invalid when an entry is refused."""
    actor.require("rules.manage")
    entries = rule_files.read(text)
    try:
        with kernel.unit(actor):
            kernel.alone("rules.import")
            found = _plan(actor, entries, lock=True)
            if errors := [e for step in found.steps for e in step.errors]:
                raise Invalid(errors=errors)
            if any(s.act != "same" for s in found.steps) and found.mark != mark:
                raise Conflict("what the file would do is not what was shown; look again", code="stale")
            for step in found.steps:
                _do(actor, step)
    except IntegrityError as error:
        raise Conflict("a rule of one of these codes was made meanwhile; look again", code="stale") from error
    return Plan(found.steps, found.mark, done=True)


def _do(actor: Actor, step: Step) -> None:
    if step.rule is None or step.act == "same":
        return
    step.rule.origin = "local"
    if step.act == "new":
        services.save_version(actor, step.rule, "rule.create", version=1)
        return
    services.save_version(actor, step.rule, "rule.update", version=step.rule.version + 1)
    services.end_outside(actor, step.rule)


def _plan(actor: Actor, entries: list[dict[str, Any]], *, lock: bool) -> Plan:
    codes = [e.get("code") for e in entries]
    rows = (
        Rule.objects.select_related("model").filter(code__in=[c for c in codes if isinstance(c, str)]).order_by("code")
    )
    known = {r.code: r for r in (rows.select_for_update(of=("self",)) if lock else rows)}
    models = {m.code: m for m in ThingModel.objects.all()}
    steps = []
    for at, entry in enumerate(entries):
        again = entry.get("code") in codes[:at]
        steps.append(_step(actor, f"rules.{at}", entry, known, models, again=again))
    told = [(s.code, s.act, s.rule and (s.rule.version, _entry(s.rule)), [e.field for e in s.errors]) for s in steps]
    return Plan(steps, hashlib.sha256(orjson.dumps(told)).hexdigest())


def _step(
    actor: Actor, place: str, entry: Mapping[str, Any], known: Mapping[str, Rule], models: Mapping[str, ThingModel], *,
    again: bool,
) -> Step:  # fmt: skip
    code = entry["code"] if isinstance(entry.get("code"), str) else ""

    def refused(*errors: FieldError) -> Step:
        return Step(code, "refused", None, (), tuple(FieldError(f"{place}.{e.field}", e.reason) for e in errors))

    if found := rule_files.wrong(entry):
        return refused(*found)
    if again:
        return refused(FieldError("code", "stands in the file twice"))
    model, before = models.get(entry["when"]["model"]), known.get(code)
    if model is None:
        return refused(FieldError("when.model", "is no thing model of the district"))
    if before is not None and (why := _kept(actor, before, model)):
        return refused(why)
    was = None if before is None else _entry(before)
    rule = before or Rule(id=ids.new_id(), code=code, model=model, version=0)
    services.fill(rule, rule_files.body(entry))
    if found := services.problems_of(rule):
        return refused(*(FieldError(_path(e.field), e.reason) for e in found))
    if not actor.can("rules.manage", rule.area_path):
        return refused(FieldError("area_path", "is not an area whose rules you may write"))
    now = _entry(rule)
    if was is None:
        return Step(code, "new", rule)
    return Step(code, "same" if was == now else "version", rule, tuple(_changed(was, now)))


def _kept(actor: Actor, before: Rule, model: ThingModel) -> FieldError | None:
    """Why a rule that is there is not to be changed by a file."""
    if not actor.can("rules.manage", before.area_path):
        return FieldError("code", "is a rule of an area whose rules you may not write")
    if before.device_ids is not None:
        return FieldError("code", "is a rule for chosen devices here, which a file does not name")
    if before.model_id != model.code:
        return FieldError("when.model", f"is not {before.model_id}, the model of this rule; give it another code")
    return None


def _path(field: str) -> str:
    """A field of the table as a pack writes it."""
    if field in ("title_zh", "title_en"):
        return field.replace("_", ".")
    return f"when.{field}" if field.split(".")[0] in _WHEN else field


def _entry(rule: Rule) -> dict[str, Any]:
    return selectors.rule_entry(rule)


def _changed(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """The fields of the file that differ, in its order."""
    names = list(dict.fromkeys([*was, *now]))
    found = [n for n in names if n != "when" and was.get(n) != now.get(n)]
    old, new = was["when"], now["when"]
    return found + [f"when.{n}" for n in dict.fromkeys([*old, *new]) if old.get(n) != new.get(n)]
