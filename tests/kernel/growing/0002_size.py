from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("staticfiles", "0001_initial")]
    operations = [migrations.AddField("thing", "size", models.IntegerField(default=0, db_default=0))]
