from django.db import migrations, models


class Migration(migrations.Migration):
    """Rules have an owner: the department that answers for them."""

    dependencies = [("devices", "0024_kept_units")]

    operations = [
        migrations.AddField(
            model_name="rule",
            name="owner_department",
            field=models.CharField(blank=True, db_default="", default="", max_length=120),
        ),
    ]
