from django.db import migrations, models

import linli.kernel.clock


class Migration(migrations.Migration):
    dependencies = [("adapters", "0007_sensorthings_follow")]

    operations = [
        migrations.CreateModel(
            name="Told",
            fields=[
                ("key", models.BinaryField(primary_key=True, serialize=False)),
                ("at", models.BigIntegerField()),
                ("created_at", models.DateTimeField(default=linli.kernel.clock.now)),
            ],
            options={
                "db_table": "sta_told",
                "indexes": [models.Index(fields=["created_at"], name="sta_told_created")],
            },
        ),
    ]
