"""Tables of cases. Free text is masked at intake; what identifies a reporter lives sealed in `Reporter` only."""

from __future__ import annotations

from datetime import UTC, datetime

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce

from linli.cases.watched import WATCHED
from linli.kernel import clock, ids
from linli.kernel.personal import PersonalField

KINDS = ("problem", "need", "opinion", "device", "patrol")
NEVER = datetime(9999, 1, 1, tzinfo=UTC)  # the deadline of what has none, for sorting
# what lists filter by and what decides who sees a case: carried by the indexes of lists, so that they read no row they
# do not show (docs/decisions, "Lists read their indexes")
LISTED = ("area_path", "state", "class_code", "team_id", "channel", "kind", "urgent", "private", "created_by", "source")
OPEN_LISTED = [*LISTED, "due_at", "claimed_by", "handler_ids"]
MAPPED = ["id", "lon", "lat", "state", "step", "urgent", "kind", "class_code", "due_at", "claimed_until", "number",
          "private", "source", "area_path", "team_id", "created_by", "supervised"]  # fmt: skip
NEWEST, NEWEST_FIRST = (F("created_at").desc(), F("id").desc()), ("-created_at", "-id")
BY_PREFIX = ["text_pattern_ops", "timestamptz_ops", "uuid_ops"]
FINAL = ("closed", "evaluated", "rejected", "cancelled", "merged")


def _but(name: str) -> list[str]:
    return [n for n in LISTED if n != name]


class Case(models.Model):
    """One matter that needs work. Rows of other sources (imports) are read-only and carry their `source`."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    number = models.CharField(max_length=24, unique=True)
    kind = models.CharField(max_length=12)
    class_code = models.CharField(max_length=12, default="")
    condition_no = models.PositiveSmallIntegerField(null=True)
    text = models.TextField(default="")
    address = models.CharField(max_length=240, default="")
    lon = models.FloatField(null=True)
    lat = models.FloatField(null=True)
    x = models.IntegerField(null=True)  # projected metres, for distances
    y = models.IntegerField(null=True)
    grid_id = models.UUIDField(null=True)
    area_path = models.CharField(max_length=120, default="")
    unit_id = models.UUIDField(null=True)
    private = models.BooleanField(default=False)
    channel = models.CharField(max_length=24)
    source = models.CharField(max_length=24, default="linli")
    external_id = models.CharField(max_length=64, default="")
    priority = models.PositiveSmallIntegerField(default=0)
    urgent = models.BooleanField(default=False)
    supervised = models.BooleanField(default=False)
    state = models.CharField(max_length=16)
    step = models.PositiveSmallIntegerField()
    version = models.PositiveIntegerField(default=1)
    created_by = models.UUIDField(null=True)
    team_id = models.UUIDField(null=True)
    task_id = models.UUIDField(null=True)
    handler_ids = ArrayField(models.UUIDField(), default=list)
    verifier_id = models.UUIDField(null=True)
    claimed_by = models.UUIDField(null=True)
    claimed_until = models.DateTimeField(null=True)
    clocks = models.JSONField(default=dict)
    due_at = models.DateTimeField(null=True)  # of the stage whose clock runs
    handle_due_at = models.DateTimeField(null=True)
    pauses = models.JSONField(default=list, db_default=[])  # when clocks stood still, in which state, and why
    told = models.JSONField(default=dict, db_default={})  # per stage: which notices of its clock were given, and when
    notice_at = models.DateTimeField(null=True)  # when the next notice of a clock is to be given
    undo = models.JSONField(null=True)  # how to take the last dispatch back, and until when
    parent = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="+")
    split_from = models.UUIDField(null=True)  # the case of which this one was a part
    side = models.JSONField(null=True)  # what is open on a side path: transfer, extension, mediation, … (services/side)
    recheck_at = models.DateTimeField(null=True)  # when a suspended case is looked at again
    centre_id = models.UUIDField(null=True)  # the centre that took it over; none: that of its area
    satisfaction = models.CharField(max_length=12, null=True)  # what staff heard when they followed up
    me_too = models.PositiveIntegerField(default=0)
    signal_count = models.PositiveIntegerField(default=0)
    rework_count = models.PositiveSmallIntegerField(default=0)
    return_count = models.PositiveSmallIntegerField(default=0)
    reopen_count = models.PositiveSmallIntegerField(default=0)
    score = models.PositiveSmallIntegerField(null=True)
    device_id = models.UUIDField(null=True)
    alarm_id = models.UUIDField(null=True)
    outside_system = models.CharField(max_length=40, default="", db_default="")  # where else it is being handled
    outside_reference = models.CharField(max_length=80, default="", db_default="")  # its number there
    outside_state = models.CharField(max_length=40, default="", db_default="")  # what was last heard from there
    outside_at = models.DateTimeField(null=True)  # when that was so, by the other system's clock
    flags = ArrayField(models.CharField(max_length=32), default=list)
    tokens = ArrayField(models.TextField(), default=list)
    created_at = models.DateTimeField(default=clock.now)
    filed_at = models.DateTimeField(null=True)
    dispatched_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "cases_case"
        indexes = [
            models.Index(*NEWEST, name="cases_list", include=[*LISTED, "closed_at"]),
            models.Index(*NEWEST, name="cases_open_list", condition=Q(closed_at=None), include=OPEN_LISTED),
            models.Index(
                Coalesce("due_at", Value(NEVER)),
                "id",
                name="cases_open_due",
                condition=Q(closed_at=None),
                include=OPEN_LISTED,
            ),
            models.Index(
                "state",
                *NEWEST,
                name="cases_state_list",
                condition=~Q(state="closed"),
                include=[*_but("state"), "closed_at"],
            ),
            models.Index(
                "kind",
                *NEWEST,
                name="cases_kind_list",
                condition=~Q(kind="problem"),
                include=[*_but("kind"), "closed_at"],
            ),
            models.Index(
                fields=["area_path", *NEWEST_FIRST],
                opclasses=BY_PREFIX,
                name="cases_area_list",
                include=[*_but("area_path"), "closed_at"],
            ),
            models.Index(
                fields=["class_code", *NEWEST_FIRST],
                opclasses=BY_PREFIX,
                name="cases_class_list",
                include=[*_but("class_code"), "closed_at"],
            ),
            models.Index(
                "team_id",
                *NEWEST,
                name="cases_team_list",
                condition=Q(team_id__isnull=False),
                include=[*_but("team_id"), "closed_at"],
            ),
            models.Index("channel", *NEWEST, name="cases_channel_list", include=[*_but("channel"), "closed_at"]),
            models.Index(
                "created_by",
                *NEWEST,
                name="cases_maker",
                condition=Q(created_by__isnull=False),
                include=[*_but("created_by"), "closed_at"],
            ),
            models.Index("claimed_by", *NEWEST, name="cases_claimer", condition=Q(claimed_by__isnull=False)),
            models.Index("unit_id", *NEWEST, name="cases_unit", condition=Q(unit_id__isnull=False)),
            models.Index("source", *NEWEST, name="cases_source", condition=~Q(source="linli")),
            GinIndex(fields=["handler_ids"], name="cases_handlers"),
            models.Index(  # pins, clusters, counts and what is near read nothing but this index
                "x", "y", name="cases_open_map", condition=Q(closed_at=None), include=MAPPED
            ),
            models.Index(  # open cases of a grid, in whatever order
                fields=["area_path", "due_at", "id"],
                opclasses=["text_pattern_ops", "timestamptz_ops", "uuid_ops"],
                name="cases_open_area",
                condition=Q(closed_at=None),
                include=["created_at", *_but("area_path"), "claimed_by", "handler_ids"],
            ),
            models.Index("unit_id", name="cases_open_unit", condition=Q(closed_at=None) & Q(unit_id__isnull=False)),
            models.Index("alarm_id", name="cases_alarm", condition=Q(alarm_id__isnull=False)),
            models.Index("device_id", name="cases_device", condition=Q(device_id__isnull=False)),
            models.Index("closed_at", name="cases_closed", condition=Q(closed_at__isnull=False)),
            models.Index("notice_at", name="cases_notice", condition=Q(notice_at__isnull=False)),
            models.Index("parent", name="cases_parent", condition=Q(parent__isnull=False)),
            models.Index("split_from", name="cases_split", condition=Q(split_from__isnull=False)),
            models.Index(
                "outside_system", "outside_reference", name="cases_outside", condition=~Q(outside_reference="")
            ),
            *WATCHED,
            GinIndex(fields=["tokens"], name="cases_words"),
        ]
        constraints = [
            models.UniqueConstraint("source", "external_id", name="cases_external", condition=~Q(external_id="")),
            models.CheckConstraint(condition=Q(kind__in=KINDS), name="cases_kind"),
        ]


class TimelineEntry(models.Model):
    """One change, message or reading of a case. Append-only: a trigger refuses update and delete."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField(default=clock.now)
    actor_kind = models.CharField(max_length=10)
    actor_id = models.UUIDField(null=True)
    act = models.CharField(max_length=32)
    from_state = models.CharField(max_length=16, default="")
    to_state = models.CharField(max_length=16, default="")
    note = models.TextField(default="")
    detail = models.JSONField(default=dict)
    public = models.BooleanField(default=False)  # may be told to whoever follows the ticket

    class Meta:
        db_table = "cases_timeline"
        indexes = [
            models.Index(fields=["case", "at", "id"], name="cases_timeline_case"),
            models.Index(fields=["at", "id"], name="cases_timeline_public", condition=Q(public=True)),
        ]


class Signal(models.Model):
    """What led to a case or was joined to it: a report, an alarm, a patrol's finding."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=12)  # report, alarm, incident, import
    ref = models.UUIDField(null=True)
    at = models.DateTimeField(default=clock.now)
    data = models.JSONField(default=dict)

    class Meta:
        db_table = "cases_signal"
        constraints = [
            models.UniqueConstraint(fields=["kind", "ref"], name="cases_signal_once", condition=Q(ref__isnull=False))
        ]


class Reporter(models.Model):
    """Who reported and wishes to hear of it, and the ticket's secret. Emptied some time after the case has ended."""

    PERSONAL_SINCE = "ended_at"

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    token_hash = models.BinaryField(unique=True)
    phone = PersonalField(
        category="phone",
        purposes=("call_back", "phone_lookup", "own_ticket"),
        basis="consent",
        retention_days=180,
        blind_index=True,
    )
    name = PersonalField(category="name", purposes=("call_back",), basis="consent", retention_days=180)
    original = PersonalField(category="text", purposes=("call_back",), basis="consent", retention_days=180)
    consent_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=clock.now)
    ended_at = models.DateTimeField(null=True)
    follower = models.BooleanField(default=False, db_default=False)  # said it too: sees how it goes, not whose words

    class Meta:
        db_table = "cases_reporter"

    @property
    def area_path(self) -> str:
        """Where the case is, also after boundaries moved: reading the contact needs the permission there."""
        return self.case.area_path

    def personal_consent(self, purpose: str) -> bool:
        return self.consent_at is not None and self.withdrawn_at is None

    def personal_subject(self) -> tuple[str, str]:
        return "reporter", str(self.pk)


class Photo(models.Model):
    """A picture of a case, made anew from what was sent: no EXIF, no position, no foreign bytes."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    stage = models.CharField(max_length=8)  # report, before, after
    file_id = models.UUIDField()
    thumb_id = models.UUIDField()
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    by_kind = models.CharField(max_length=10)
    by_id = models.UUIDField(null=True)
    released_by = models.UUIDField(null=True)
    released_at = models.DateTimeField(null=True)  # a person let the public see it
    original_file_id = models.UUIDField(null=True)  # sealed: `file_id` is a copy with parts covered
    suggested = models.JSONField(null=True)  # rectangles a detector suggests to cover; null: not asked
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "cases_photo"


class Comment(models.Model):
    """What staff write to each other about a case."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    by = models.UUIDField(null=True)
    text = models.TextField()
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "cases_comment"
        indexes = [models.Index(fields=["case", "created_at", "id"], name="cases_comment_case")]


OUTCOMES = ("reached", "no_answer", "refused", "wrong_number")


class Call(models.Model):
    """A telephone call with who reported, and what was promised in it. The number itself stays sealed in `Reporter`."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="+")
    by = models.UUIDField(null=True)
    outcome = models.CharField(max_length=12)
    note = models.TextField(default="")
    promised_at = models.DateTimeField(null=True)  # until when something was promised
    kept_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "cases_call"
        indexes = [
            models.Index(
                "promised_at", name="cases_promises", condition=Q(promised_at__isnull=False, kept_at__isnull=True)
            )
        ]


class ClassModel(models.Model):
    """What was learnt from closed cases of one language: plain arrays of numbers, no text; and how good it is."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    language = models.CharField(max_length=4)
    trained_at = models.DateTimeField(default=clock.now)
    cases = models.PositiveIntegerField()
    classes = models.PositiveIntegerField()
    measured = models.JSONField(default=dict)  # on the newest fifth, learnt from the older ones
    weights = models.BinaryField()

    class Meta:
        db_table = "cases_class_model"
        indexes = [models.Index(fields=["language", "-trained_at"], name="cases_class_model_new")]


class ImportBatch(models.Model):
    """A sheet of reports that an account takes in: what is left (masked), what was refused, which cases it made."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    created_by = models.UUIDField(null=True)
    created_at = models.DateTimeField(default=clock.now)
    name = models.CharField(max_length=120, default="")
    sha256 = models.CharField(max_length=64)
    state = models.CharField(max_length=8)  # running, done, stopped, undone
    rows = models.PositiveIntegerField(default=0)
    made = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    cancelled = models.PositiveIntegerField(default=0)
    errors = models.JSONField(default=list)
    todo = models.JSONField(default=list)
    case_ids = ArrayField(models.UUIDField(), default=list)
    finished_at = models.DateTimeField(null=True)
    undo_until = models.DateTimeField(null=True)

    class Meta:
        db_table = "cases_import"
        indexes = [
            models.Index(fields=["created_by", "-created_at", "-id"], name="cases_import_mine"),
            models.Index(fields=["sha256"], name="cases_import_file"),
        ]


class RoutingVersion(models.Model):
    """Rules of who gets a case, as the district wrote them; `rules` as packs write them. The newest published one
    whose time has come is in force; without any, those of the packs are."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    number = models.PositiveIntegerField(unique=True)
    rules = models.JSONField(default=list)
    note = models.CharField(max_length=400, default="")
    edition = models.PositiveIntegerField(default=1)  # counts the changes of a draft
    tried = models.JSONField(null=True)  # what the last dry run found, and of which rules
    created_by = models.UUIDField(null=True)
    created_at = models.DateTimeField(default=clock.now)
    published_by = models.UUIDField(null=True)
    valid_from = models.DateTimeField(null=True)  # none: a draft

    class Meta:
        db_table = "cases_routing"
        indexes = [models.Index(fields=["-valid_from"], name="cases_routing_force")]
