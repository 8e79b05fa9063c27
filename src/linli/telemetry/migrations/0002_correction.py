import linli.kernel.clock
import linli.kernel.ids
from django.db import migrations, models
from django.db.models import Q

ACTS = ["remove", "replace", "flag"]
STATES = ["doing", "done", "undoing", "undone"]


class Migration(migrations.Migration):
    dependencies = [("telemetry", "0001_bench_run")]

    operations = [
        migrations.CreateModel(
            name="Correction",
            fields=[
                ("id", models.UUIDField(default=linli.kernel.ids.new_id, primary_key=True, serialize=False)),
                ("device_id", models.UUIDField()),
                ("property", models.CharField(max_length=60)),
                ("start", models.DateTimeField()),
                ("end", models.DateTimeField()),
                ("act", models.CharField(choices=[(a, a) for a in ACTS], max_length=8)),
                ("factor", models.FloatField(null=True)),
                ("offset", models.FloatField(null=True)),
                ("low", models.FloatField(null=True)),
                ("high", models.FloatField(null=True)),
                ("reason", models.CharField(max_length=500)),
                ("state", models.CharField(choices=[(s, s) for s in STATES], default="doing", max_length=8)),
                ("readings", models.PositiveIntegerField()),
                ("extents", models.JSONField()),
                ("kept", models.BinaryField()),
                ("created_by", models.UUIDField()),
                ("created_at", models.DateTimeField(default=linli.kernel.clock.now)),
                ("done_at", models.DateTimeField(null=True)),
                ("undone_by", models.UUIDField(null=True)),
                ("undone_at", models.DateTimeField(null=True)),
                ("put_back", models.PositiveIntegerField(null=True)),
            ],
            options={
                "db_table": "telemetry_correction",
                "indexes": [
                    models.Index(fields=["device_id", "-created_at", "-id"], name="telemetry_correction_of"),
                    models.Index(fields=["end"], name="telemetry_correction_end"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=Q(state__in=("doing", "undoing")),
                        fields=("device_id", "property"),
                        name="telemetry_correction_one",
                    ),
                ],
            },
        ),
    ]
