from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parents[1] / "sql"


class Migration(migrations.Migration):
    """A retired thing model takes no new device: the table itself refuses it."""

    dependencies = [("devices", "0022_model_drafts")]

    operations = [
        migrations.RunSQL((SQL / name).read_text(encoding="utf-8"), migrations.RunSQL.noop)
        for name in ("provisioning.sql", "retired.sql")
    ]
