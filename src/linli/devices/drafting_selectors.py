"""Reads of the district's own thing models: drafts, versions, what a draft changes, devices that move to a version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from linli.devices import rules, selectors, thing_diff, thing_shape, units
from linli.devices.models import (
    ORIGINS,
    SUBJECTS,
    Device,
    ModelDraft,
    ModelMigration,
    ModelVersion,
    ProvisioningProfile,
    Rule,
    ThingModel,
)
from linli.devices.services import versions
from linli.kernel import paging
from linli.kernel.actor import Actor
from linli.kernel.errors import FieldError, Invalid, NotFound
from linli.kernel.scope import area_q
from linli.places import facade as places

VIEW, MANAGE = "devices.view", "devices.manage"


def district() -> str:
    """The area that all devices lie in: that of the one grid above all others, '' where there are several or none."""
    roots = places.grids(level=0)
    return roots[0].area_path if len(roots) == 1 else ""


def require(actor: Actor) -> None:
    """Thing models are the whole district's: who changes them manages devices in all of it."""
    actor.require(MANAGE, district())


# --- thing models ---------------------------------------------------------------------------------------------------


def model_rows(
    actor: Actor, *, q: str = "", subject: str = "", origin: str = "", category: str = "", retired: bool = False,
    cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT,
) -> tuple[list[ThingModel], str | None]:  # fmt: skip
    """A page by category and code, each with `devices`, `rules` and `draft_id`. Devices are counted where the actor may
    see some, those of households, persons and vehicles only for who manages all."""
    for name, value, known in (("subject", subject, SUBJECTS), ("origin", origin, ORIGINS)):
        if value and value not in known:
            raise Invalid(name, f"must be one of {', '.join(known)}")
    found = ThingModel.objects.all() if retired else ThingModel.objects.filter(retired_at=None)
    for name, value in (("subject", subject), ("origin", origin), ("category", category)):
        if value:
            found = found.filter(**{name: value})
    for word in q.split():
        found = found.filter(Q(code__icontains=word) | Q(name_zh__icontains=word) | Q(name_en__icontains=word)
                             | Q(category__icontains=word))  # fmt: skip
    found = found.annotate(
        devices=_count(_counted(actor), "model"), rules=_count(Rule.objects.filter(model=OuterRef("pk")), "model"),
        draft_id=Subquery(ModelDraft.objects.filter(code=OuterRef("pk")).values("pk")[:1]),
    )  # fmt: skip
    return paging.keyset(found, key=("category", "code"), cursor=cursor, limit=limit)


def _counted(actor: Actor) -> QuerySet[Device]:
    found = Device.objects.filter(area_q(actor, VIEW), model=OuterRef("pk")).exclude(state="retired")
    return found if actor.can(MANAGE, district()) else found.filter(model__subject=selectors.OPEN)


def _count(rows: QuerySet[Any], by: str) -> Any:
    return Coalesce(Subquery(rows.order_by().values(by).annotate(n=Count("pk")).values("n")[:1]), 0)


def body_of(model: ThingModel) -> dict[str, Any]:
    """The version in force as an entry of a pack; of the district's own model with the steps that led to it."""
    kept = ModelVersion.objects.filter(model=model, version=model.version).values_list("body", flat=True).first()
    return kept or {
        "code": model.code, "version": model.version, "name": {"zh": model.name_zh, "en": model.name_en},
        "subject": model.subject, "category": model.category, "icon": model.icon, "interval_s": model.interval_s,
        "properties": model.properties, "attributes": model.attributes, "events": model.events,
        "commands": model.commands,
    }  # fmt: skip


def kept_of(model: ThingModel | None) -> dict[str, Sequence[Any]]:
    """Every property that the model ever had: as noted, as its versions say, and as it is in force. None: a new one."""
    if model is None:
        return {}
    bodies = ModelVersion.objects.filter(model=model).order_by("version").values_list("body", flat=True)
    now = {"version": model.version, "properties": model.properties}
    return thing_diff.kept([*bodies, now], model.kept)


def model_versions(code: str, *, cursor: str | None, limit: int) -> tuple[list[ModelVersion], str | None]:
    """A page, newest first, without their bodies; a pack's model keeps none."""
    found = ModelVersion.objects.filter(model=selectors.thing_model(code)).defer("body")
    return paging.keyset(found, key=("-version",), cursor=cursor, limit=limit)


def model_version(code: str, version: int) -> ModelVersion:
    found = ModelVersion.objects.filter(model_id=code, version=version).first()
    if found is None:
        raise NotFound()
    return found


# --- drafts ---------------------------------------------------------------------------------------------------------


def drafts(actor: Actor, *, cursor: str | None, limit: int) -> tuple[list[ModelDraft], str | None]:
    """A page, last saved first."""
    require(actor)
    return paging.keyset(ModelDraft.objects.all(), key=("-updated_at", "-id"), cursor=cursor, limit=limit)


def draft(actor: Actor, draft_id: UUID) -> ModelDraft:
    require(actor)
    found = ModelDraft.objects.filter(pk=draft_id).first()
    if found is None:
        raise NotFound()
    return found


def draft_for_update(actor: Actor, draft_id: UUID) -> ModelDraft:
    require(actor)
    found = ModelDraft.objects.select_for_update().filter(pk=draft_id).first()
    if found is None:
        raise NotFound()
    return found


def problems_of(code: str, body: Mapping[str, Any]) -> list[FieldError]:
    """What keeps a draft of `code` from being published, as things are now."""
    found = thing_shape.found(body, units.table())
    if body.get("code") not in (None, "", code):
        found.append(FieldError("code", f"stays {code}, the code it was begun with"))
    model = ThingModel.objects.filter(pk=code).first()
    version = model.version + 1 if model else 1
    if isinstance(body.get("version"), int) and body["version"] != version:
        found.append(FieldError("version", f"is {version}, the version after the one in force"))
    if found or model is None:
        return found
    found = thing_diff.lasting(body, kept_of(model))
    if body["subject"] != model.subject and Device.objects.filter(model=model).exists():
        found += thing_diff.loosened(model.subject, body["subject"])
    return found


def comparison(code: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """A draft that has no problems beside the version in force: {version, differences, devices, translated, speaks:
    [{version, devices}], rules: [...], profiles}. Each rule: same, follows or breaks, and then why."""
    model = ThingModel.objects.filter(pk=code).first()
    before = body_of(model) if model else None
    steps = {int(v): s for v, s in thing_diff.things.translations(body).items()}
    speaks = [] if model is None else list(
        Device.objects.filter(model=model).exclude(state="retired").order_by("model_version")
        .values_list("model_version").annotate(n=Count("pk"))
    )  # fmt: skip
    return {
        "version": model.version if model else 0, "differences": thing_diff.differences(before, body),
        "devices": sum(n for _, n in speaks), "translated": sum(n for v, n in speaks if v in steps),
        "speaks": [{"version": v, "devices": n} for v, n in speaks],
        "rules": [] if model is None else _rules(model, body, thing_diff.steps_from(before, body)),
        "profiles": ProvisioningProfile.objects.filter(model=model, ended_at=None).count() if model else 0,
    }  # fmt: skip


def _rules(model: ThingModel, body: Mapping[str, Any], steps: dict[str, Any]) -> list[dict[str, Any]]:
    told = []
    for rule in Rule.objects.filter(model=model).order_by("code"):
        before = rule.property
        followed = versions.follow(rule, steps)
        wrong = broken(rule, body)
        told.append({
            "id": rule.pk, "code": rule.code, "title": {"zh": rule.title_zh, "en": rule.title_en},
            "enabled": rule.enabled, "effect": "breaks" if wrong else "follows" if followed else "same",
            "property": before, "becomes": rule.property, "errors": wrong,
        })  # fmt: skip
    return told


def broken(rule: Rule, body: Mapping[str, Any]) -> list[FieldError]:
    """What would be wrong with a rule under `body`."""
    when = rules.Condition(rule.kind, rule.property, rule.op, rule.value, rule.clear_value, rule.duration_s,
                           rule.no_data_s, rule.reraise_s, rule.condition)  # fmt: skip
    return rules.problems(when, severity=rule.severity, subject=body["subject"],
                          properties=[rules.Property.of(p) for p in body["properties"]], case=rule.case)  # fmt: skip


# --- devices that move to a version -----------------------------------------------------------------------------------


def migrations(
    actor: Actor, code: str, *, cursor: str | None, limit: int
) -> tuple[list[ModelMigration], str | None]:  # fmt: skip
    """A page, newest first."""
    found = ModelMigration.objects.filter(area_q(actor, VIEW), model=selectors.thing_model(code))
    return paging.keyset(found, key=("-created_at", "-id"), cursor=cursor, limit=limit)


def migration(actor: Actor, migration_id: UUID) -> ModelMigration:
    found = ModelMigration.objects.filter(area_q(actor, VIEW), pk=migration_id).first()
    if found is None:
        raise NotFound()
    return found


def migration_for_update(actor: Actor, migration_id: UUID) -> ModelMigration:
    row = migration(actor, migration_id)
    actor.require(MANAGE, row.area_path)
    return ModelMigration.objects.select_for_update().get(pk=migration_id)
