import linli.kernel.clock
import linli.kernel.ids
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('cases', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='reporter',
            name='follower',
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.CreateModel(
            name='ClassModel',
            fields=[
                ('id', models.UUIDField(default=linli.kernel.ids.new_id, primary_key=True, serialize=False)),
                ('language', models.CharField(max_length=4)),
                ('trained_at', models.DateTimeField(default=linli.kernel.clock.now)),
                ('cases', models.PositiveIntegerField()),
                ('classes', models.PositiveIntegerField()),
                ('measured', models.JSONField(default=dict)),
                ('weights', models.BinaryField()),
            ],
            options={
                'db_table': 'cases_class_model',
                'indexes': [models.Index(fields=['language', '-trained_at'], name='cases_class_model_new')],
            },
        ),
    ]
