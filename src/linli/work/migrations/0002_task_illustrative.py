from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('work', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='task',
            name='illustrative',
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
