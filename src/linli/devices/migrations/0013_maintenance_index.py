from django.db import migrations, models
from django.db.models import Q

from linli.kernel.indexes import BuildIndex


class Migration(migrations.Migration):
    """Of alarms that planned works hold. Built beside the work: the table is never locked."""

    atomic = False
    dependencies = [("devices", "0012_maintenance")]

    operations = [
        BuildIndex(
            "alarm",
            models.Index(
                fields=["maintenance"],
                condition=Q(cleared_at=None, maintenance__isnull=False),
                name="devices_alarm_maintenance",
            ),
        ),
    ]
