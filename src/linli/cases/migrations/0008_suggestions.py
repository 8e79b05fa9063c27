import django.contrib.postgres.fields
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
        migrations.CreateModel(
            name='ImportBatch',
            fields=[
                ('id', models.UUIDField(default=linli.kernel.ids.new_id, primary_key=True, serialize=False)),
                ('created_by', models.UUIDField(null=True)),
                ('created_at', models.DateTimeField(default=linli.kernel.clock.now)),
                ('name', models.CharField(default='', max_length=120)),
                ('sha256', models.CharField(max_length=64)),
                ('state', models.CharField(max_length=8)),
                ('rows', models.PositiveIntegerField(default=0)),
                ('made', models.PositiveIntegerField(default=0)),
                ('refused', models.PositiveIntegerField(default=0)),
                ('cancelled', models.PositiveIntegerField(default=0)),
                ('errors', models.JSONField(default=list)),
                ('todo', models.JSONField(default=list)),
                ('case_ids', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), default=list, size=None)),
                ('finished_at', models.DateTimeField(null=True)),
                ('undo_until', models.DateTimeField(null=True)),
            ],
            options={
                'db_table': 'cases_import',
                'indexes': [models.Index(fields=['created_by', '-created_at', '-id'], name='cases_import_mine'), models.Index(fields=['sha256'], name='cases_import_file')],
            },
        ),
    ]
