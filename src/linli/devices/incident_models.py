"""Tables of storms: alarms that have one root are one incident (群障)."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from linli.kernel import clock, ids

ROOTS = ["gateway", "tag", "place"]


class Incident(models.Model):
    """Alarms with one root within a window: a gateway, a tag such as a supply line, or a place (`storms.yaml`).

    `key` names the root: a device's id, a tag, an area path. `nature` is `silence`, or the rule whose alarms these are:
    a fire behind a gateway that fell silent is no part of its silence. Open until none of its alarms is active.
    """

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    root = models.CharField(max_length=12, choices=[(r, r) for r in ROOTS])
    key = models.CharField(max_length=160)
    nature = models.CharField(max_length=40)
    device = models.ForeignKey("devices.Device", on_delete=models.PROTECT, null=True, related_name="+")
    name_zh = models.CharField(max_length=160)
    name_en = models.CharField(max_length=160)
    title_zh = models.CharField(max_length=120)
    title_en = models.CharField(max_length=120)
    severity = models.CharField(max_length=8)
    alarms = models.PositiveIntegerField(default=0)
    devices = models.PositiveIntegerField(default=0)
    area_path = models.CharField(max_length=120, default="")
    lon = models.FloatField(null=True)
    lat = models.FloatField(null=True)
    began_at = models.DateTimeField()
    last_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    shelved_until = models.DateTimeField(null=True)
    assignee_id = models.UUIDField(null=True)
    team_id = models.UUIDField(null=True)
    assigned_at = models.DateTimeField(null=True)
    taken_at = models.DateTimeField(null=True)
    waits_from = models.DateTimeField(db_default=Now())
    created_at = models.DateTimeField(default=clock.now)
    changed_at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "devices_incident"
        constraints = [
            models.UniqueConstraint(
                fields=["root", "key", "nature"], condition=Q(ended_at=None), name="devices_incident_one_open"
            )
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="devices_incident_list"),
            models.Index(fields=["-created_at", "-id"], condition=Q(ended_at=None), name="devices_incident_open"),
            models.Index(fields=["area_path"], opclasses=["varchar_pattern_ops"], name="devices_incident_area"),
        ]


class IncidentNote(models.Model):
    """What people did with an incident: acknowledge, shelve, comment, take an alarm out, put it back. What an act
    changed is found by its time and its account, so that it can be undone (`undone_at`)."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    incident = models.ForeignKey(Incident, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField(default=clock.now)
    account_id = models.UUIDField(null=True)
    kind = models.CharField(max_length=12)
    text = models.CharField(max_length=1000, default="")
    until = models.DateTimeField(null=True)
    alarm_id = models.UUIDField(null=True)
    alarms = models.PositiveIntegerField(default=0)
    undone_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "devices_incident_note"
        indexes = [models.Index(fields=["incident", "at"], name="devices_incident_note_at")]
