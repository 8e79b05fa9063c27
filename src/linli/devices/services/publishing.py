"""Bringing a draft into force, and taking a thing model out of use."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from linli.devices import drafting_selectors as selectors
from linli.devices import selectors as devices
from linli.devices.drafting_models import OPEN_STATES
from linli.devices.models import ModelDraft, ModelMigration, ModelVersion, Rule, ThingModel
from linli.devices.services import alarms, drafts, model_migrations, packs, versions
from linli.kernel import audit, clock, events, ids, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict, FieldError, Invalid, NotFound

MIGRATE = ("same", "none")


def publish_draft(
    *, actor: Actor, draft_id: UUID, revision: int, note: str | None = None, stop_rules: bool = False,
    migrate: str = "same",
) -> ThingModel:  # fmt: skip
    """The draft becomes the version in force: for new devices as what they speak, for those that are there by the
    gateway's translation, from the same second on. Rules follow what was renamed or re-united; those that could not go
    on are refused, or stopped with `stop_rules`. `migrate` same: devices that need no translation become speakers of
    the new version, as a migration."""
    if migrate not in MIGRATE:
        raise Invalid("migrate", f"must be one of {', '.join(MIGRATE)}")
    with services.unit(actor):
        row = selectors.draft_for_update(actor, draft_id)
        drafts.require_revision(row, revision)
        before = ThingModel.objects.select_for_update().filter(pk=row.code).first()
        _require_base(row, before)
        if found := selectors.problems_of(row.code, row.body):
            raise Invalid(errors=found)
        stopped = _stop_rules(actor, before, row.body, stop_rules) if before else []
        model = _bring(actor, row, row.note if note is None else note)
        if before:
            versions.move_rules(model, before.version, actor.label)
        row.delete()
        detail = {"version": model.version, "stopped_rules": [r.code for r in stopped]}
        _note(actor, model, "publish", **detail)
        if before and migrate == "same":
            model_migrations.start_same(actor=actor, model=model)
    return model


def _require_base(row: ModelDraft, before: ThingModel | None) -> None:
    now = before.version if before else 0
    if now != row.base or (before is not None and before.origin != "local"):
        raise Conflict(f"the draft was begun at version {row.base} of {row.code}, and version {now} is in force by now;"
                       " begin the draft anew", code="base-changed")  # fmt: skip
    if before is not None and ModelMigration.objects.filter(model=before, state__in=OPEN_STATES).exists():
        raise Conflict(f"devices of {row.code} are being migrated; wait until that is done, or cancel it",
                       code="migration-running")  # fmt: skip


def _stop_rules(actor: Actor, model: ThingModel, body: dict[str, Any], stop: bool) -> list[Rule]:
    """Switch off what could not go on; each as its next version, with its alarms ended."""
    steps = selectors.thing_diff.steps_from(selectors.body_of(model), body)
    blind: list[tuple[Rule, FieldError]] = []
    for rule in Rule.objects.select_for_update().filter(model=model, enabled=True).order_by("code"):
        asked = Rule.objects.get(pk=rule.pk)
        versions.follow(asked, steps)
        if wrong := selectors.broken(asked, body):
            blind.append((rule, wrong[0]))
    if blind and not stop:
        found = [FieldError(f"rules.{r.code}", f"{e.field} {e.reason}") for r, e in blind]
        raise Conflict("alarm rules would break: change them first, or publish with stop_rules", code="breaks-rules",
                       errors=found)  # fmt: skip
    for rule, _ in blind:
        actor.require("rules.manage", rule.area_path or selectors.district())
        rule.enabled, rule.origin = False, "local"
        versions.keep(rule, actor.label)
        alarms.clear_all(actor=actor, reason="rule", rule_id=rule.pk)
    return [rule for rule, _ in blind]


def _bring(actor: Actor, row: ModelDraft, note: str) -> ThingModel:
    kept = selectors.kept_of(ThingModel.objects.filter(pk=row.code).first())
    model = packs.write_model(row.body, "local", kept)
    ModelVersion.objects.create(id=ids.new_id(), model=model, version=model.version, body=row.body, note=note[:400],
                                author=actor.label)  # fmt: skip
    return model


def retire_model(*, actor: Actor, code: str) -> ThingModel:
    """No new device is of it; those that are there go on."""
    return _set_retired(actor, code, True)


def restore_model(*, actor: Actor, code: str) -> ThingModel:
    """It takes new devices again."""
    return _set_retired(actor, code, False)


def _set_retired(actor: Actor, code: str, retired: bool) -> ThingModel:
    selectors.require(actor)
    with services.unit(actor):
        model = ThingModel.objects.select_for_update().filter(pk=code).first()
        if model is None:
            raise NotFound()
        if model.origin != "local":
            raise Conflict(f"{code} is a {model.origin} model and read-only here", code="model-read-only")
        if (model.retired_at is not None) != retired:
            model.retired_at = clock.now() if retired else None
            model.save(update_fields=["retired_at"])
            _note(actor, model, "retire" if retired else "restore")
    return devices.thing_model(code)


def _note(actor: Actor, model: ThingModel, act: str, **detail: Any) -> None:
    area = selectors.district()
    audit.record(actor=actor, action=f"model.{act}", kind="thing_model", ref=model.code, area=area, detail=detail)
    events.emit(type="model.changed", kind="thing_model", ref=model.code, area=area, permission=selectors.VIEW,
                data={"code": model.code, "version": model.version, "change": act})  # fmt: skip
