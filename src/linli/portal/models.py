"""Tables of the portal: what was sent with which form, and how often from where. Neither holds a clear address."""

from __future__ import annotations

from django.db import models

from linli.kernel import clock


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
