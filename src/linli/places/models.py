"""Tables of places. Geometry is GeoJSON in WGS84; containment is decided when written and stored as grid and path."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from linli.kernel import clock, ids
from linli.places.contracts import DEDICATED, RESPONSIBILITY


class PlacesRevision(models.Model):
    """One row. Its number rises with every change of a grid; in-memory indexes compare it. Locked by grid writes."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    revision = models.BigIntegerField(default=0)
    token = models.UUIDField(default=ids.new_id)  # tells two transactions apart that both made, say, revision 7

    class Meta:
        db_table = "places_revision"


class Grid(models.Model):
    """A grid of level 1 to 4, or the district itself (level 0), valid in [valid_from, valid_to)."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    code = models.CharField(max_length=20)
    segment = models.CharField(max_length=20)
    name_zh = models.CharField(max_length=80)
    name_en = models.CharField(max_length=120, default="", blank=True)
    level = models.PositiveSmallIntegerField()
    kind = models.CharField(
        max_length=16, default=RESPONSIBILITY, choices=[(k, k) for k in (RESPONSIBILITY, DEDICATED)]
    )
    purpose = models.CharField(max_length=24, default="", blank=True)  # dedicated grids: mall, enterprise, school…
    parent = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="+")
    area_path = models.CharField(max_length=120)
    polygon = models.JSONField()
    lon = models.FloatField()
    lat = models.FloatField()
    area_m2 = models.FloatField(default=0)
    valid_from = models.DateTimeField(default=clock.now)
    valid_to = models.DateTimeField(null=True)
    revision = models.BigIntegerField(default=0)

    class Meta:
        db_table = "places_grid"
        constraints = [
            models.UniqueConstraint(fields=["area_path"], condition=models.Q(valid_to=None), name="places_grid_path"),
            models.UniqueConstraint(fields=["code"], condition=models.Q(valid_to=None), name="places_grid_code"),
        ]
        indexes = [
            models.Index(fields=["area_path"], name="places_grid_path_like", opclasses=["text_pattern_ops"]),
            models.Index(fields=["parent"], name="places_grid_parent", condition=models.Q(valid_to=None)),
        ]


class GridChange(models.Model):
    """One split, merge, redraw or move, so that it can be shown and, for a while, undone."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    kind = models.CharField(max_length=16)
    area_path = models.CharField(max_length=120)
    retired = models.JSONField(default=list)  # ids of grids that ended
    created = models.JSONField(default=list)  # ids of grids that began
    reparented = models.JSONField(default=list)  # [child id, its parent before]
    changed = models.JSONField(default=list)  # area changes: old_area, new_area, new_grid_id, polygon or null
    back = models.JSONField(default=list)  # the same, for the way back
    counts = models.JSONField(default=dict)
    actor = models.CharField(max_length=80)
    at = models.DateTimeField(default=clock.now)
    undo_until = models.DateTimeField()
    undone_at = models.DateTimeField(null=True)
    revision = models.BigIntegerField()

    class Meta:
        db_table = "places_gridchange"
        indexes = [models.Index(fields=["-at", "-id"], name="places_gridchange_at")]


class RehomeMove(models.Model):
    """Where one row was before a change of boundaries, so that an undo puts it back exactly."""

    change = models.ForeignKey(GridChange, on_delete=models.CASCADE, related_name="+")
    table = models.CharField(max_length=63)
    row_id = models.CharField(max_length=64)
    old_area = models.CharField(max_length=120)
    old_grid = models.UUIDField(null=True)
    new_area = models.CharField(max_length=120)
    new_grid = models.UUIDField(null=True)

    class Meta:
        db_table = "places_rehomemove"
        indexes = [models.Index(fields=["change", "table", "row_id"], name="places_rehomemove_row")]


class Compound(models.Model):
    """A residential compound (小区)."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    code = models.CharField(max_length=24, unique=True)
    name_zh = models.CharField(max_length=80)
    name_en = models.CharField(max_length=120, default="", blank=True)
    smart = models.BooleanField(default=False)
    funding = models.CharField(max_length=24, default="", blank=True)
    hotline = models.CharField(max_length=24, default="", blank=True)
    lon = models.FloatField()
    lat = models.FloatField()
    polygon = models.JSONField(null=True)
    grid_id = models.UUIDField(null=True)
    area_path = models.CharField(max_length=120)

    class Meta:
        db_table = "places_compound"
        indexes = [models.Index(fields=["area_path"], name="places_compound_area", opclasses=["text_pattern_ops"])]


class Building(models.Model):
    id = models.UUIDField(primary_key=True, default=ids.new_id)
    code = models.CharField(max_length=32, unique=True)
    compound = models.ForeignKey(Compound, on_delete=models.PROTECT, related_name="+")
    name_zh = models.CharField(max_length=40)
    name_en = models.CharField(max_length=60, default="", blank=True)
    floors = models.PositiveSmallIntegerField(default=0)
    lon = models.FloatField()
    lat = models.FloatField()
    polygon = models.JSONField(null=True)
    grid_id = models.UUIDField(null=True)
    area_path = models.CharField(max_length=120)

    class Meta:
        db_table = "places_building"
        indexes = [models.Index(fields=["area_path"], name="places_building_area", opclasses=["text_pattern_ops"])]


class Unit(models.Model):
    """One entrance (单元) of a building; the place a QR code hangs at."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    code = models.CharField(max_length=40, unique=True)
    building = models.ForeignKey(Building, on_delete=models.PROTECT, related_name="+")
    label_zh = models.CharField(max_length=40)
    label_en = models.CharField(max_length=60, default="", blank=True)
    lon = models.FloatField()
    lat = models.FloatField()
    grid_id = models.UUIDField(null=True)
    area_path = models.CharField(max_length=120)
    short_code = models.CharField(max_length=8, unique=True)

    class Meta:
        db_table = "places_unit"
        indexes = [models.Index(fields=["area_path"], name="places_unit_area", opclasses=["text_pattern_ops"])]


class QrCode(models.Model):
    """An unguessable code hung at a unit. A replaced one is kept, so that its scan can say so."""

    code = models.CharField(max_length=32, primary_key=True)
    unit = models.ForeignKey(Unit, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    replaced_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=200, default="", blank=True)

    class Meta:
        db_table = "places_qrcode"
        constraints = [
            models.UniqueConstraint(fields=["unit"], condition=models.Q(replaced_at=None), name="places_qrcode_active")
        ]
