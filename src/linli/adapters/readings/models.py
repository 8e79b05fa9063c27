"""Tables of reading hooks."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from linli.kernel import clock, ids


class ReadingHook(models.Model):
    """Where one platform pushes readings. Its code is in its address; the secret is sealed. `auth`: {way, in, name},
    how the platform shows it (`signing`); `mapping`: `telemetry.payloads`.
    """

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    code = models.CharField(max_length=24, unique=True)
    name = models.CharField(max_length=80)
    area_path = models.CharField(max_length=120)  # devices outside of it are unknown here
    auth = models.JSONField(default=dict)
    mapping = models.JSONField(default=dict)
    per_hour = models.PositiveIntegerField(default=36_000)
    most_kb = models.PositiveIntegerField(default=256)
    secret = models.BinaryField()
    prior_secret = models.BinaryField(null=True)  # counts beside the new one until `prior_until`
    prior_until = models.DateTimeField(null=True)
    enabled = models.BooleanField(default=True)
    retired_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)
    last_success_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        app_label = "adapters"
        db_table = "reading_hook"
        indexes = [
            models.Index(
                fields=["-created_at", "-id"], name="reading_hook_newest", condition=Q(retired_at__isnull=True)
            )
        ]

    @property
    def path(self) -> str:
        """Where readings go, below the platform's address."""
        return f"/readings-intake/{self.code}"


class ReadingDelivery(models.Model):
    """One push and what came of it: never its values, nor of which devices it was."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    hook = models.ForeignKey(ReadingHook, on_delete=models.CASCADE, related_name="+")
    outcome = models.CharField(max_length=12)  # see `signing.OUTCOMES`
    status = models.PositiveSmallIntegerField()
    errors = models.JSONField(default=list)  # [{field, reason}]
    items = models.PositiveIntegerField(default=0)
    readings = models.PositiveIntegerField(default=0)
    unknown = models.PositiveIntegerField(default=0)  # items of devices that nobody knows here
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        app_label = "adapters"
        db_table = "reading_delivery"
        indexes = [
            models.Index(fields=["hook", "-created_at", "-id"], include=["outcome"], name="reading_delivery_log"),
            models.Index(fields=["created_at"], name="reading_delivery_old"),
        ]


class UnknownNumber(models.Model):
    """A code or number that no device of the hook's area has."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    hook = models.ForeignKey(ReadingHook, on_delete=models.CASCADE, related_name="+")
    number = models.CharField(max_length=64)
    count = models.PositiveIntegerField(default=0)
    first_at = models.DateTimeField(default=clock.now)
    last_at = models.DateTimeField(default=clock.now)

    class Meta:
        app_label = "adapters"
        db_table = "reading_unknown"
        constraints = [models.UniqueConstraint(fields=["hook", "number"], name="reading_unknown_one")]
        indexes = [models.Index(fields=["hook", "-last_at", "-id"], name="reading_unknown_newest")]
