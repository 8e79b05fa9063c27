from pathlib import Path

from django.db import migrations, models

SQL = Path(__file__).resolve().parents[1] / "sql"
KINDS = ["threshold", "duration", "no_data", "terms"]


class Migration(migrations.Migration):
    """Rules of several terms: their condition is one column beside the plain ones."""

    dependencies = [("devices", "0007_child")]

    operations = [
        migrations.AddField("rule", "condition", models.JSONField(null=True)),
        migrations.AlterField(
            "rule", "kind", models.CharField(choices=[(kind, kind) for kind in KINDS], max_length=12)
        ),
        migrations.RunSQL((SQL / "rules.sql").read_text(encoding="utf-8"), migrations.RunSQL.noop),
    ]
