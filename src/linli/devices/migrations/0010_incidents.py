"""Storms: incidents, and the columns of alarms that belong to them. The indexes follow in 0011, beside the work."""

from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models

import linli.kernel.clock
import linli.kernel.ids

SQL = Path(__file__).resolve().parents[1] / "sql"


def _note() -> migrations.CreateModel:
    return migrations.CreateModel(
        name="IncidentNote",
        fields=[
            ("id", models.UUIDField(default=linli.kernel.ids.new_id, primary_key=True, serialize=False)),
            ("at", models.DateTimeField(default=linli.kernel.clock.now)),
            ("account_id", models.UUIDField(null=True)),
            ("kind", models.CharField(max_length=12)),
            ("text", models.CharField(default="", max_length=1000)),
            ("until", models.DateTimeField(null=True)),
            ("alarm_id", models.UUIDField(null=True)),
            ("alarms", models.PositiveIntegerField(default=0)),
            ("undone_at", models.DateTimeField(null=True)),
            (
                "incident",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="+", to="devices.incident"
                ),
            ),
        ],
        options={
            "db_table": "devices_incident_note",
            "indexes": [models.Index(fields=["incident", "at"], name="devices_incident_note_at")],
        },
    )


def _incident() -> migrations.CreateModel:
    return migrations.CreateModel(
        name="Incident",
        fields=[
            ("id", models.UUIDField(default=linli.kernel.ids.new_id, primary_key=True, serialize=False)),
            (
                "root",
                models.CharField(choices=[("gateway", "gateway"), ("tag", "tag"), ("place", "place")], max_length=12),
            ),
            ("key", models.CharField(max_length=160)),
            ("nature", models.CharField(max_length=40)),
            ("name_zh", models.CharField(max_length=160)),
            ("name_en", models.CharField(max_length=160)),
            ("title_zh", models.CharField(max_length=120)),
            ("title_en", models.CharField(max_length=120)),
            ("severity", models.CharField(max_length=8)),
            ("alarms", models.PositiveIntegerField(default=0)),
            ("devices", models.PositiveIntegerField(default=0)),
            ("area_path", models.CharField(default="", max_length=120)),
            ("lon", models.FloatField(null=True)),
            ("lat", models.FloatField(null=True)),
            ("began_at", models.DateTimeField()),
            ("last_at", models.DateTimeField()),
            ("ended_at", models.DateTimeField(null=True)),
            ("shelved_until", models.DateTimeField(null=True)),
            ("created_at", models.DateTimeField(default=linli.kernel.clock.now)),
            ("changed_at", models.DateTimeField(default=linli.kernel.clock.now)),
            (
                "device",
                models.ForeignKey(
                    null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="devices.device"
                ),
            ),
        ],
        options={
            "db_table": "devices_incident",
            "indexes": [
                models.Index(fields=["-created_at", "-id"], name="devices_incident_list"),
                models.Index(
                    condition=models.Q(("ended_at", None)), fields=["-created_at", "-id"], name="devices_incident_open"
                ),
                models.Index(
                    fields=["area_path"], name="devices_incident_area", opclasses=["varchar_pattern_ops"]
                ),
            ],
            "constraints": [
                models.UniqueConstraint(
                    condition=models.Q(("ended_at", None)), fields=("root", "key", "nature"),
                    name="devices_incident_one_open",
                )
            ],
        },
    )  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [("devices", "0009_ladder")]

    operations = [
        _incident(),
        _note(),
        migrations.AddField("alarm", "looked_at", models.DateTimeField(null=True)),
        migrations.AddField("alarm", "apart", models.BooleanField(db_default=False, default=False)),
        migrations.AddField(
            "alarm",
            "incident",
            models.ForeignKey(
                db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT,
                related_name="+", to="devices.incident",
            ),
        ),
        migrations.RunSQL((SQL / "incidents.sql").read_text(encoding="utf-8"), migrations.RunSQL.noop),
    ]  # fmt: skip
