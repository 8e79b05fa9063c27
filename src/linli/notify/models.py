"""Tables of notify: what a person chose, and notices that wait for their letter."""

from __future__ import annotations

from datetime import time

from django.db import models

from linli.kernel import clock, ids
from linli.kernel.personal import PersonalField
from linli.notify.rules import Hours


class Choice(models.Model):
    """How one member of staff has their notices. Without a row, or without a confirmed address: on the screen only."""

    PERSONAL_SINCE = "renewed_at"

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    account = models.OneToOneField("identity.Account", on_delete=models.CASCADE, related_name="+")
    address = PersonalField(
        category="email", purposes=("confirm_staff_mail", "staff_notice"), basis="consent", retention_days=730
    )
    address_no = models.PositiveIntegerField(default=0)  # a link that confirms is of one address only
    channels = models.JSONField(default=dict)  # kind → mail or digest; what is left out: on the screen only
    quiet_from = models.TimeField(null=True)
    quiet_until = models.TimeField(null=True)
    digest_at = models.TimeField(default=time(8))
    created_at = models.DateTimeField(default=clock.now)
    renewed_at = models.DateTimeField(default=clock.now)
    confirmed_at = models.DateTimeField(null=True)
    asked = models.JSONField(default=list)  # when letters that ask were sent, of the last day
    failures = models.PositiveSmallIntegerField(default=0)

    class Meta:
        db_table = "notify_choice"

    @property
    def hours(self) -> Hours:
        return Hours(self.quiet_from, self.quiet_until, self.digest_at)

    def personal_consent(self, purpose: str) -> bool:
        """Entering an address is consent to one letter that asks; the rest needs the answer."""
        return purpose == "confirm_staff_mail" or self.confirmed_at is not None


class Waiting(models.Model):
    """A notice that waits for its letter; the row goes when the letter went out."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    choice = models.ForeignKey(Choice, on_delete=models.CASCADE, related_name="+")
    event_id = models.UUIDField()
    kind = models.CharField(max_length=12)
    case_id = models.UUIDField()
    number = models.CharField(max_length=24)
    area_path = models.CharField(max_length=120, default="", blank=True)
    permission = models.CharField(max_length=40, default="", blank=True)  # empty: as one of the case's team
    stage = models.CharField(max_length=12, default="", blank=True)
    urgent = models.BooleanField(default=False)
    due_at = models.DateTimeField(null=True)
    at = models.DateTimeField()
    daily = models.BooleanField(default=False)
    not_before = models.DateTimeField()

    class Meta:
        db_table = "notify_waiting"
        constraints = [models.UniqueConstraint(fields=["choice", "event_id"], name="notify_waiting_once")]
        indexes = [models.Index(fields=["not_before"], name="notify_waiting_due")]
