from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("devices", "0003_clamped")]

    operations = [
        migrations.AddField("credential", "protocol", models.CharField(max_length=12, default="", db_default="")),
    ]
