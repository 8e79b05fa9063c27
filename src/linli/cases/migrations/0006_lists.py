"""Indexes that lists read alone: in the order of lists, carrying what lists filter by. See docs/performance.md."""

import datetime

from django.contrib.postgres.indexes import GinIndex
from django.db import migrations, models
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce

from linli.kernel.indexes import BuildIndex, DropIndex

LISTED = ("area_path", "state", "class_code", "team_id", "channel", "kind", "urgent", "private", "created_by", "source")
OPEN_LISTED = [*LISTED, "due_at", "claimed_by", "handler_ids"]
MAPPED = ["state", "urgent", "due_at", "area_path", "private", "source", "team_id", "created_by"]
NEWEST, NEWEST_FIRST = (F("created_at").desc(), F("id").desc()), ("-created_at", "-id")
BY_PREFIX = ["text_pattern_ops", "timestamptz_ops", "uuid_ops"]
NEVER = datetime.datetime(9999, 1, 1, tzinfo=datetime.UTC)
KEEP_UP = """ALTER TABLE cases_case SET (autovacuum_vacuum_scale_factor = 0.01,
    autovacuum_vacuum_insert_scale_factor = 0.01, autovacuum_analyze_scale_factor = 0.01)"""
AS_BEFORE = """ALTER TABLE cases_case RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_insert_scale_factor,
    autovacuum_analyze_scale_factor)"""


def listed(*but: str) -> list[str]:
    return [n for n in LISTED if n not in but] + ["closed_at"]


def build(index: models.Index) -> BuildIndex:
    return BuildIndex("case", index)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("cases", "0005_calls")]
    operations = [
        build(models.Index(*NEWEST, name="cases_list", include=listed())),
        build(models.Index(*NEWEST, name="cases_open_list", condition=Q(closed_at=None),
                           include=OPEN_LISTED)),
        build(models.Index(Coalesce("due_at", Value(NEVER)), "id", name="cases_open_due",
                           condition=Q(closed_at=None), include=OPEN_LISTED)),
        build(models.Index(fields=["area_path", *NEWEST_FIRST], opclasses=BY_PREFIX, name="cases_area_list",
                           include=listed("area_path"))),
        build(models.Index(fields=["class_code", *NEWEST_FIRST], opclasses=BY_PREFIX, name="cases_class_list",
                           include=listed("class_code"))),
        build(models.Index("team_id", *NEWEST, name="cases_team_list", condition=Q(team_id__isnull=False),
                           include=listed("team_id"))),
        build(models.Index("channel", *NEWEST, name="cases_channel_list", include=listed("channel"))),
        build(models.Index("state", *NEWEST, name="cases_state_list", condition=~Q(state="closed"),
                           include=listed("state"))),
        build(models.Index("kind", *NEWEST, name="cases_kind_list", condition=~Q(kind="problem"),
                           include=listed("kind"))),
        build(models.Index("created_by", *NEWEST, name="cases_maker", condition=Q(created_by__isnull=False), include=listed("created_by"))),
        build(models.Index("claimed_by", *NEWEST, name="cases_claimer", condition=Q(claimed_by__isnull=False))),
        build(models.Index("x", "y", name="cases_open_cells", condition=Q(closed_at=None), include=MAPPED)),
        build(models.Index("unit_id", *NEWEST, name="cases_unit", condition=Q(unit_id__isnull=False))),
        build(models.Index("source", *NEWEST, name="cases_source", condition=~Q(source="linli"))),
        build(GinIndex(fields=["handler_ids"], name="cases_handlers")),
        DropIndex("case", "cases_newest"),
        DropIndex("case", "cases_state"),
        DropIndex("case", "cases_due_first"),
        DropIndex("case", "cases_area"),
        DropIndex("case", "cases_team"),
        DropIndex("case", "cases_open_xy"),
        migrations.RunSQL(KEEP_UP, AS_BEFORE),  # index-only reads need pages that vacuum has seen
    ]  # fmt: skip
