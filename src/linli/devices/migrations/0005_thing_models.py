from pathlib import Path

from django.db import migrations, models

SQL = Path(__file__).resolve().parents[1] / "sql"
# Devices that are there speak the version that their model now has.
SPEAK = """
UPDATE devices_device d SET model_version = m.version FROM devices_thing_model m
WHERE m.code = d.model_id AND d.model_version <> m.version
"""


class Migration(migrations.Migration):
    dependencies = [("devices", "0004_stations")]

    operations = [
        migrations.AddField("thingmodel", "events", models.JSONField(default=list, db_default=[])),
        migrations.AddField("thingmodel", "commands", models.JSONField(default=list, db_default=[])),
        migrations.AddField("thingmodel", "translations", models.JSONField(default=dict, db_default={})),
        migrations.AddField("device", "model_version", models.PositiveIntegerField(default=1, db_default=1)),
        migrations.RunSQL(SPEAK, migrations.RunSQL.noop),
        migrations.RunSQL((SQL / "registry.sql").read_text(encoding="utf-8"), migrations.RunSQL.noop),
    ]
