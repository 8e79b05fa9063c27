"""Tables of Open311: other endpoints, and what goes to them. Nothing here speaks of a person."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from linli.kernel import clock, ids


class Endpoint(models.Model):
    """Another system that speaks Open311: what it is sent, how it is asked, and how it went."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    name = models.CharField(max_length=80)
    base_url = models.CharField(max_length=300)
    jurisdiction_id = models.CharField(max_length=80, default="")
    api_key = models.BinaryField(null=True)  # sealed
    key_hint = models.CharField(max_length=8, default="")
    format = models.CharField(max_length=4, default="json")
    area_path = models.CharField(max_length=120, default="")  # cases in and below this area
    classes = models.JSONField(default=list)  # [{class, service_code, attributes}], first match
    from_step = models.PositiveSmallIntegerField(default=1)  # sent once the case has come this far
    photos = models.BooleanField(default=True)  # released ones
    updates = models.CharField(max_length=10, default="extension")  # how news is taken back: extension, status, none
    push = models.BooleanField(default=True)  # our own steps are told there
    states_in = models.JSONField(default=dict)  # word → acts, where it differs from the packs
    states_out = models.JSONField(default=dict)
    account_id = models.UUIDField(null=True)  # whose key the other system uses here
    enabled = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=1)
    polled_until = models.DateTimeField(null=True)
    last_success_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=300, default="")
    last_error_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        app_label = "adapters"
        db_table = "open311_endpoint"
        indexes = [models.Index(fields=["-created_at", "-id"], name="open311_endpoint_newest")]


class Outgoing(models.Model):
    """One thing to send to an endpoint: a case as a request, or a step of it as an update. Kept as the proof."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=8)  # request, update
    case_id = models.UUIDField()
    ref = models.UUIDField()  # the case, or the entry of its timeline: what a repeat is known by
    state = models.CharField(max_length=8, default="waiting")  # waiting, sent, failed
    attempts = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(default=clock.now)
    reference = models.CharField(max_length=80, default="")  # the request's number there
    token = models.CharField(max_length=120, default="")  # given instead of the number, to ask for it later
    heard = models.CharField(max_length=200, default="")  # the last status heard of a request
    error = models.CharField(max_length=300, default="")
    created_at = models.DateTimeField(default=clock.now)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "adapters"
        db_table = "open311_outgoing"
        constraints = [models.UniqueConstraint(fields=["endpoint", "kind", "ref"], name="open311_outgoing_once")]
        indexes = [
            models.Index(fields=["endpoint", "created_at", "id"], name="open311_waiting", condition=Q(state="waiting")),
            models.Index(fields=["endpoint", "reference"], name="open311_reference", condition=~Q(reference="")),
            models.Index(fields=["case_id"], name="open311_case"),
        ]
