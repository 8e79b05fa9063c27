"""Cases are vacuumed after some thousands of changes, not after a fifth of all: lists and maps read their indexes alone,
and every page that was changed since the last vacuum makes them look into the table again (docs/performance.md). With so
few dead rows PostgreSQL leaves the indexes out."""

from django.db import migrations

OPTIONS = ("autovacuum_vacuum_scale_factor", "autovacuum_vacuum_insert_scale_factor")


class Migration(migrations.Migration):
    dependencies = [("cases", "0012_routing")]
    operations = [
        migrations.RunSQL(
            "ALTER TABLE cases_case SET ({})".format(
                ", ".join([*(f"{name} = 0" for name in OPTIONS), "autovacuum_vacuum_threshold = 2000",
                           "autovacuum_vacuum_insert_threshold = 2000"])
            ),
            "ALTER TABLE cases_case RESET ({})".format(
                ", ".join([*OPTIONS, "autovacuum_vacuum_threshold", "autovacuum_vacuum_insert_threshold"])
            ),
        )
    ]  # fmt: skip
