"""One index of open cases on the map, which pins, clusters, counts and what is near read alone; and one by area. See
docs/performance.md."""

from django.db import migrations, models
from django.db.models import Q

from linli.kernel.indexes import BuildIndex, DropIndex

MAPPED = ["id", "lon", "lat", "state", "step", "urgent", "kind", "class_code", "due_at", "claimed_until", "number",
          "private", "source", "area_path", "team_id", "created_by", "supervised"]  # fmt: skip
BY_AREA = ["created_at", "state", "class_code", "team_id", "channel", "kind", "urgent", "private", "created_by",
           "source", "claimed_by", "handler_ids"]  # fmt: skip


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("cases", "0010_supervision")]
    operations = [
        BuildIndex("case", models.Index("x", "y", name="cases_open_map", condition=Q(closed_at=None), include=MAPPED)),
        BuildIndex(
            "case",
            models.Index(
                fields=["area_path", "due_at", "id"], opclasses=["text_pattern_ops", "timestamptz_ops", "uuid_ops"],
                name="cases_open_area", condition=Q(closed_at=None), include=BY_AREA,
            ),
        ),
        DropIndex("case", "cases_open_cells"),
        DropIndex("case", "cases_open_pins"),
    ]  # fmt: skip
