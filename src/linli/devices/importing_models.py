"""Tables of imports: a sheet of devices that an account takes in, and each of its rows."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from linli.kernel import clock, ids


class DeviceImport(models.Model):
    """running → done, or stopped when its account lost the right; done → undoing → undone. `tokens_at`: when the tokens
    of what it made were taken along; those credentials, and no others, have that time."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    created_by = models.UUIDField(null=True)
    created_at = models.DateTimeField(default=clock.now)
    name = models.CharField(max_length=120, default="")
    sha256 = models.CharField(max_length=64)
    state = models.CharField(max_length=8)
    rows = models.PositiveIntegerField(default=0)
    made = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)  # codes that the registry had already
    refused = models.PositiveIntegerField(default=0)
    withdrawn = models.PositiveIntegerField(default=0)  # retired by the undo
    kept = models.PositiveIntegerField(default=0)  # left by the undo
    left = models.PositiveIntegerField(default=0)
    tokens_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "devices_import"
        indexes = [
            models.Index(fields=["created_by", "-created_at", "-id"], name="devices_import_mine"),
            models.Index(fields=["sha256"], name="devices_import_file"),
        ]


class ImportedRow(models.Model):
    """A row of a sheet. waiting → made, known or refused; made → undone or kept by an undo; undone → again when another
    import brings its device back. `number` is its place in the file, `errors` are [field, reason], by code; gateways
    have lower ids than what they speak for."""

    id = models.BigAutoField(primary_key=True)
    batch = models.ForeignKey(DeviceImport, on_delete=models.CASCADE, related_name="+")
    number = models.PositiveIntegerField()
    code = models.CharField(max_length=80, default="")
    state = models.CharField(max_length=8)
    errors = models.JSONField(default=list)
    body = models.JSONField(null=True)
    device_id = models.UUIDField(null=True)

    class Meta:
        db_table = "devices_import_row"
        indexes = [
            models.Index(fields=["batch", "state", "id"], name="devices_import_row_state"),
            models.Index(fields=["device_id"], condition=Q(state="undone"), name="devices_import_row_undone"),
        ]
