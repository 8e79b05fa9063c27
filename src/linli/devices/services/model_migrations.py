"""Devices become speakers of their model's version, part by part, by the process `jobs`; and the way back."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from linli.devices import drafting_selectors as selectors
from linli.devices import selectors as devices
from linli.devices.drafting_models import OPEN_STATES
from linli.devices.models import Device, MigratedDevice, ModelMigration, ThingModel
from linli.kernel import audit, clock, events, ids, jobs, services
from linli.kernel.actor import SYSTEM, Actor
from linli.kernel.errors import Conflict, Invalid
from linli.kernel.scope import within
from linli.places import facade as places

PART = 1_000


def start_migration(
    *, actor: Actor, code: str, area_path: str = "", only_same: bool = False, note: str = ""
) -> ModelMigration:
    """Devices of `code` in an area speak its version in force from now on: their firmware was changed, or they are
    new boxes. Who sends what the gateway translates would be misread if that is not so; `only_same` leaves these."""
    if len(note) > 400:
        raise Invalid("note", "is longer than 400 characters")
    if area_path and not places.area_exists(area_path):
        raise Invalid("area_path", "is no area in force")
    model = devices.thing_model(code)
    actor.require(selectors.MANAGE, area_path or selectors.district())
    with services.unit(actor):
        return _start(actor, model, area_path or selectors.district(), only_same, note.strip())


def start_same(*, actor: Actor, model: ThingModel) -> ModelMigration | None:
    """After a publication, in its transaction: for whom nothing was renamed or re-united. None when there is nobody."""
    row = ModelMigration(model=model, to=model.version, only_same=True)
    return _start(actor, model, selectors.district(), True, "") if _left(row).exists() else None


def _start(actor: Actor, model: ThingModel, area: str, only_same: bool, note: str) -> ModelMigration:
    row = ModelMigration(id=ids.new_id(), model=model, to=model.version, only_same=only_same, area_path=area,
                         note=note, author=actor.label)  # fmt: skip
    row.total = _left(row).count()
    if not row.total:
        raise Conflict("no device there is left to migrate", code="nothing-to-migrate")
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise Conflict(f"devices of {model.code} are being migrated already", code="migration-running") from error
    _note(actor, row, "start", total=row.total)
    _defer(row)
    return row


def _left(row: ModelMigration) -> QuerySet[Device]:
    found = Device.objects.filter(within(row.area_path), model=row.model, model_version__lt=row.to)
    if row.only_same:
        found = found.exclude(model_version__in=[int(v) for v in row.model.translations])
    return found.exclude(state="retired")


def _defer(row: ModelMigration) -> None:
    from linli.devices import jobs as own

    jobs.defer(own.migrate_devices, migration_id=str(row.pk))


def cancel_migration(*, actor: Actor, migration_id: UUID) -> ModelMigration:
    """What is done stays done; the rest stays as it is."""
    with services.unit(actor):
        row = selectors.migration_for_update(actor, migration_id)
        if row.state in ("waiting", "running"):
            _end(actor, row, "cancelled", "cancel")
        elif row.state != "cancelled":
            raise Conflict(f"the migration is {row.state}", code="wrong-state")
    return row


def undo_migration(*, actor: Actor, migration_id: UUID) -> ModelMigration:
    """Every device that it changed speaks again what it spoke before, unless it was changed since."""
    with services.unit(actor):
        row = selectors.migration_for_update(actor, migration_id)
        if row.state in ("undoing", "undone"):
            return row
        if row.state not in ("done", "cancelled"):
            raise Conflict(f"the migration is {row.state}; cancel it first", code="wrong-state")
        later = ModelMigration.objects.filter(model=row.model, created_at__gt=row.created_at)
        if later.exclude(state="undone").exists():
            raise Conflict("a later migration of these devices has to be undone first", code="not-the-last")
        row.state, row.ended_at, row.seen = "undoing", None, 0
        row.total = MigratedDevice.objects.filter(migration=row).count()
        row.save()
        _note(actor, row, "undo", total=row.total)
        _defer(row)
    return row


def run(*, migration_id: UUID) -> None:
    """Go through what is left, a part a transaction; begun again after a crash it goes on where it was."""
    while _part(migration_id):
        pass


def _part(migration_id: UUID) -> bool:
    """One part; False when there is nothing more to do."""
    with services.unit(SYSTEM):
        row = ModelMigration.objects.select_for_update(of=("self",)).select_related("model").filter(pk=migration_id)
        found = row.first()
        if found is None or found.state not in OPEN_STATES:
            return False
        return _undo_part(found) if found.state == "undoing" else _do_part(found)


def _do_part(row: ModelMigration) -> bool:
    left = _left(row).order_by("pk")
    if row.after is not None:
        left = left.filter(pk__gt=row.after)
    some = list(left.select_for_update(of=("self",)).values_list("pk", "model_version")[:PART])
    if not some:
        _end(SYSTEM, row, "done", "done")
        return False
    MigratedDevice.objects.bulk_create(
        [MigratedDevice(migration=row, device_id=pk, before=version) for pk, version in some], ignore_conflicts=True
    )
    Device.objects.filter(pk__in=[pk for pk, _ in some]).update(model_version=row.to)
    row.state, row.after = "running", some[-1][0]
    row.seen, row.changed = row.seen + len(some), row.changed + len(some)
    row.save()
    _tell(row)
    return True


def _undo_part(row: ModelMigration) -> bool:
    some = list(MigratedDevice.objects.filter(migration=row).order_by("id")[:PART])
    if not some:
        _end(SYSTEM, row, "undone", "undone")
        return False
    spoken: dict[int, list[UUID]] = {}
    for one in some:
        spoken.setdefault(one.before, []).append(one.device_id)
    for version, devices_ in spoken.items():
        Device.objects.filter(pk__in=devices_, model_version=row.to).update(model_version=version)
    MigratedDevice.objects.filter(pk__in=[one.pk for one in some]).delete()
    row.seen += len(some)
    row.save()
    _tell(row)
    return True


def _tell(row: ModelMigration) -> None:
    """The gateways read anew what devices say; where nothing is translated there is nothing to read."""
    if not row.only_same:
        events.emit(type="model.changed", kind="thing_model", ref=row.model_id, area=selectors.district(),
                    permission=selectors.VIEW, data={"code": row.model_id, "change": "migrate"})  # fmt: skip


def _end(actor: Actor, row: ModelMigration, state: str, act: str) -> None:
    row.state, row.ended_at = state, clock.now()
    row.save()
    _note(actor, row, act, seen=row.seen, changed=row.changed)


def _note(actor: Actor, row: ModelMigration, act: str, **detail: Any) -> None:
    audit.record(actor=actor, action=f"model_migration.{act}", kind="model_migration", ref=row.pk, area=row.area_path,
                 detail={"code": row.model_id, "to": row.to, **detail})  # fmt: skip
    events.emit(type="model_migration.changed", kind="model_migration", ref=row.pk, area=row.area_path,
                permission=selectors.VIEW, data={"code": row.model_id, "state": row.state})  # fmt: skip
