from django.db import migrations, models


class Migration(migrations.Migration):
    """What each property of a thing model ever meant; a model without a note is known by its versions and as it is."""

    dependencies = [("devices", "0023_retired_models")]

    operations = [
        migrations.AddField(
            model_name="thingmodel", name="kept", field=models.JSONField(db_default={}, default=dict)
        ),
    ]
