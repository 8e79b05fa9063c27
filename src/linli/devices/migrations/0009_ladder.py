from pathlib import Path

from django.db import migrations, models

SQL = Path(__file__).resolve().parents[1] / "sql"


class Migration(migrations.Migration):
    """An alarm's severity changes while it lasts."""

    dependencies = [("devices", "0008_terms")]

    operations = [
        migrations.AddField("alarm", "severity_at", models.DateTimeField(null=True)),
        migrations.RunSQL((SQL / "ladder.sql").read_text(encoding="utf-8"), migrations.RunSQL.noop),
    ]
