"""What SensorThings holds and the registry cannot. Rows of devices are kept in step by triggers (`sql/follow.sql`).

Devices are plain ids: no foreign key leaves. `area_path` says who may see and change a row; '' is everybody's.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from linli.kernel import clock


class Entity(models.Model):
    """What all have."""

    id = models.BigAutoField(primary_key=True)
    area_path = models.CharField(max_length=120, default="", db_default="")
    name = models.TextField(default="")
    description = models.TextField(default="")
    properties = models.JSONField(null=True)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        abstract = True


class Thing(Entity):
    device_id = models.UUIDField(null=True, unique=True)

    class Meta:
        db_table = "sta_thing"
        indexes = [models.Index(fields=["area_path"], opclasses=["varchar_pattern_ops"], name="sta_thing_area")]


class Location(Entity):
    """`device_id`: the point of that device in the registry. `lon` and `lat` are those of a point."""

    device_id = models.UUIDField(null=True, unique=True)
    encoding_type = models.TextField(default="application/geo+json")
    location = models.JSONField()
    lon = models.FloatField(null=True)
    lat = models.FloatField(null=True)

    class Meta:
        db_table = "sta_location"
        indexes = [models.Index(fields=["area_path"], opclasses=["varchar_pattern_ops"], name="sta_location_area")]


class ThingLocation(models.Model):
    thing = models.ForeignKey(Thing, on_delete=models.CASCADE, related_name="+")
    location = models.ForeignKey(Location, on_delete=models.CASCADE, related_name="+")

    class Meta:
        db_table = "sta_thing_location"
        constraints = [models.UniqueConstraint(fields=["thing", "location"], name="sta_thing_location_once")]


class HistoricalLocation(models.Model):
    id = models.BigAutoField(primary_key=True)
    thing = models.ForeignKey(Thing, on_delete=models.CASCADE, related_name="+")
    time = models.DateTimeField()

    class Meta:
        db_table = "sta_historical_location"


class PastLocation(models.Model):
    past = models.ForeignKey(HistoricalLocation, on_delete=models.CASCADE, related_name="+")
    location = models.ForeignKey(Location, on_delete=models.CASCADE, related_name="+")

    class Meta:
        db_table = "sta_past_location"
        constraints = [models.UniqueConstraint(fields=["past", "location"], name="sta_past_location_once")]


class Sensor(Entity):
    """`model_code`: the thing model it is."""

    model_code = models.CharField(max_length=60, null=True, unique=True)
    encoding_type = models.TextField(default="")
    metadata = models.JSONField(default=str)

    class Meta:
        db_table = "sta_sensor"


class ObservedProperty(Entity):
    """`key`: code and name of the property of thing models that it is."""

    key = models.TextField(null=True, unique=True)
    definition = models.TextField(default="")

    class Meta:
        db_table = "sta_observed_property"


class Feature(Entity):
    """`location_id`: made of that Location, for observations that name no feature."""

    location_id = models.BigIntegerField(null=True, unique=True)
    encoding_type = models.TextField(default="application/geo+json")
    feature = models.JSONField()
    lon = models.FloatField(null=True)
    lat = models.FloatField(null=True)

    class Meta:
        db_table = "sta_feature"


class Datastream(Entity):
    """A property of a device. `gone`: deleted here, though the thing model still has the property. `own`: made here;
    the times are then those of its observations, else history tells them. `feature_id`: what its plain readings are
    of."""

    thing = models.ForeignKey(Thing, on_delete=models.CASCADE, related_name="+")
    sensor = models.ForeignKey(Sensor, on_delete=models.CASCADE, related_name="+")
    observed_property = models.ForeignKey(ObservedProperty, on_delete=models.CASCADE, related_name="+")
    feature = models.ForeignKey(Feature, on_delete=models.SET_NULL, null=True, related_name="+")
    device_id = models.UUIDField(null=True)
    property = models.CharField(max_length=64, default="")
    own = models.BooleanField(default=False, db_default=False)
    gone = models.BooleanField(default=False, db_default=False)
    observation_type = models.TextField(default="")
    unit = models.JSONField(default=dict)
    observed_area = models.JSONField(null=True)
    phenomenon_start = models.DateTimeField(null=True)
    phenomenon_end = models.DateTimeField(null=True)
    result_start = models.DateTimeField(null=True)
    result_end = models.DateTimeField(null=True)

    class Meta:
        db_table = "sta_datastream"
        constraints = [models.UniqueConstraint(fields=["device_id", "property"], name="sta_datastream_series")]
        indexes = [models.Index(fields=["area_path"], opclasses=["varchar_pattern_ops"], name="sta_datastream_area")]


class Observation(models.Model):
    """An observation that is more than a reading: a text, an interval, a quality, a second one at the same time, ….

    `t` is the start in ms when it was made, part of its id. `kept_at`: there is a reading of it at that time (ms) in
    history, too, marked so that it counts once. `bare`: it was a plain reading, and keeps that id.
    """

    id = models.BigAutoField(primary_key=True)
    datastream = models.ForeignKey(Datastream, on_delete=models.CASCADE, related_name="+")
    feature = models.ForeignKey(Feature, on_delete=models.CASCADE, null=True, related_name="+")
    t = models.BigIntegerField()
    kept_at = models.BigIntegerField(null=True)
    bare = models.BooleanField(default=False)
    phenomenon_start = models.DateTimeField()
    phenomenon_end = models.DateTimeField()
    result = models.JSONField(null=True)
    result_time = models.DateTimeField(null=True)
    valid_start = models.DateTimeField(null=True)
    valid_end = models.DateTimeField(null=True)
    quality = models.JSONField(null=True)
    parameters = models.JSONField(null=True)

    class Meta:
        db_table = "sta_observation"
        constraints = [
            models.UniqueConstraint(
                fields=["datastream", "kept_at"], condition=Q(kept_at__isnull=False), name="sta_observation_kept"
            )
        ]
        indexes = [models.Index(fields=["datastream", "phenomenon_start", "id"], name="sta_observation_series")]


class Told(models.Model):
    """When a message of MQTT that names no time came first: told again, it is the same observation. Kept two days."""

    key = models.BinaryField(primary_key=True)
    at = models.BigIntegerField()
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "sta_told"
        indexes = [models.Index(fields=["created_at"], name="sta_told_created")]
