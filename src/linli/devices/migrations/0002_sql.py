"""Views and functions of the hot path. Their text is in devices/sql; each file can be run again."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parents[1] / "sql"
FILES = ["views.sql", "gateway.sql", "leases.sql", "alarms.sql"]


class Migration(migrations.Migration):
    dependencies = [("devices", "0001_initial"), ("kernel", "0001_initial")]

    operations = [
        migrations.RunSQL((SQL / name).read_text(encoding="utf-8"), migrations.RunSQL.noop) for name in FILES
    ]
