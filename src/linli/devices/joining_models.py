"""Tables of how a device joins: provisioning with a key, and claiming by a person."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from linli.kernel import clock, ids


class ProvisioningProfile(models.Model):
    """By its key and secret devices register themselves: as what, whose, where, how many and until when.

    With `creates` a new name becomes a device, else only codes that were registered before are let in. `claimable`:
    what it makes belongs to nobody and is planned until a person claims it. The secret is kept as HMAC.
    """

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    key = models.CharField(max_length=40, unique=True)
    secret_hash = models.BinaryField()
    hint = models.CharField(max_length=8, default="")
    name_zh = models.CharField(max_length=120)
    name_en = models.CharField(max_length=120, default="", blank=True)
    model = models.ForeignKey("devices.ThingModel", on_delete=models.PROTECT, related_name="+")
    owner_department = models.CharField(max_length=120, default="", blank=True)
    owner_team_id = models.UUIDField(null=True)
    grid_id = models.UUIDField(null=True)
    area_path = models.CharField(max_length=120)
    creates = models.BooleanField(default=True)
    claimable = models.BooleanField(default=False)
    gateways = models.BooleanField(default=False)
    max_devices = models.PositiveIntegerField()
    expires_at = models.DateTimeField(null=True)
    enabled = models.BooleanField(default=True)
    ended_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=clock.now)
    updated_at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "devices_provisioning_profile"
        indexes = [
            models.Index(fields=["area_path"], opclasses=["varchar_pattern_ops"], name="devices_provisioning_area")
        ]


class Provisioned(models.Model):
    """A device that got its credential by a profile, or may: until `open_until` it may ask (again). A person's word
    (`forced`) holds also for one that has spoken; else only who never spoke gets a second answer."""

    device = models.OneToOneField("devices.Device", on_delete=models.CASCADE, primary_key=True, related_name="+")
    profile = models.ForeignKey(ProvisioningProfile, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField(null=True)
    open_until = models.DateTimeField()
    forced = models.BooleanField(default=False)

    class Meta:
        db_table = "devices_provisioned"
        indexes = [
            models.Index(fields=["-at", "-device"], condition=Q(at__isnull=False), name="devices_provisioned_list")
        ]


class Refusal(models.Model):
    """A name that a profile refused, and why: how often, first and last. `device` is the one of that name, if any; the
    name '' stands for all beyond the 500 that a profile keeps."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    profile = models.ForeignKey(ProvisioningProfile, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=120)
    reason = models.CharField(max_length=24)
    device = models.ForeignKey("devices.Device", on_delete=models.CASCADE, null=True, related_name="+")
    count = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField(default=clock.now)
    last_at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "devices_provision_refusal"
        constraints = [
            models.UniqueConstraint(fields=["profile", "name", "reason"], name="devices_provision_refusal_once")
        ]
        indexes = [models.Index(fields=["-last_at", "-id"], name="devices_provision_refusal_list")]


class Claim(models.Model):
    """What a device said about being claimed, and who did. The secret is kept as HMAC until it expires or is used;
    `tries` are wrong ones. `before` is where and whose the device was, to give it back."""

    device = models.OneToOneField("devices.Device", on_delete=models.CASCADE, primary_key=True, related_name="+")
    secret_hash = models.BinaryField(null=True)
    expires_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    asked_at = models.DateTimeField(default=clock.now)
    claimed_at = models.DateTimeField(null=True)
    claimed_by = models.UUIDField(null=True)
    before = models.JSONField(null=True)

    class Meta:
        db_table = "devices_claim"
        indexes = [models.Index(fields=["-asked_at", "-device"], name="devices_claim_list")]


class ClaimTry(models.Model):
    """A wrong claim of somebody, kept for an hour."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    account_id = models.UUIDField()
    at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "devices_claim_try"
        indexes = [models.Index(fields=["account_id", "at"], name="devices_claim_try_account")]
