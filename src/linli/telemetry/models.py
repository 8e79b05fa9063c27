"""Drafts of rules tried on the past, and corrections of readings. Readings themselves live in the history store."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from linli.kernel import clock, ids

BENCH_STATES = ["queued", "running", "done", "failed", "cancelled"]


class BenchRun(models.Model):
    """A draft rule that the process `jobs` judges over the past, for one account.

    `ask` is what was asked, with the rule's version and the span as they stood then; `held` the permissions that the
    caller had (a key may have fewer than its account). `seen_at` is the last sign of life while it runs.
    """

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    created_by = models.UUIDField()
    created_at = models.DateTimeField(default=clock.now)
    rule_id = models.UUIDField(null=True)
    ask = models.JSONField()
    digest = models.CharField(max_length=64)
    held = models.JSONField(default=list)
    state = models.CharField(max_length=10, choices=[(s, s) for s in BENCH_STATES], default="queued")
    total = models.BigIntegerField(default=0)
    judged = models.BigIntegerField(default=0)
    result = models.JSONField(null=True)
    reason = models.CharField(max_length=60, default="")
    seen_at = models.DateTimeField(default=clock.now)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "telemetry_bench_run"
        indexes = [
            models.Index(fields=["created_by", "-created_at", "-id"], name="telemetry_bench_mine"),
            models.Index(fields=["seen_at"], condition=Q(ended_at=None), name="telemetry_bench_open"),
        ]


CORRECTION_ACTS = ["remove", "replace", "flag"]
CORRECTION_STATES = ["doing", "done", "undoing", "undone"]


class Correction(models.Model):
    """Readings of a span that somebody took out, replaced or marked as doubtful, and why.

    `kept` holds the readings as they were (`corrected.packed`), from before the first of them is touched until raw
    readings of the span are no longer kept. `extents`: their lowest and highest value before and after. While the
    state is doing or undoing, the process `jobs` is at it, or comes back to it.
    """

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    device_id = models.UUIDField()
    property = models.CharField(max_length=60)
    start = models.DateTimeField()
    end = models.DateTimeField()
    act = models.CharField(max_length=8, choices=[(a, a) for a in CORRECTION_ACTS])
    factor = models.FloatField(null=True)
    offset = models.FloatField(null=True)
    low = models.FloatField(null=True)
    high = models.FloatField(null=True)
    reason = models.CharField(max_length=500)
    state = models.CharField(max_length=8, choices=[(s, s) for s in CORRECTION_STATES], default="doing")
    readings = models.PositiveIntegerField()
    extents = models.JSONField()
    kept = models.BinaryField()
    created_by = models.UUIDField()
    created_at = models.DateTimeField(default=clock.now)
    done_at = models.DateTimeField(null=True)
    undone_by = models.UUIDField(null=True)
    undone_at = models.DateTimeField(null=True)
    put_back = models.PositiveIntegerField(null=True)

    class Meta:
        db_table = "telemetry_correction"
        constraints = [
            models.UniqueConstraint(
                fields=["device_id", "property"], condition=Q(state__in=("doing", "undoing")),
                name="telemetry_correction_one",
            ),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["device_id", "-created_at", "-id"], name="telemetry_correction_of"),
            models.Index(fields=["end"], name="telemetry_correction_end"),
        ]
