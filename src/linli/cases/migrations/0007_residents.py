from django.db import migrations, models


class Migration(migrations.Migration):
    """Covered copies of pictures. Nullable, so that the version that serves meanwhile goes on writing."""

    dependencies = [
        ("cases", "0006_lists"),
    ]

    operations = [
        migrations.AddField("photo", "original_file_id", models.UUIDField(null=True)),
    ]
