from django.db import migrations, models
from django.db.models import Q

from linli.kernel.indexes import BuildIndex


class Migration(migrations.Migration):
    """Of devices that joined, of claims and of certificates. Built beside the work: no table is locked."""

    atomic = False
    dependencies = [("devices", "0020_refusals")]

    operations = [
        BuildIndex(
            "provisioned",
            models.Index(fields=["-at", "-device"], condition=Q(at__isnull=False), name="devices_provisioned_list"),
        ),
        BuildIndex("claim", models.Index(fields=["-asked_at", "-device"], name="devices_claim_list")),
        BuildIndex(
            "credential",
            models.Index(fields=["expires_at", "id"], condition=Q(protocol="x509"), name="devices_credential_x509"),
        ),
        BuildIndex("update", models.Index(fields=["device", "-changed_at", "-id"], name="devices_update_device")),
    ]
