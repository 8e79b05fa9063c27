from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('cases', '0008_suggestions'),
    ]

    operations = [
        migrations.AddField(
            model_name='photo',
            name='suggested',
            field=models.JSONField(null=True),
        ),
    ]
