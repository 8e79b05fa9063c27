"""The one table of telemetry: drafts of rules tried on the past. Readings themselves live in the history store."""

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
