from django.db import migrations, models


class Migration(migrations.Migration):
    """What people judged an alarm to have been."""

    dependencies = [("devices", "0013_maintenance_index")]

    operations = [
        migrations.AddField(
            "alarm",
            "verdict",
            models.CharField(
                choices=[("true", "true"), ("false", "false"), ("test", "test")],
                db_default="",
                default="",
                max_length=8,
            ),
        ),
        migrations.AddField("alarm", "judged_at", models.DateTimeField(null=True)),
        migrations.AddField("alarm", "judged_by", models.UUIDField(null=True)),
    ]
