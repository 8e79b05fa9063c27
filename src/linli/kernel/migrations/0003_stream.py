from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('kernel', '0002_guards'),
    ]

    operations = [
        migrations.CreateModel(
            name='EventStream',
            fields=[
                ('name', models.CharField(max_length=40, primary_key=True, serialize=False)),
                ('life', models.CharField(max_length=40)),
            ],
            options={
                'db_table': 'kernel_stream',
            },
        ),
    ]
