"""The SensorThings rows of devices follow the registry. The text is in adapters/sensorthings/sql."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parents[1] / "sensorthings" / "sql" / "follow.sql"


class Migration(migrations.Migration):
    dependencies = [("adapters", "0006_sensorthings"), ("devices", "0004_stations")]

    operations = [migrations.RunSQL(SQL.read_text(encoding="utf-8"), migrations.RunSQL.noop)]
