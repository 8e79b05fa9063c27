from django.db import migrations, models

INDEX = """
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS devices_device_child ON devices_device (parent_id, parent_name)
WHERE parent_id IS NOT NULL
"""


class Migration(migrations.Migration):
    """A gateway's name for a child is one device's. Apart, since the registry is not locked while it is built."""

    atomic = False
    dependencies = [("devices", "0006_talk")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(INDEX, "DROP INDEX CONCURRENTLY IF EXISTS devices_device_child"),
            ],
            state_operations=[
                migrations.AddConstraint(
                    "device",
                    models.UniqueConstraint(
                        fields=["parent", "parent_name"],
                        condition=models.Q(parent__isnull=False),
                        name="devices_device_child",
                    ),
                )
            ],
        )
    ]
