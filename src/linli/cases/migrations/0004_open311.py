"""Where else a case is handled, and the index behind the list of public steps."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("cases", "0003_side_paths")]

    operations = [
        migrations.AddField(
            model_name="case",
            name="outside_system",
            field=models.CharField(db_default="", default="", max_length=40),
        ),
        migrations.AddField(
            model_name="case",
            name="outside_reference",
            field=models.CharField(db_default="", default="", max_length=80),
        ),
        migrations.AddField(
            model_name="case",
            name="outside_state",
            field=models.CharField(db_default="", default="", max_length=40),
        ),
        migrations.AddField(
            model_name="case",
            name="outside_at",
            field=models.DateTimeField(null=True),
        ),
        AddIndexConcurrently(
            model_name="case",
            index=models.Index(
                models.F("outside_system"),
                models.F("outside_reference"),
                condition=models.Q(("outside_reference", ""), _negated=True),
                name="cases_outside",
            ),
        ),
        AddIndexConcurrently(
            model_name="timelineentry",
            index=models.Index(condition=models.Q(("public", True)), fields=["at", "id"], name="cases_timeline_public"),
        ),
    ]
