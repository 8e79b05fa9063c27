from django.db import migrations, models
from django.db.models import Q

from linli.kernel.indexes import BuildIndex


class Migration(migrations.Migration):
    """Of alarms that nobody has looked at, and of incidents. Built beside the work: the table is never locked."""

    atomic = False
    dependencies = [("devices", "0010_incidents")]

    operations = [
        BuildIndex(
            "alarm",
            models.Index(
                fields=["created_at"], condition=Q(cleared_at=None, looked_at=None), name="devices_alarm_fresh"
            ),
        ),
        BuildIndex(
            "alarm",
            models.Index(
                fields=["incident", "-raised_at", "-id"],
                condition=Q(incident__isnull=False),
                name="devices_alarm_incident",
            ),
        ),
        BuildIndex(
            "alarm",
            models.Index(
                fields=["incident"],
                condition=Q(cleared_at=None, incident__isnull=False),
                name="devices_alarm_in_incident",
            ),
        ),
    ]
