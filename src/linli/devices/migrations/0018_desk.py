"""Who has an alarm or an incident, and who was told of it in time. Indexes of the alarms follow, beside the work.

`waits_from` of what stands already is the moment of this migration: nobody is told of old alarms all at once.
"""

from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q
from django.db.models.functions import Now

import linli.kernel.clock
import linli.kernel.ids

SQL = Path(__file__).resolve().parents[1] / "sql"
ACTS = ["take", "hand_over", "give_back", "undo"]

def of(what):
    return models.ForeignKey(
        db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to=f"devices.{what}"
    )


class Migration(migrations.Migration):
    dependencies = [("devices", "0017_rule_kinds")]

    operations = [
        migrations.AddField("alarm", "assignee_id", models.UUIDField(null=True)),
        migrations.AddField("alarm", "team_id", models.UUIDField(null=True)),
        migrations.AddField("alarm", "assigned_at", models.DateTimeField(null=True)),
        migrations.AddField("alarm", "taken_at", models.DateTimeField(null=True)),
        migrations.AddField("alarm", "waits_from", models.DateTimeField(db_default=Now())),
        migrations.AddField("incident", "assignee_id", models.UUIDField(null=True)),
        migrations.AddField("incident", "team_id", models.UUIDField(null=True)),
        migrations.AddField("incident", "assigned_at", models.DateTimeField(null=True)),
        migrations.AddField("incident", "taken_at", models.DateTimeField(null=True)),
        migrations.AddField("incident", "waits_from", models.DateTimeField(db_default=Now())),
        migrations.CreateModel(
            name="Assignment",
            fields=[
                ("id", models.UUIDField(default=linli.kernel.ids.new_id, primary_key=True, serialize=False)),
                ("alarm", of("alarm")),
                ("incident", of("incident")),
                ("at", models.DateTimeField(default=linli.kernel.clock.now)),
                ("account_id", models.UUIDField(null=True)),
                ("kind", models.CharField(choices=[(a, a) for a in ACTS], max_length=12)),
                ("from_assignee_id", models.UUIDField(null=True)),
                ("from_team_id", models.UUIDField(null=True)),
                ("assignee_id", models.UUIDField(null=True)),
                ("team_id", models.UUIDField(null=True)),
                ("acknowledged", models.BooleanField(default=False)),
                ("text", models.CharField(default="", max_length=1000)),
                ("undone_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "devices_assignment",
                "indexes": [
                    models.Index(
                        fields=["alarm", "at"], condition=Q(alarm__isnull=False), name="devices_assignment_alarm_at"
                    ),
                    models.Index(
                        fields=["incident", "at"],
                        condition=Q(incident__isnull=False),
                        name="devices_assignment_storm_at",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Escalation",
            fields=[
                ("id", models.UUIDField(default=linli.kernel.ids.new_id, primary_key=True, serialize=False)),
                ("alarm", of("alarm")),
                ("incident", of("incident")),
                ("policy", models.CharField(max_length=64)),
                ("step", models.CharField(max_length=80)),
                ("until", models.CharField(max_length=12)),
                ("to", models.CharField(max_length=40)),
                ("due_at", models.DateTimeField()),
                ("at", models.DateTimeField()),
                ("people", models.PositiveIntegerField(default=0)),
                ("raised_from", models.CharField(default="", max_length=8)),
                ("raised_to", models.CharField(default="", max_length=8)),
            ],
            options={
                "db_table": "devices_escalation",
                "constraints": [
                    models.UniqueConstraint(
                        fields=["alarm", "step"],
                        condition=Q(alarm__isnull=False),
                        name="devices_escalation_alarm_once",
                    ),
                    models.UniqueConstraint(
                        fields=["incident", "step"],
                        condition=Q(incident__isnull=False),
                        name="devices_escalation_storm_once",
                    ),
                ],
            },
        ),
        migrations.RunSQL((SQL / "desk.sql").read_text(encoding="utf-8"), migrations.RunSQL.noop),
    ]
