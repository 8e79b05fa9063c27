"""Tables of webhooks."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from linli.kernel import clock, ids

STATES = ("waiting", "sent", "failed")


class Hook(models.Model):
    """An address that hears what its account may hear. The secret that signs is sealed and shown once."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    account_id = models.UUIDField()
    name = models.CharField(max_length=80)
    url = models.CharField(max_length=500)
    types = ArrayField(models.CharField(max_length=60))  # event types; `case.*` and `*` are patterns
    area_path = models.CharField(max_length=120, default="", blank=True)
    permissions = ArrayField(models.CharField(max_length=40), default=list)  # of whoever entered it
    since = models.DateTimeField(null=True)  # it hears nothing older; null: entered before that was kept
    secret = models.BinaryField()
    prior_secret = models.BinaryField(null=True)  # signs beside the new one until `prior_until`
    prior_until = models.DateTimeField(null=True)
    enabled = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1)
    last_success_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=200, default="", blank=True)
    stopped_at = models.DateTimeField(null=True)  # switched off by itself, for its address was gone
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "adapters_hook"
        indexes = [models.Index(fields=["account_id", "-created_at", "-id"], name="adapters_hook_account")]


class Delivery(models.Model):
    """One event for one hook. The id is the message's: the same however often it is sent."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    hook = models.ForeignKey(Hook, on_delete=models.CASCADE, related_name="+")
    event_id = models.UUIDField()
    type = models.CharField(max_length=60)
    body = models.JSONField()
    state = models.CharField(max_length=8, default="waiting")
    attempts = models.PositiveSmallIntegerField(default=0)
    status = models.PositiveSmallIntegerField(null=True)  # of the last answer
    took_ms = models.PositiveIntegerField(null=True)  # until that answer, or until none came
    error = models.CharField(max_length=200, default="", blank=True)
    next_at = models.DateTimeField(default=clock.now)
    created_at = models.DateTimeField(default=clock.now)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "adapters_delivery"
        indexes = [
            models.Index(fields=["hook", "-created_at", "-id"], name="adapters_delivery_log"),
            models.Index(
                fields=["hook", "-created_at", "-id"], name="adapters_delivery_open", condition=~Q(state="sent")
            ),
            models.Index(fields=["next_at"], name="adapters_delivery_due", condition=Q(state="waiting")),
            models.Index(fields=["created_at"], name="adapters_delivery_age"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["hook", "event_id"], name="adapters_delivery_once"),
            models.CheckConstraint(condition=Q(state__in=STATES), name="adapters_delivery_state"),
        ]
