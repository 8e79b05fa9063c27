"""Tables of the alarm desk: who has an alarm or an incident, and who was told that nobody did."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from linli.kernel import clock, ids

ACTS = ["take", "hand_over", "give_back", "undo"]


def _of(what: str) -> models.ForeignKey:
    """Its index is one of those below."""
    return models.ForeignKey(f"devices.{what}", on_delete=models.CASCADE, null=True, db_index=False, related_name="+")


class Assignment(models.Model):
    """One act: who had an alarm, or an incident as a whole, before it and after it. Append-only but for `undone_at`.

    `acknowledged`: whoever took it had seen it, and this act said so.
    """

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    alarm = _of("Alarm")
    incident = _of("Incident")
    at = models.DateTimeField(default=clock.now)
    account_id = models.UUIDField(null=True)
    kind = models.CharField(max_length=12, choices=[(a, a) for a in ACTS])
    from_assignee_id = models.UUIDField(null=True)
    from_team_id = models.UUIDField(null=True)
    assignee_id = models.UUIDField(null=True)
    team_id = models.UUIDField(null=True)
    acknowledged = models.BooleanField(default=False)
    text = models.CharField(max_length=1000, default="")
    undone_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "devices_assignment"
        indexes = [
            models.Index(fields=["alarm", "at"], condition=Q(alarm__isnull=False), name="devices_assignment_alarm_at"),
            models.Index(
                fields=["incident", "at"], condition=Q(incident__isnull=False), name="devices_assignment_storm_at"
            ),
        ]


class Escalation(models.Model):
    """A step of a policy that was told: one row an alarm (or incident) and step, whatever dies and starts again.

    `step` is `until:minutes:to`, `people` how many were told by name (0: all who may act there). `raised_from` and
    `raised_to`: the severities, where the step raised it.
    """

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    alarm = _of("Alarm")
    incident = _of("Incident")
    policy = models.CharField(max_length=64)
    step = models.CharField(max_length=80)
    until = models.CharField(max_length=12)
    to = models.CharField(max_length=40)
    due_at = models.DateTimeField()
    at = models.DateTimeField()
    people = models.PositiveIntegerField(default=0)
    raised_from = models.CharField(max_length=8, default="")
    raised_to = models.CharField(max_length=8, default="")

    class Meta:
        db_table = "devices_escalation"
        constraints = [
            models.UniqueConstraint(
                fields=["alarm", "step"], condition=Q(alarm__isnull=False), name="devices_escalation_alarm_once"
            ),
            models.UniqueConstraint(
                fields=["incident", "step"], condition=Q(incident__isnull=False), name="devices_escalation_storm_once"
            ),
        ]
