"""Tables of the kernel. Outbox, inbox, audit and idempotency rows are written in the caller's transaction."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models

from linli.kernel import clock, ids


class OutboxEvent(models.Model):
    """An event that its transaction promises; the relay publishes rows that are `not sent` (never `id > last`)."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    type = models.CharField(max_length=64)
    envelope = models.JSONField()
    created_at = models.DateTimeField(default=clock.now)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "kernel_outbox"
        indexes = [
            models.Index(fields=["created_at", "id"], name="kernel_outbox_unsent", condition=models.Q(sent_at=None)),
            models.Index(fields=["sent_at"], name="kernel_outbox_sent"),
        ]


class EventStream(models.Model):
    """Which stream the sent rows of the outbox went to. Another `life` means that NATS lost it (see `relay`)."""

    name = models.CharField(max_length=40, primary_key=True)
    life = models.CharField(max_length=40)

    class Meta:
        db_table = "kernel_stream"


class InboxEvent(models.Model):
    """A consumer's mark that it has had an event: written in the same transaction as the effect."""

    consumer = models.CharField(max_length=80)
    event_id = models.UUIDField()
    at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "kernel_inbox"
        constraints = [models.UniqueConstraint(fields=["consumer", "event_id"], name="kernel_inbox_once")]
        indexes = [models.Index(fields=["at"], name="kernel_inbox_age")]


class AuditRow(models.Model):
    """One act. Append-only: a trigger refuses update and delete. `seq` orders rows; seals cover ranges of it."""

    seq = models.BigAutoField(primary_key=True)
    id = models.UUIDField(default=ids.new_id, unique=True)
    at = models.DateTimeField(default=clock.now)
    actor = models.CharField(max_length=80)
    action = models.CharField(max_length=80)
    kind = models.CharField(max_length=40)
    ref = models.CharField(max_length=80)
    area_path = models.CharField(max_length=120, default="")
    detail = models.JSONField(default=dict)

    class Meta:
        db_table = "kernel_audit"
        indexes = [
            models.Index(fields=["kind", "ref", "seq"], name="kernel_audit_ref"),
            models.Index(fields=["actor", "seq"], name="kernel_audit_actor"),
        ]


class IdempotencyRow(models.Model):
    """The answer once given to a write that carried an Idempotency-Key."""

    scope = models.CharField(max_length=120)
    key = models.CharField(max_length=120)
    request_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    content_type = models.CharField(max_length=100, default="")
    body = models.BinaryField(null=True)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "kernel_idempotency"
        constraints = [models.UniqueConstraint(fields=["scope", "key"], name="kernel_idempotency_once")]
        indexes = [models.Index(fields=["created_at"], name="kernel_idempotency_age")]


class ParkedEvent(models.Model):
    """An event that a consumer failed on again and again: set aside, visible, and run again when asked."""

    consumer = models.CharField(max_length=80)
    event_id = models.UUIDField()
    envelope = models.JSONField()
    error = models.TextField()
    attempts = models.PositiveIntegerField()
    at = models.DateTimeField(default=clock.now)
    done_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "kernel_parked"
        constraints = [models.UniqueConstraint(fields=["consumer", "event_id"], name="kernel_parked_once")]
        indexes = [models.Index(fields=["-at", "-id"], name="kernel_parked_at")]


class AuditSeal(models.Model):
    """A Merkle seal over audit rows `first_seq..last_seq`. `head` chains on `previous` and leaves the database."""

    number = models.BigAutoField(primary_key=True)
    first_seq = models.BigIntegerField()
    last_seq = models.BigIntegerField()
    count = models.PositiveIntegerField()
    root = models.CharField(max_length=64)
    leaves = models.BinaryField()
    previous = models.CharField(max_length=64)
    head = models.CharField(max_length=64, unique=True)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "kernel_audit_seal"


class PersonalRead(models.Model):
    """Somebody opened personal fields (or was refused). One row a list; residents can see the rows about them."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    at = models.DateTimeField(default=clock.now)
    actor = models.CharField(max_length=80)
    account_id = models.UUIDField(null=True)
    subject_kind = models.CharField(max_length=60)
    subjects = ArrayField(models.CharField(max_length=80))
    fields = ArrayField(models.CharField(max_length=60))
    purpose = models.CharField(max_length=60)
    reason = models.CharField(max_length=500, default="")
    refused = models.BooleanField(default=False)
    area_path = models.CharField(max_length=120, default="")

    class Meta:
        db_table = "kernel_personal_read"
        indexes = [
            GinIndex(fields=["subjects"], name="kernel_personal_subjects"),
            models.Index(fields=["-at", "-id"], name="kernel_personal_at"),
        ]


class StoredFile(models.Model):
    """A file of the store. It is served only if the check of its owner kind says yes."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    key = models.CharField(max_length=200, unique=True)
    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField()
    content_type = models.CharField(max_length=100)
    owner_kind = models.CharField(max_length=40)
    owner_ref = models.CharField(max_length=80)
    created_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "kernel_file"
        indexes = [
            models.Index(fields=["owner_kind", "owner_ref"], name="kernel_file_owner"),
            models.Index(
                fields=["expires_at"], name="kernel_file_expiry", condition=models.Q(expires_at__isnull=False)
            ),
        ]
