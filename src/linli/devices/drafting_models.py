"""Tables of the district's own thing models: drafts, published versions, and devices that move to a version."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from linli.kernel import clock, ids

MIGRATION_STATES = ["waiting", "running", "done", "cancelled", "undoing", "undone"]
OPEN_STATES = ("waiting", "running", "undoing")


class ModelDraft(models.Model):
    """A thing model, or the next version of one, that is being written: one of a code at a time. `body` is an entry of
    `packs/*/thing-models`, perhaps not whole yet. `base` is the version in force when it was begun, 0 without one.
    `revision` counts its savings: who saves names the one that they saw."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    code = models.CharField(max_length=60, unique=True)
    base = models.PositiveIntegerField(default=0)
    body = models.JSONField()
    note = models.CharField(max_length=400, default="", blank=True)
    revision = models.PositiveIntegerField(default=1)
    author = models.CharField(max_length=80)
    created_at = models.DateTimeField(default=clock.now)
    updated_at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "devices_model_draft"
        indexes = [models.Index(fields=["-updated_at", "-id"], name="devices_model_draft_list")]


class ModelVersion(models.Model):
    """A published version of one of the district's own models, whole, as it was published."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    model = models.ForeignKey("devices.ThingModel", on_delete=models.PROTECT, related_name="+")
    version = models.PositiveIntegerField()
    body = models.JSONField()
    note = models.CharField(max_length=400, default="", blank=True)
    author = models.CharField(max_length=80)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "devices_model_version"
        constraints = [models.UniqueConstraint(fields=["model", "version"], name="devices_model_version_once")]


class ModelMigration(models.Model):
    """Devices of a model become speakers of its version `to`, part by part, by the process `jobs`. `only_same`: none
    whose readings the gateway translates. waiting → running → done or cancelled; done or cancelled → undoing → undone.
    `total` are the devices to go through, `seen` those gone through, `changed` those that became speakers of it."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    model = models.ForeignKey("devices.ThingModel", on_delete=models.PROTECT, related_name="+")
    to = models.PositiveIntegerField()
    only_same = models.BooleanField(default=False)
    area_path = models.CharField(max_length=120, default="", blank=True)
    state = models.CharField(max_length=10, choices=[(w, w) for w in MIGRATION_STATES], default="waiting")
    total = models.PositiveIntegerField(default=0)
    seen = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    note = models.CharField(max_length=400, default="", blank=True)
    author = models.CharField(max_length=80)
    after = models.UUIDField(null=True)
    created_at = models.DateTimeField(default=clock.now)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "devices_model_migration"
        indexes = [models.Index(fields=["model", "-created_at", "-id"], name="devices_model_migration_list")]
        constraints = [
            models.UniqueConstraint(
                fields=["model"], condition=Q(state__in=OPEN_STATES), name="devices_model_migration_one"
            )
        ]


class MigratedDevice(models.Model):
    """What a device spoke before a migration."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    migration = models.ForeignKey(ModelMigration, on_delete=models.CASCADE, related_name="+")
    device = models.ForeignKey("devices.Device", on_delete=models.CASCADE, related_name="+", db_index=False)
    before = models.PositiveIntegerField()

    class Meta:
        db_table = "devices_migrated_device"
        constraints = [
            models.UniqueConstraint(fields=["migration", "device"], name="devices_migrated_device_once"),
        ]
        indexes = [models.Index(fields=["device"], name="devices_migrated_device_of")]
