from pathlib import Path

from django.db import migrations

SQL = Path(__file__).resolve().parents[1] / "sql"


class Migration(migrations.Migration):
    """Rules that ask what is usual, of other devices or of a figure made of several: processes of before get none."""

    dependencies = [("devices", "0016_firmware")]

    operations = [
        migrations.RunSQL((SQL / "rules.sql").read_text(encoding="utf-8"), migrations.RunSQL.noop),
    ]
