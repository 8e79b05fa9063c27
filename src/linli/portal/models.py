"""Tables of the portal: what was sent with which form, how often from where, and who asked to be told by e-mail.

None holds a clear address.
"""

from __future__ import annotations

from django.db import models

from linli.kernel import clock, ids
from linli.kernel.personal import PersonalField


class Submission(models.Model):
    """One form that was sent, so that sending it again reports once.

    `receipt` opens only with the form's nonce, which only the sender's browser has; here is but its hash.
    """

    nonce_hash = models.BinaryField(primary_key=True)
    receipt = models.BinaryField(default=b"")
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "portal_submission"
        indexes = [models.Index(fields=["created_at"], name="portal_submission_age")]


class Count(models.Model):
    """How often something was done in an hour under a key: the keyed hash of an address, never the address."""

    key = models.BinaryField()
    hour = models.DateTimeField()
    count = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "portal_count"
        constraints = [models.UniqueConstraint(fields=["key", "hour"], name="portal_count_once")]
        indexes = [models.Index(fields=["hour"], name="portal_count_age")]


class Alert(models.Model):
    """A wish to be told by e-mail: of an area and class, or of one's own ticket. It counts once it was confirmed.

    The row goes when the wish ends. Its links carry signatures made from its id; no token is stored.
    """

    PERSONAL_SINCE = "renewed_at"

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    address = PersonalField(
        category="email", purposes=("confirm_alert", "case_news"), basis="consent", retention_days=730,
        blind_index=True,
    )  # fmt: skip
    area_code = models.CharField(max_length=24, default="")  # a community's, or empty: the whole district
    big_class = models.CharField(max_length=12, default="")
    ticket = models.UUIDField(null=True)
    language = models.CharField(max_length=10, default="zh-hans")
    created_at = models.DateTimeField(default=clock.now)
    confirmed_at = models.DateTimeField(null=True)
    renewed_at = models.DateTimeField(default=clock.now)
    told_until = models.DateTimeField(default=clock.now)
    failures = models.PositiveSmallIntegerField(default=0)

    class Meta:
        db_table = "portal_alert"
        indexes = [
            models.Index(fields=["id"], name="portal_alert_live", condition=models.Q(confirmed_at__isnull=False)),
            models.Index(fields=["ticket"], name="portal_alert_ticket", condition=models.Q(ticket__isnull=False)),
            models.Index(
                fields=["created_at"], name="portal_alert_unsure", condition=models.Q(confirmed_at__isnull=True)
            ),
        ]

    def personal_consent(self, purpose: str) -> bool:
        """Asking to be told is consent to be asked whether one meant it; the rest needs the answer."""
        return purpose == "confirm_alert" or self.confirmed_at is not None
