from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models

import linli.kernel.clock
import linli.kernel.ids

SQL = Path(__file__).resolve().parents[1] / "sql"


class Migration(migrations.Migration):
    """Who was refused by a profile, news of campaigns while devices load, and failed devices once more."""

    dependencies = [("devices", "0019_desk_indexes")]

    operations = [
        migrations.CreateModel(
            name="Refusal",
            fields=[
                ("id", models.UUIDField(default=linli.kernel.ids.new_id, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=120)),
                ("reason", models.CharField(max_length=24)),
                ("count", models.PositiveIntegerField(default=1)),
                ("first_at", models.DateTimeField(default=linli.kernel.clock.now)),
                ("last_at", models.DateTimeField(default=linli.kernel.clock.now)),
                (
                    "device",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="devices.device"
                    ),
                ),
                (
                    "profile",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="devices.provisioningprofile",
                    ),
                ),
            ],
            options={
                "db_table": "devices_provision_refusal",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("profile", "name", "reason"), name="devices_provision_refusal_once"
                    )
                ],
                "indexes": [models.Index(fields=["-last_at", "-id"], name="devices_provision_refusal_list")],
            },
        ),
        *(
            migrations.RunSQL((SQL / name).read_text(encoding="utf-8"), migrations.RunSQL.noop)
            for name in ("refusals.sql", "updates_live.sql")
        ),
    ]
