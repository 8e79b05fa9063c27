"""Writing rules. Every change is a new version; the old ones stay readable."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Count, Q, QuerySet

from linli.devices import conditions, others, rules, selectors
from linli.devices.models import Alarm, Device, Rule, RuleVersion
from linli.devices.services import alarms
from linli.devices.services.devices import model_of
from linli.kernel import audit, clock, events, ids, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict, FieldError, Invalid
from linli.kernel.scope import within
from linli.places import facade as places

CODE = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")
BODY = ("title_zh", "title_en", "property", "kind", "op", "value", "clear_value", "duration_s", "no_data_s",
        "reraise_s", "condition", "severity", "area_path", "device_ids", "case", "enabled", "illustrative",
        "owner_department")  # fmt: skip


def create_rule(*, actor: Actor, model: str, body: Mapping[str, Any], code: str = "") -> Rule:
    """`body` has the fields of `BODY`; without `code` one is made."""
    rule = Rule(id=ids.new_id(), code=code or f"local-{ids.new_id().hex[-12:]}", model=model_of(model), origin="local")
    if not CODE.fullmatch(rule.code):
        raise Invalid("code", "must be small letters, digits and hyphens")
    fill(rule, body)
    with services.unit(actor):
        _require(actor, rule)
        try:
            with transaction.atomic():
                save_version(actor, rule, "rule.create", version=1)
        except IntegrityError as error:
            raise Conflict("another rule has this code", code="code-taken") from error
    return rule


def update_rule(*, actor: Actor, rule_id: UUID, version: int, body: Mapping[str, Any]) -> Rule:
    """Replace the given fields; `version` is the one the writer saw. Alarms that it no longer judges end."""
    with services.unit(actor):
        rule = selectors.rule_for_update(actor, rule_id)
        if rule.version != version:
            raise Conflict(f"the rule is at version {rule.version} by now", code="stale")
        actor.require("rules.manage", rule.area_path)
        fill(rule, body)
        _require(actor, rule)
        rule.origin = "local"
        save_version(actor, rule, "rule.update", version=rule.version + 1)
        end_outside(actor, rule)
    return rule


def fill(rule: Rule, body: Mapping[str, Any]) -> None:
    """Put the fields of `body` into a rule, unsaved."""
    for name in BODY:
        if name in body:
            setattr(rule, name, body[name])
    if rule.device_ids == []:
        rule.device_ids = None
    if rule.kind != "terms":
        if "condition" not in body:
            rule.condition = None
        return
    blank: dict[str, Any] = {"op": "", "value": None, "clear_value": None, "no_data_s": 0}
    for name in blank.keys() - body.keys():
        setattr(rule, name, blank[name])
    if isinstance(rule.condition, Mapping):
        rule.property = conditions.main_property(rule.condition)


def _require(actor: Actor, rule: Rule) -> None:
    found = [FieldError(f, "is missing") for f in ("title_zh", "title_en") if not (getattr(rule, f) or "").strip()]
    found += problems_of(rule)
    if found:
        raise Invalid(errors=found)
    actor.require("rules.manage", rule.area_path)


def problems_of(rule: Rule) -> list[FieldError]:
    """What is wrong with a rule, its titles aside."""
    when = rules.Condition(rule.kind, rule.property, rule.op, rule.value, rule.clear_value, rule.duration_s,
                           rule.no_data_s, rule.reraise_s, rule.condition)  # fmt: skip
    properties = selectors.rule_properties(rule.model, rule.condition)
    found = rules.problems(
        when, severity=rule.severity, subject=rule.model.subject, properties=properties, case=rule.case
    )
    found += [] if found else _too_many(rule)
    if len(rule.owner_department) > 120:
        found.append(FieldError("owner_department", "is longer than 120 characters"))
    if rule.area_path and places.grid_at(rule.area_path) is None:
        found.append(FieldError("area_path", "is not a grid in force"))
    if rule.device_ids is not None:
        known = Device.objects.filter(pk__in=rule.device_ids, model=rule.model)
        if known.count() != len(set(rule.device_ids)):
            found.append(FieldError("device_ids", "has devices that are unknown or of another model"))
    return found


def _too_many(rule: Rule) -> Iterator[FieldError]:
    """A term that looks at more devices than sense holds: of one place, or of all places together."""
    judged = Q() if rule.device_ids is None else Q(pk__in=rule.device_ids)
    for number, term in enumerate((rule.condition or {}).get("terms", ())):
        if "of" not in term:
            continue
        at, level = f"condition.terms.{number}.of.level", term["of"]["level"]
        own = _by_place(Device.objects.filter(judged, within(rule.area_path), model_id=rule.model_id), level)
        near = _by_place(Device.objects.filter(model_id=term["of"]["model"]), level)
        most = max((near[place] for place in own), default=0)
        pairs = sum(many * near[place] for place, many in own.items())
        if most > others.MAX_OTHERS:
            yield FieldError(at, f"is a place with {most} such devices; at most {others.MAX_OTHERS} are looked at,"
                             " take a smaller place")  # fmt: skip
        elif pairs > others.MAX_PAIRS:
            yield FieldError(at, f"makes {pairs:,} pairs of devices, at most {others.MAX_PAIRS:,} are looked at;"
                             " take a smaller place or area")  # fmt: skip


def _by_place(devices: QuerySet[Device], level: int) -> Counter[str]:
    """How many devices in use are in each place of a level."""
    found: Counter[str] = Counter()
    counts = devices.filter(state__in=("active", "planned")).values_list("area_path").annotate(Count("pk")).order_by()
    for path, many in counts:
        found[others.place_of(path, level)] += many
    return found


def save_version(actor: Actor, rule: Rule, action: str, *, version: int) -> None:
    """A rule that was checked, as it is from now on; within the caller's transaction."""
    rule.version, rule.updated_at = version, clock.now()
    rule.save()
    body = {n: getattr(rule, n) for n in BODY} | {"model": rule.model_id}
    if rule.device_ids is not None:
        body["device_ids"] = [str(d) for d in rule.device_ids]
    RuleVersion.objects.create(rule=rule, version=version, body=body, actor=actor.label)
    audit.record(actor=actor, action=action, kind="rule", ref=rule.pk, area=rule.area_path,
                 detail={"code": rule.code, "version": version})  # fmt: skip
    events.emit(type="rule.changed", kind="rule", ref=rule.pk, area=rule.area_path, permission="rules.view",
                data={"code": rule.code, "version": version, "enabled": rule.enabled})  # fmt: skip


def end_outside(actor: Actor, rule: Rule) -> None:
    """Alarms that a rule no longer judges end."""
    if not rule.enabled:
        alarms.clear_all(actor=actor, reason="rule", rule_id=rule.pk)
        return
    outside = Q()
    if rule.area_path:
        outside |= ~within(rule.area_path, "device__area_path")
    if rule.device_ids is not None:
        outside |= ~Q(device_id__in=rule.device_ids)
    if outside:
        gone = list(Alarm.objects.filter(outside, rule=rule, cleared_at=None).values_list("pk", flat=True))
        alarms.clear_all(actor=actor, reason="rule", pk__in=gone)
