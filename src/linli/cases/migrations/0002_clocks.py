"""What clocks keep of a case: when they stood still and why, which notices were given, when the next is due."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("cases", "0001_initial")]
    operations = [
        migrations.AddField(model_name="case", name="pauses", field=models.JSONField(db_default=[], default=list)),
        migrations.AddField(model_name="case", name="told", field=models.JSONField(db_default={}, default=dict)),
        migrations.AddField(model_name="case", name="notice_at", field=models.DateTimeField(null=True)),
        AddIndexConcurrently(
            model_name="case",
            index=models.Index(
                models.F("notice_at"), condition=models.Q(("notice_at__isnull", False)), name="cases_notice"
            ),
        ),
    ]
