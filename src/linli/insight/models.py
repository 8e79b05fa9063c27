"""Facts per case, and their sums per area, team, class and day. All can be made anew from the cases at any time."""

from __future__ import annotations

from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from linli.kernel import clock, ids

NOBODY = UUID(int=0)  # no team


class Fact(models.Model):
    """What a case counts for on a day and for a team: positions of `rules.facts.MEASURES`."""

    pk = models.CompositePrimaryKey("case_id", "day", "team_id")
    case_id = models.UUIDField()
    day = models.DateField()
    team_id = models.UUIDField(default=NOBODY)
    area_path = models.CharField(max_length=120)
    class_code = models.CharField(max_length=12)
    big_class = models.CharField(max_length=12)
    marks = ArrayField(models.SmallIntegerField())
    hours = models.PositiveIntegerField(default=0)
    spot = models.CharField(max_length=40, default="")  # of complaints, to see those that come again

    class Meta:
        db_table = "insight_fact"
        indexes = [
            models.Index(fields=["-day", "-case_id"], name="insight_fact_day"),
            models.Index(
                fields=["area_path", "-day"], opclasses=["text_pattern_ops", "date_ops"], name="insight_fact_area"
            ),
            models.Index(fields=["team_id", "-day"], name="insight_fact_team"),
        ]


class OwnFact(models.Model):
    """What an account did itself. Read by that account and its lead only; never summed over people, never ranked."""

    pk = models.CompositePrimaryKey("case_id", "day", "account_id")
    case_id = models.UUIDField()
    day = models.DateField()
    account_id = models.UUIDField()
    marks = ArrayField(models.SmallIntegerField())

    class Meta:
        db_table = "insight_own"
        indexes = [models.Index(fields=["account_id", "-day"], name="insight_own_account")]


class Cell(models.Model):
    """Sums of a day for an area with all below it: over all, of one team, of one class or of one big class."""

    pk = models.CompositePrimaryKey("area_path", "team_id", "class_code", "day")
    area_path = models.CharField(max_length=120)
    team_id = models.UUIDField()
    class_code = models.CharField(max_length=12)
    day = models.DateField()
    n = ArrayField(models.IntegerField())

    class Meta:
        db_table = "insight_cube"


class Dirty(models.Model):
    """A case to count anew."""

    case_id = models.UUIDField(primary_key=True)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "insight_dirty"


class Due(models.Model):
    """When a case counts otherwise with nobody doing anything: its next deadline."""

    case_id = models.UUIDField(primary_key=True)
    at = models.DateTimeField()

    class Meta:
        db_table = "insight_due"
        indexes = [models.Index(fields=["at"], name="insight_due_at")]


class Progress(models.Model):
    """One row: how far the count of all cases has come, and when figures were last brought up to date."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    after = models.UUIDField(null=True)
    complete = models.BooleanField(default=False)
    rolled_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "insight_progress"


BULLETIN_STATES = ("draft", "issued", "withdrawn")


class Bulletin(models.Model):
    """通报: words on an area and a period, with the figures of the moment in which they were drafted. Names no person
    but those who issued it."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    number = models.CharField(max_length=16, null=True, unique=True)  # given when it is issued
    year = models.PositiveSmallIntegerField(null=True)
    serial = models.PositiveIntegerField(null=True)
    area_path = models.CharField(max_length=120, default="", blank=True)
    period = models.CharField(max_length=8, default="", blank=True)
    start = models.DateField()
    end = models.DateField()
    state = models.CharField(max_length=10, default="draft")
    public = models.BooleanField(default=False)  # may be published: small counts are withheld
    title = models.JSONField(default=dict)  # {zh, en}
    sections = models.JSONField(default=list)  # [{code, heading: {zh, en}, zh, en}]
    figures = models.JSONField(default=dict)  # what was counted: {items, late, places, league, supervision, at}
    centres = models.JSONField(default=list)  # [{id, zh, en}] to which it was sent
    version = models.PositiveIntegerField(default=1)
    by = models.UUIDField(null=True)
    created_at = models.DateTimeField(default=clock.now)
    issued_by = models.UUIDField(null=True)
    issued_at = models.DateTimeField(null=True)
    withdrawn_by = models.UUIDField(null=True)
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_why = models.CharField(max_length=400, default="", blank=True)

    class Meta:
        db_table = "insight_bulletin"
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="insight_bulletin_at"),
            models.Index(fields=["area_path"], name="insight_bulletin_area", opclasses=["text_pattern_ops"]),
        ]
        constraints = [
            models.UniqueConstraint("year", "serial", name="insight_bulletin_serial", condition=Q(year__isnull=False)),
            models.CheckConstraint(condition=Q(state__in=BULLETIN_STATES), name="insight_bulletin_state"),
        ]
