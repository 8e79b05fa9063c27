"""What the side paths keep of a case: suspension, transfer, extension asked for, mediation, referral, split, follow-up."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("cases", "0002_clocks")]
    operations = [
        migrations.AddField(model_name="case", name="split_from", field=models.UUIDField(null=True)),
        migrations.AddField(model_name="case", name="side", field=models.JSONField(null=True)),
        migrations.AddField(model_name="case", name="recheck_at", field=models.DateTimeField(null=True)),
        migrations.AddField(model_name="case", name="centre_id", field=models.UUIDField(null=True)),
        migrations.AddField(model_name="case", name="satisfaction", field=models.CharField(max_length=12, null=True)),
        AddIndexConcurrently(
            model_name="case",
            index=models.Index(
                models.F("split_from"), condition=models.Q(("split_from__isnull", False)), name="cases_split"
            ),
        ),
    ]
