"""The table of planned works."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from linli.kernel import clock, ids

WINDOW_STATES = ["upcoming", "running", "over", "cancelled"]


class Maintenance(models.Model):
    """A maintenance window (维护窗口): alarms raised at its devices meanwhile are held. Which devices: all that meet
    whatever is given of area, devices, tags (any of them) and models. `state` is what was last told of it; what is in
    force is decided by the times. `ended_at`: ended early, or cancelled before it began."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    version = models.PositiveIntegerField(default=1)
    title = models.CharField(max_length=120)
    reason = models.CharField(max_length=1000, default="")
    who = models.CharField(max_length=120, default="")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    state = models.CharField(max_length=10, choices=[(s, s) for s in WINDOW_STATES], default="upcoming")
    area_path = models.CharField(max_length=120)
    device_ids = ArrayField(models.UUIDField(), null=True)
    tags = ArrayField(models.CharField(max_length=40), null=True)
    model_codes = ArrayField(models.CharField(max_length=60), null=True)
    created_by = models.UUIDField(null=True)
    created_at = models.DateTimeField(default=clock.now)
    changed_at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "devices_maintenance"
        indexes = [
            models.Index(fields=["-starts_at", "-id"], name="devices_maintenance_list"),
            models.Index(fields=["ends_at"], condition=Q(ended_at=None), name="devices_maintenance_open"),
            models.Index(fields=["area_path"], opclasses=["varchar_pattern_ops"], name="devices_maintenance_area"),
        ]
