"""Tables of intake hooks."""

from __future__ import annotations

from django.db import models

from linli.kernel import clock, ids
from linli.kernel.personal import PersonalField


class IntakeHook(models.Model):
    """One entry point of the district. Its code is in its address; the secret (or WeChat's token) is sealed."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    code = models.CharField(max_length=24, unique=True)
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=8)  # json, wechat
    channel = models.CharField(max_length=24)  # what its cases are said to have come by: webhook, wechat
    area_path = models.CharField(max_length=120)  # takes nothing from outside of it
    mapping = models.JSONField(default=dict)  # see `rules`
    secret = models.BinaryField()
    prior_secret = models.BinaryField(null=True)  # counts beside the new one until `prior_until`
    prior_until = models.DateTimeField(null=True)
    enabled = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1)
    last_success_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        app_label = "adapters"
        db_table = "intake_hook"
        indexes = [models.Index(fields=["-created_at", "-id"], name="intake_hook_newest")]

    @property
    def path(self) -> str:
        """Where messages go, below the platform's address."""
        return f"/intake/{self.code}"


class IntakeDelivery(models.Model):
    """One message and what came of it: never its words, nor who sent it."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    hook = models.ForeignKey(IntakeHook, on_delete=models.CASCADE, related_name="+")
    outcome = models.CharField(max_length=12)  # see `rules.OUTCOMES`
    status = models.PositiveSmallIntegerField()
    errors = models.JSONField(default=list)  # [{field, reason}]
    mark = models.BinaryField(null=True)  # keyed hash of the message's id: a repeat is known by it
    answer = models.BinaryField(null=True)  # sealed, for a repeat within a day
    case_id = models.UUIDField(null=True)
    number = models.CharField(max_length=32, default="")
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        app_label = "adapters"
        db_table = "intake_delivery"
        indexes = [
            models.Index(fields=["hook", "-created_at", "-id"], include=["outcome"], name="intake_delivery_log"),
            models.Index(fields=["created_at"], name="intake_delivery_old"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["hook", "mark"], name="intake_delivery_once", condition=models.Q(mark__isnull=False)
            )
        ]


class IntakeTalk(models.Model):
    """A report that somebody is still writing in WeChat. Gone when it is filed, given up, or half an hour old."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    hook = models.ForeignKey(IntakeHook, on_delete=models.CASCADE, related_name="+")
    who = models.BinaryField()  # keyed hash of the OpenID, which itself is not kept
    draft = PersonalField(category="text", purposes=("finish_report",), basis="duty", retention_days=1)
    case_id = models.UUIDField(null=True)  # once filed: pictures that follow belong to it
    number = models.CharField(max_length=32, default="")
    area_path = models.CharField(max_length=120, default="")
    created_at = models.DateTimeField(default=clock.now)
    updated_at = models.DateTimeField(default=clock.now)

    class Meta:
        app_label = "adapters"
        db_table = "intake_talk"
        constraints = [models.UniqueConstraint(fields=["hook", "who"], name="intake_talk_one")]
        indexes = [models.Index(fields=["updated_at"], name="intake_talk_old")]
