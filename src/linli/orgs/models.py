"""Tables of orgs."""

from __future__ import annotations

from django.db import models

from linli.kernel import clock, ids


class Centre(models.Model):
    """A centre or sub-centre: a workspace over an area."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    code = models.CharField(max_length=40, unique=True)
    kind = models.CharField(max_length=20, default="centre")
    name_zh = models.CharField(max_length=80)
    name_en = models.CharField(max_length=80, default="", blank=True)
    area_path = models.CharField(max_length=120, default="", blank=True)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "orgs_centre"
        indexes = [models.Index(fields=["area_path"], name="orgs_centre_area", opclasses=["text_pattern_ops"])]


class Team(models.Model):
    """People who handle tasks together in an area."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    code = models.CharField(max_length=40, unique=True)
    kind = models.CharField(max_length=30)
    name_zh = models.CharField(max_length=80)
    name_en = models.CharField(max_length=80, default="", blank=True)
    area_path = models.CharField(max_length=120, default="", blank=True)
    centre = models.ForeignKey(Centre, on_delete=models.PROTECT, null=True, related_name="+")
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "orgs_team"
        indexes = [models.Index(fields=["area_path"], name="orgs_team_area", opclasses=["text_pattern_ops"])]


class Membership(models.Model):
    """An account's place in a team."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="members")
    account = models.ForeignKey("identity.Account", on_delete=models.CASCADE, related_name="+")
    lead = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "orgs_membership"
        constraints = [models.UniqueConstraint(fields=["team", "account"], name="orgs_membership_once")]
