"""Tables of firmware and software for devices: files, and the campaigns that bring them."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from linli.kernel import clock, ids

KINDS = ["firmware", "software"]
CAMPAIGN_STATES = ["draft", "running", "paused", "done", "cancelled"]
UPDATE_STATES = ["waiting", "told", "downloading", "downloaded", "updating", "updated", "failed", "cancelled"]


def _choices(words: list[str]) -> list[tuple[str, str]]:
    return [(w, w) for w in words]


class Firmware(models.Model):
    """A file for devices of one thing model; with kind `software` what runs on top. `key` is where the store keeps it.
    Devices know it by title and version. Only areas within `area_path` may use it."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    model = models.ForeignKey("devices.ThingModel", on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=8, choices=_choices(KINDS))
    title = models.CharField(max_length=120)
    version = models.CharField(max_length=60)
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    file_id = models.UUIDField()
    key = models.CharField(max_length=200)
    note = models.CharField(max_length=400, default="")
    area_path = models.CharField(max_length=120, default="")
    withdrawn_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "devices_firmware"
        constraints = [
            models.UniqueConstraint(
                fields=["model", "kind", "title", "version"],
                condition=Q(withdrawn_at=None),
                name="devices_firmware_once",
            )
        ]
        indexes = [models.Index(fields=["-created_at", "-id"], name="devices_firmware_list")]


class Campaign(models.Model):
    """Brings a firmware to a set of devices, stage by stage: `stages` are the shares of them, in percent, that are told
    by the end of each. When more than `max_failed` percent of those that are told fail, it pauses by itself; with
    `auto` it goes on by itself when a stage is through."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    firmware = models.ForeignKey(Firmware, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=120)
    area_path = models.CharField(max_length=120, default="")
    tags = ArrayField(models.CharField(max_length=40), default=list)
    stages = ArrayField(models.PositiveSmallIntegerField())
    stage = models.PositiveSmallIntegerField(default=0)
    auto = models.BooleanField(default=False)
    max_failed = models.PositiveSmallIntegerField(default=10)
    state = models.CharField(max_length=10, choices=_choices(CAMPAIGN_STATES), default="draft")
    paused_by = models.CharField(max_length=10, default="")
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=clock.now)
    changed_at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "devices_campaign"
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="devices_campaign_list"),
            models.Index(fields=["id"], condition=Q(state="running"), name="devices_campaign_running"),
        ]


class Update(models.Model):
    """One device of a campaign: waiting → told → downloading → downloaded → updating → updated or failed, by what the
    device says (`fw_state`). A device is in one open campaign of a kind at a time."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    campaign = models.ForeignKey(Campaign, on_delete=models.CASCADE, related_name="+")
    device = models.ForeignKey("devices.Device", on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=8, choices=_choices(KINDS))
    stage = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=12, choices=_choices(UPDATE_STATES), default="waiting")
    open = models.BooleanField(default=True)
    error = models.CharField(max_length=200, default="")
    changed_at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "devices_update"
        constraints = [
            models.UniqueConstraint(fields=["campaign", "device"], name="devices_update_once"),
            models.UniqueConstraint(fields=["device", "kind"], condition=Q(open=True), name="devices_update_one_open"),
        ]
        indexes = [
            models.Index(fields=["campaign", "state", "id"], name="devices_update_state"),
            models.Index(fields=["device", "-changed_at", "-id"], name="devices_update_device"),
        ]
