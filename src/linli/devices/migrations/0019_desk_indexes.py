from django.db import migrations, models
from django.db.models import Q

from linli.kernel.indexes import BuildIndex


class Migration(migrations.Migration):
    """Of alarms that somebody has. Built beside the work: the table is never locked."""

    atomic = False
    dependencies = [("devices", "0018_desk")]

    operations = [
        BuildIndex(
            "alarm",
            models.Index(
                fields=["assignee_id", "-raised_at", "-id"],
                condition=Q(cleared_at=None, assignee_id__isnull=False),
                name="devices_alarm_assignee",
            ),
        ),
        BuildIndex(
            "alarm",
            models.Index(
                fields=["team_id", "-raised_at", "-id"],
                condition=Q(cleared_at=None, team_id__isnull=False),
                name="devices_alarm_team",
            ),
        ),
    ]
