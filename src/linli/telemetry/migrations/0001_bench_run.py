import linli.kernel.clock
import linli.kernel.ids
from django.db import migrations, models
from django.db.models import Q

STATES = ["queued", "running", "done", "failed", "cancelled"]


class Migration(migrations.Migration):
    initial = True
    dependencies: list[tuple[str, str]] = []

    operations = [
        migrations.CreateModel(
            name="BenchRun",
            fields=[
                ("id", models.UUIDField(default=linli.kernel.ids.new_id, primary_key=True, serialize=False)),
                ("created_by", models.UUIDField()),
                ("created_at", models.DateTimeField(default=linli.kernel.clock.now)),
                ("rule_id", models.UUIDField(null=True)),
                ("ask", models.JSONField()),
                ("digest", models.CharField(max_length=64)),
                ("held", models.JSONField(default=list)),
                ("state", models.CharField(choices=[(s, s) for s in STATES], default="queued", max_length=10)),
                ("total", models.BigIntegerField(default=0)),
                ("judged", models.BigIntegerField(default=0)),
                ("result", models.JSONField(null=True)),
                ("reason", models.CharField(default="", max_length=60)),
                ("seen_at", models.DateTimeField(default=linli.kernel.clock.now)),
                ("ended_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "telemetry_bench_run",
                "indexes": [
                    models.Index(fields=["created_by", "-created_at", "-id"], name="telemetry_bench_mine"),
                    models.Index(fields=["seen_at"], condition=Q(ended_at=None), name="telemetry_bench_open"),
                ],
            },
        ),
    ]
