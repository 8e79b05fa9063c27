"""Tables of devices. Places are plain ids and area paths, stamped through `places.facade`; no foreign key leaves."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from linli.kernel import clock, ids

SUBJECTS = ["place", "household", "person", "vehicle"]
ORIGINS = ["pack", "local", "open"]
STATES = ["planned", "active", "maintenance", "retired"]
SEVERITIES = ["info", "warning", "severe", "urgent"]
RULE_KINDS = ["threshold", "duration", "no_data", "terms"]
VERDICTS = ["true", "false", "test"]
OPS = ["gt", "ge", "lt", "le", "eq", "ne"]
COMMAND_STATES = ["queued", "sent", "delivered", "answered", "failed", "expired", "cancelled"]


def _choices(words: list[str]) -> list[tuple[str, str]]:
    return [(w, w) for w in words]


class ThingModel(models.Model):
    """A kind of device, from a pack. `properties` is a list of
    {code, name:{zh,en}, type, unit (UCUM), range, precision, quality, usual}; `subject` decides who may ever see its
    readings. `events` and `commands` are {code, name, parameters}. `translations` tells what a reading of a device that
    speaks an older version is today: version → property → [property, factor, offset] (`things.translations`).
    `origin`: pack (read-only here), local (the district's own: `drafting_models`) or open (`services.open_things`).
    No new device is of a model that is retired; those that are there go on. `kept`: property → [version since, type,
    unit] of all that were ever in force (`thing_diff.kept`)."""

    code = models.CharField(max_length=60, primary_key=True)
    version = models.PositiveIntegerField(default=1)
    name_zh = models.CharField(max_length=80)
    name_en = models.CharField(max_length=80)
    subject = models.CharField(max_length=12, choices=_choices(SUBJECTS))
    category = models.CharField(max_length=40)
    icon = models.CharField(max_length=40, default="sensor")
    interval_s = models.PositiveIntegerField(default=300)
    properties = models.JSONField(default=list)
    attributes = models.JSONField(default=list)
    events = models.JSONField(default=list, db_default=[])
    commands = models.JSONField(default=list, db_default=[])
    translations = models.JSONField(default=dict, db_default={})
    kept = models.JSONField(default=dict, db_default={})
    digest = models.CharField(max_length=64, default="")
    origin = models.CharField(max_length=12, choices=_choices(ORIGINS), default="pack", db_default="pack")
    retired_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "devices_thing_model"


class Device(models.Model):
    """A device in the registry. What the gateway notes about it is in `DeviceStatus`, so that this row stays calm.
    `model_version` is the version of its model that the device itself speaks. A device with `gateway` may speak for
    others: those whose `parent` it is, by the name that it uses for them.
    """

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    code = models.CharField(max_length=80, unique=True)
    name_zh = models.CharField(max_length=120)
    name_en = models.CharField(max_length=120, default="", blank=True)
    model = models.ForeignKey(ThingModel, on_delete=models.PROTECT, related_name="+")
    model_version = models.PositiveIntegerField(default=1, db_default=1)
    state = models.CharField(max_length=12, choices=_choices(STATES), default="active")
    owner_department = models.CharField(max_length=120, default="", blank=True)
    owner_team_id = models.UUIDField(null=True)
    grid_id = models.UUIDField(null=True)
    area_path = models.CharField(max_length=120, default="")
    lon = models.FloatField(null=True)
    lat = models.FloatField(null=True)
    compound_id = models.UUIDField(null=True)
    unit_id = models.UUIDField(null=True)
    tags = ArrayField(models.CharField(max_length=40), default=list)
    attributes_shared = models.JSONField(default=dict)
    attributes_client = models.JSONField(default=dict)
    gateway = models.BooleanField(default=False, db_default=False)
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="+")
    parent_name = models.CharField(max_length=120, default="", db_default="")
    terms = ArrayField(models.TextField(), default=list)
    created_at = models.DateTimeField(default=clock.now)
    updated_at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "devices_device"
        indexes = [
            models.Index(
                fields=["area_path", "code"], opclasses=["varchar_pattern_ops", ""], name="devices_device_area"
            ),
            models.Index(fields=["model", "code"], name="devices_device_model"),
            GinIndex(fields=["terms"], name="devices_device_terms", fastupdate=False),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["parent", "parent_name"], condition=Q(parent__isnull=False), name="devices_device_child"
            )
        ]


class DeviceStatus(models.Model):
    """Last seen and counters, written by `devices_note_gateway` in bulk; no index but the key."""

    device = models.OneToOneField(Device, on_delete=models.CASCADE, primary_key=True, related_name="status")
    last_seen = models.DateTimeField(null=True)
    online_until = models.DateTimeField(null=True)
    connected = models.BooleanField(default=False)
    messages = models.BigIntegerField(default=0)
    points = models.BigIntegerField(default=0)
    bad = models.BigIntegerField(default=0)
    refused = models.BigIntegerField(default=0)
    late = models.BigIntegerField(default=0)
    clamped = models.BigIntegerField(default=0, db_default=0)
    last_error = models.CharField(max_length=200, default="")
    last_error_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "devices_status"


class Credential(models.Model):
    """A device's token as HMAC. The token itself is shown once, when it is made. With a `protocol` it is a station's
    number instead, by which that protocol over TCP knows the device, or a user name and password (`mqtt-basic`),
    or a certificate (`x509`)."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="+")
    token_hash = models.BinaryField()
    hint = models.CharField(max_length=8, default="")
    certificate = models.BinaryField(null=True)
    protocol = models.CharField(max_length=12, default="", db_default="")
    created_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "devices_credential"
        constraints = [models.UniqueConstraint(fields=["token_hash"], name="devices_credential_hash")]
        indexes = [
            models.Index(fields=["device", "created_at"], name="devices_credential_device"),
            models.Index(fields=["expires_at", "id"], condition=Q(protocol="x509"), name="devices_credential_x509"),
        ]


class Command(models.Model):
    """Something that a device was asked to do. `number` is what the device sees; it answers by it.

    queued → sent (written to its connection) → delivered (it acknowledged) → answered or failed (it replied). One way
    ends at delivered. Not sent or not answered by `expires_at` is expired; cancelled only while queued.
    """

    number = models.BigAutoField(primary_key=True)
    id = models.UUIDField(default=ids.new_id, unique=True)
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="+")
    method = models.CharField(max_length=64)
    params = models.JSONField(null=True)
    one_way = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=_choices(COMMAND_STATES), default="queued")
    tries = models.PositiveSmallIntegerField(default=0)
    result = models.JSONField(null=True)
    account_id = models.UUIDField(null=True)
    created_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "devices_command"
        indexes = [
            models.Index(fields=["device", "-number"], name="devices_command_device"),
            models.Index(fields=["device", "number"], condition=Q(ended_at__isnull=True), name="devices_command_open"),
            models.Index(fields=["expires_at"], condition=Q(ended_at__isnull=True), name="devices_command_due"),
        ]


class Rule(models.Model):
    """When a device's readings (or its silence) are an alarm. Every change keeps the old version in `RuleVersion`.

    Rules of one comparison or of silence stand in plain columns. Those of the kind `terms` have a `condition`
    (`conditions.py`), and `property` is then that of their first term.
    """

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    code = models.CharField(max_length=80, unique=True)
    version = models.PositiveIntegerField(default=1)
    title_zh = models.CharField(max_length=120)
    title_en = models.CharField(max_length=120)
    model = models.ForeignKey(ThingModel, on_delete=models.PROTECT, related_name="+")
    property = models.CharField(max_length=60, default="", blank=True)
    kind = models.CharField(max_length=12, choices=_choices(RULE_KINDS))
    op = models.CharField(max_length=2, choices=_choices(OPS), default="", blank=True)
    value = models.FloatField(null=True)
    clear_value = models.FloatField(null=True)
    duration_s = models.PositiveIntegerField(default=0)
    no_data_s = models.PositiveIntegerField(default=0)
    reraise_s = models.PositiveIntegerField(default=60)
    condition = models.JSONField(null=True)
    severity = models.CharField(max_length=8, choices=_choices(SEVERITIES))
    area_path = models.CharField(max_length=120, default="", blank=True)
    device_ids = ArrayField(models.UUIDField(), null=True)
    case = models.JSONField(null=True)
    enabled = models.BooleanField(default=True)
    illustrative = models.BooleanField(default=False)
    owner_department = models.CharField(max_length=120, default="", db_default="", blank=True)
    origin = models.CharField(max_length=12, default="local")
    digest = models.CharField(max_length=64, default="")
    updated_at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "devices_rule"


class RuleVersion(models.Model):
    """A rule as it was from `at` on: the whole body, and who wrote it."""

    rule = models.ForeignKey(Rule, on_delete=models.CASCADE, related_name="+")
    version = models.PositiveIntegerField()
    body = models.JSONField()
    actor = models.CharField(max_length=80)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "devices_rule_version"
        constraints = [models.UniqueConstraint(fields=["rule", "version"], name="devices_rule_version_once")]


class Alarm(models.Model):
    """One occurrence of a rule at a device. Written by `devices_alarms_apply` (sense) and by services (people).

    `started_at` is when the condition began, `raised_at` when the rule held: the readings' own times. `severity_at` is
    when its severity last rose or came down.
    One active a device and rule; one row an occurrence, ever.
    """

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="+")
    rule = models.ForeignKey(Rule, on_delete=models.PROTECT, related_name="+")
    rule_version = models.PositiveIntegerField()
    severity = models.CharField(max_length=8, choices=_choices(SEVERITIES))
    title_zh = models.CharField(max_length=120)
    title_en = models.CharField(max_length=120)
    property = models.CharField(max_length=60, default="")
    value = models.FloatField(null=True)
    cleared_value = models.FloatField(null=True)
    started_at = models.DateTimeField()
    raised_at = models.DateTimeField()
    cleared_at = models.DateTimeField(null=True)
    clear_reason = models.CharField(max_length=20, default="")
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.UUIDField(null=True)
    shelved_until = models.DateTimeField(null=True)
    severity_at = models.DateTimeField(null=True)
    area_path = models.CharField(max_length=120, default="")
    grid_id = models.UUIDField(null=True)
    lon = models.FloatField(null=True)
    lat = models.FloatField(null=True)
    created_at = models.DateTimeField(default=clock.now)
    changed_at = models.DateTimeField(default=clock.now)
    # of a storm (services/incidents): no constraint, since rows of this table are made and ended many at once
    incident = models.ForeignKey("Incident", on_delete=models.PROTECT, null=True, related_name="+",
                                 db_constraint=False, db_index=False)  # fmt: skip
    maintenance = models.ForeignKey("Maintenance", on_delete=models.PROTECT, null=True, related_name="+",
                                    db_constraint=False, db_index=False)  # fmt: skip
    verdict = models.CharField(max_length=8, choices=_choices(VERDICTS), default="", db_default="")
    judged_at = models.DateTimeField(null=True)
    judged_by = models.UUIDField(null=True)
    looked_at = models.DateTimeField(null=True)
    apart = models.BooleanField(default=False, db_default=False)
    # who has it (services/assigning), and since when it waits for somebody (services/escalating)
    assignee_id = models.UUIDField(null=True)
    team_id = models.UUIDField(null=True)
    assigned_at = models.DateTimeField(null=True)
    taken_at = models.DateTimeField(null=True)
    waits_from = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "devices_alarm"
        constraints = [
            models.UniqueConstraint(
                fields=["device", "rule"], condition=Q(cleared_at=None), name="devices_alarm_one_active"
            ),
            models.UniqueConstraint(fields=["device", "rule", "started_at"], name="devices_alarm_occurrence"),
        ]
        indexes = [
            models.Index(fields=["-raised_at", "-id"], name="devices_alarm_list"),
            models.Index(fields=["-raised_at", "-id"], condition=Q(cleared_at=None), name="devices_alarm_active"),
            models.Index(fields=["device", "-raised_at", "-id"], name="devices_alarm_device"),
            models.Index(fields=["area_path"], opclasses=["varchar_pattern_ops"], name="devices_alarm_area"),
            models.Index(
                fields=["created_at"], condition=Q(cleared_at=None, looked_at=None), name="devices_alarm_fresh"
            ),
            models.Index(
                fields=["incident", "-raised_at", "-id"], condition=Q(incident__isnull=False),
                name="devices_alarm_incident",
            ),
            models.Index(
                fields=["maintenance"], condition=Q(cleared_at=None, maintenance__isnull=False),
                name="devices_alarm_maintenance",
            ),
            models.Index(
                fields=["incident"], condition=Q(cleared_at=None, incident__isnull=False),
                name="devices_alarm_in_incident",
            ),
            models.Index(
                fields=["assignee_id", "-raised_at", "-id"], condition=Q(cleared_at=None, assignee_id__isnull=False),
                name="devices_alarm_assignee",
            ),
            models.Index(
                fields=["team_id", "-raised_at", "-id"], condition=Q(cleared_at=None, team_id__isnull=False),
                name="devices_alarm_team",
            ),
        ]  # fmt: skip


class AlarmNote(models.Model):
    """What people did with an alarm (acknowledge, shelve, clear, comment), and its severity's changes. Append-only."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    alarm = models.ForeignKey(Alarm, on_delete=models.CASCADE, related_name="+")
    at = models.DateTimeField(default=clock.now)
    account_id = models.UUIDField(null=True)
    kind = models.CharField(max_length=12)
    text = models.CharField(max_length=1000, default="")

    class Meta:
        db_table = "devices_alarm_note"
        indexes = [models.Index(fields=["alarm", "at"], name="devices_alarm_note_alarm")]


class SenseLease(models.Model):
    """Who evaluates a partition of the stream, under which epoch, and the state it last saved."""

    partition = models.PositiveSmallIntegerField(primary_key=True)
    owner = models.CharField(max_length=120, default="")
    epoch = models.BigIntegerField(default=0)
    expires_at = models.DateTimeField()
    sequence = models.BigIntegerField(default=0)
    state = models.BinaryField(null=True)
    saved_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "devices_sense_lease"


class SenseMember(models.Model):
    """A running sense process: leases are shared out evenly over those seen lately."""

    owner = models.CharField(max_length=120, primary_key=True)
    seen_at = models.DateTimeField()

    class Meta:
        db_table = "devices_sense_member"


# Django finds a room's tables by importing this module.
from linli.devices.desk_models import Assignment, Escalation  # noqa: E402
from linli.devices.drafting_models import MigratedDevice, ModelDraft, ModelMigration, ModelVersion  # noqa: E402
from linli.devices.firmware_models import Campaign, Firmware, Update  # noqa: E402
from linli.devices.importing_models import DeviceImport, ImportedRow  # noqa: E402
from linli.devices.incident_models import Incident, IncidentNote  # noqa: E402
from linli.devices.joining_models import Claim, ClaimTry, Provisioned, ProvisioningProfile, Refusal  # noqa: E402
from linli.devices.maintenance_models import Maintenance  # noqa: E402

__all__ = [
    "Assignment", "Campaign", "Claim", "ClaimTry", "DeviceImport", "Escalation", "Firmware", "ImportedRow", "Incident",
    "IncidentNote", "Maintenance", "MigratedDevice", "ModelDraft", "ModelMigration", "ModelVersion", "Provisioned",
    "ProvisioningProfile", "Refusal", "Update",
]  # fmt: skip
