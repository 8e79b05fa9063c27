from django.db import migrations, models


class Migration(migrations.Migration):
    """Rules have an owner: the department that answers for them."""

    dependencies = [("devices", "0025_device_imports")]

    operations = [
        migrations.AddField(
            model_name="rule",
            name="owner_department",
            field=models.CharField(blank=True, db_default="", default="", max_length=120),
        ),
    ]
