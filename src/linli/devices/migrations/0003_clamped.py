from pathlib import Path

from django.db import migrations, models

SQL = Path(__file__).resolve().parents[1] / "sql"


class Migration(migrations.Migration):
    dependencies = [("devices", "0002_sql")]

    operations = [
        migrations.AddField("devicestatus", "clamped", models.BigIntegerField(default=0, db_default=0)),
        migrations.RunSQL((SQL / "gateway.sql").read_text(encoding="utf-8"), migrations.RunSQL.noop),
        migrations.RunSQL((SQL / "views.sql").read_text(encoding="utf-8"), migrations.RunSQL.noop),
    ]
