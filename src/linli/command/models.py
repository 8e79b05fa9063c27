"""Tables of command."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from linli.kernel import clock, ids

STATES = ("draft", "handed", "taken")


class Handover(models.Model):
    """What one shift leaves to the next in an area. `lines` are as they stood when the note was handed over."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    area_path = models.CharField(max_length=120, default="", blank=True)
    state = models.CharField(max_length=8, default="draft")
    by = models.UUIDField(null=True)
    taken_by = models.UUIDField(null=True)
    note = models.TextField(default="", blank=True)
    lines = models.JSONField(default=list)
    created_at = models.DateTimeField(default=clock.now)
    handed_at = models.DateTimeField(null=True)
    taken_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "command_handover"
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="command_handover_at"),
            models.Index(fields=["area_path"], name="command_handover_area", opclasses=["text_pattern_ops"]),
        ]
        constraints = [
            models.UniqueConstraint("by", "area_path", name="command_one_draft", condition=Q(state="draft")),
            models.CheckConstraint(condition=Q(state__in=STATES), name="command_handover_state"),
        ]
