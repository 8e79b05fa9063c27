"""Planned works, and which of them holds an alarm. The index follows in 0013, beside the work."""

from pathlib import Path

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import linli.kernel.clock
import linli.kernel.ids

SQL = Path(__file__).resolve().parents[1] / "sql"
STATES = ["upcoming", "running", "over", "cancelled"]


class Migration(migrations.Migration):
    dependencies = [("devices", "0011_incident_indexes")]

    operations = [
        migrations.CreateModel(
            name="Maintenance",
            fields=[
                ("id", models.UUIDField(default=linli.kernel.ids.new_id, primary_key=True, serialize=False)),
                ("version", models.PositiveIntegerField(default=1)),
                ("title", models.CharField(max_length=120)),
                ("reason", models.CharField(default="", max_length=1000)),
                ("who", models.CharField(default="", max_length=120)),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                ("state", models.CharField(choices=[(s, s) for s in STATES], default="upcoming", max_length=10)),
                ("area_path", models.CharField(max_length=120)),
                (
                    "device_ids",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.UUIDField(), null=True, size=None
                    ),
                ),
                (
                    "tags",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=40), null=True, size=None
                    ),
                ),
                (
                    "model_codes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=60), null=True, size=None
                    ),
                ),
                ("created_by", models.UUIDField(null=True)),
                ("created_at", models.DateTimeField(default=linli.kernel.clock.now)),
                ("changed_at", models.DateTimeField(default=linli.kernel.clock.now)),
            ],
            options={
                "db_table": "devices_maintenance",
                "indexes": [
                    models.Index(fields=["-starts_at", "-id"], name="devices_maintenance_list"),
                    models.Index(
                        condition=models.Q(("ended_at", None)), fields=["ends_at"], name="devices_maintenance_open"
                    ),
                    models.Index(
                        fields=["area_path"], name="devices_maintenance_area", opclasses=["varchar_pattern_ops"]
                    ),
                ],
            },
        ),
        migrations.AddField(
            "alarm",
            "maintenance",
            models.ForeignKey(
                db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT,
                related_name="+", to="devices.maintenance",
            ),
        ),
        migrations.RunSQL((SQL / "maintenance.sql").read_text(encoding="utf-8"), migrations.RunSQL.noop),
    ]  # fmt: skip
