"""Tables of work. `case_id` is opaque here: cases are a higher room."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from linli.kernel import clock, ids


class Task(models.Model):
    """Something a team does at a place, by a time."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    kind = models.CharField(max_length=12, default="handle")
    state = models.CharField(max_length=12, default="open")
    title = models.CharField(max_length=200)
    note = models.CharField(max_length=2000, default="", blank=True)
    urgent = models.BooleanField(default=False)
    needs_photo = models.BooleanField(default=False)
    checklist = models.JSONField(default=list)
    case_id = models.UUIDField(null=True)
    team = models.ForeignKey("orgs.Team", on_delete=models.PROTECT, null=True, related_name="+")
    assignee_id = models.UUIDField(null=True)
    area_path = models.CharField(max_length=120, default="", blank=True)
    grid_id = models.UUIDField(null=True)
    lon = models.FloatField(null=True)
    lat = models.FloatField(null=True)
    address = models.CharField(max_length=200, default="", blank=True)
    due_at = models.DateTimeField(null=True)
    # The limit behind `due_at` is ours, from no source.
    illustrative = models.BooleanField(default=False, db_default=False)
    created_by = models.UUIDField(null=True)
    created_at = models.DateTimeField(default=clock.now)
    accepted_at = models.DateTimeField(null=True)
    arrived_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    done_by = models.UUIDField(null=True)
    result = models.CharField(max_length=2000, default="", blank=True)
    changed_at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "work_task"
        indexes = [
            models.Index(fields=["area_path"], name="work_task_area", opclasses=["text_pattern_ops"]),
            models.Index(fields=["team", "state", "-created_at"], name="work_task_team"),
            models.Index(fields=["case_id"], name="work_task_case"),
            models.Index(fields=["-created_at", "-id"], name="work_task_page"),
        ]


class TaskStep(models.Model):
    """One act on a task. Its id is made by the client, so that a resent act is known. `applied`: it moved the task."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="steps")
    action = models.CharField(max_length=16)
    actor_id = models.UUIDField(null=True)
    at = models.DateTimeField()
    received_at = models.DateTimeField(default=clock.now)
    applied = models.BooleanField(default=True)
    note = models.CharField(max_length=2000, default="", blank=True)

    class Meta:
        db_table = "work_task_step"
        indexes = [models.Index(fields=["task", "at", "id"], name="work_task_step_order")]


class TaskPhoto(models.Model):
    """A picture of a task, before or after. Its id is made by the client."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="photos")
    stage = models.CharField(max_length=8)
    file_id = models.UUIDField()
    thumb_id = models.UUIDField()
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    actor_id = models.UUIDField(null=True)
    at = models.DateTimeField()

    class Meta:
        db_table = "work_task_photo"
        indexes = [models.Index(fields=["task", "at"], name="work_task_photo_task")]


class Duty(models.Model):
    """Somebody's time on duty. The last position stands here while it lasts, and is emptied at its end."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    account = models.ForeignKey("identity.Account", on_delete=models.CASCADE, related_name="+")
    team = models.ForeignKey("orgs.Team", on_delete=models.SET_NULL, null=True, related_name="+")
    area_path = models.CharField(max_length=120, default="", blank=True)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=12, default="")
    lon = models.FloatField(null=True)
    lat = models.FloatField(null=True)
    accuracy_m = models.FloatField(null=True)
    position_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "work_duty"
        constraints = [
            models.UniqueConstraint(
                fields=["account"], condition=models.Q(ended_at=None), name="work_duty_one_at_a_time"
            )
        ]
        indexes = [
            models.Index(
                fields=["area_path"], name="work_duty_area", opclasses=["text_pattern_ops"],
                condition=models.Q(ended_at=None),
            ),
            models.Index(fields=["account", "-started_at"], name="work_duty_account"),
        ]  # fmt: skip


class Position(models.Model):
    """Where somebody was while on duty: shown to that person only, deleted after 30 days."""

    id = models.BigAutoField(primary_key=True)
    duty = models.ForeignKey(Duty, on_delete=models.CASCADE, related_name="positions")
    at = models.DateTimeField()
    lon = models.FloatField()
    lat = models.FloatField()
    accuracy_m = models.FloatField(null=True)

    class Meta:
        db_table = "work_position"
        constraints = [models.UniqueConstraint(fields=["duty", "at"], name="work_position_once")]
        indexes = [models.Index(fields=["at"], name="work_position_age")]


class PatrolPlan(models.Model):
    """Points that must be looked at every so often, within hours of the day: a round, a school post, a joint shift."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    kind = models.CharField(max_length=8)
    name = models.CharField(max_length=80)
    area_path = models.CharField(max_length=120)
    team_ids = models.JSONField(default=list)  # several for a joint shift
    weekdays = models.JSONField(default=list)  # 1 is Monday; empty: every day
    begins = models.TimeField()
    ends = models.TimeField()
    created_at = models.DateTimeField(default=clock.now)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "work_patrol_plan"
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="work_patrol_page"),
            models.Index(fields=["area_path"], name="work_patrol_area", opclasses=["text_pattern_ops"]),
        ]


class PatrolPoint(models.Model):
    """A place of a plan: somebody is to be within `radius_m` of it at least once every `every_min` minutes."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    plan = models.ForeignKey(PatrolPlan, on_delete=models.CASCADE, related_name="points")
    name = models.CharField(max_length=80)
    area_path = models.CharField(max_length=120)
    lon = models.FloatField()
    lat = models.FloatField()
    radius_m = models.PositiveSmallIntegerField(default=80)
    every_min = models.PositiveSmallIntegerField(default=60)

    class Meta:
        db_table = "work_patrol_point"


class PatrolVisit(models.Model):
    """Somebody of a team was at a point. Who, and where exactly, is not kept: the audit has the act alone."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    point = models.ForeignKey(PatrolPoint, on_delete=models.CASCADE, related_name="visits")
    team_id = models.UUIDField(null=True)
    at = models.DateTimeField()

    class Meta:
        db_table = "work_patrol_visit"
        indexes = [models.Index(fields=["point", "at"], name="work_patrol_visit_at")]


class Shift(models.Model):
    """A planned shift of one person, in either a team or a centre. Not a duty: that is what really was."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    account = models.ForeignKey("identity.Account", on_delete=models.CASCADE, related_name="+")
    team = models.ForeignKey("orgs.Team", on_delete=models.CASCADE, null=True, related_name="+")
    centre = models.ForeignKey("orgs.Centre", on_delete=models.CASCADE, null=True, related_name="+")
    area_path = models.CharField(max_length=120, default="", blank=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    trade = models.CharField(max_length=40, default="", blank=True)
    lead = models.BooleanField(default=False)
    state = models.CharField(max_length=9, default="draft")
    changed_at = models.DateTimeField(null=True)  # after it was published
    seen_at = models.DateTimeField(null=True)  # the person has read it as it stands
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "work_shift"
        constraints = [
            models.CheckConstraint(condition=models.Q(ends_at__gt=models.F("starts_at")), name="work_shift_hours"),
            models.CheckConstraint(
                condition=models.Q(team=None, centre__isnull=False) | models.Q(team__isnull=False, centre=None),
                name="work_shift_of_one",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=("draft", "published", "withdrawn")), name="work_shift_state"
            ),
        ]
        indexes = [
            models.Index(fields=["account", "starts_at"], name="work_shift_person"),
            models.Index(fields=["starts_at", "id"], name="work_shift_page"),
            models.Index(fields=["area_path"], name="work_shift_area", opclasses=["text_pattern_ops"]),
        ]


class RosterImport(models.Model):
    """A sheet of shifts that an account takes in: what is left, what was refused, which shifts it made."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    created_by = models.UUIDField(null=True)
    created_at = models.DateTimeField(default=clock.now)
    name = models.CharField(max_length=120, default="")
    sha256 = models.CharField(max_length=64)
    state = models.CharField(max_length=8)  # running, done, stopped, undone
    rows = models.PositiveIntegerField(default=0)
    made = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)  # were in the roster already
    refused = models.PositiveIntegerField(default=0)
    withdrawn = models.PositiveIntegerField(default=0)
    errors = models.JSONField(default=list)
    todo = models.JSONField(default=list)
    shift_ids = ArrayField(models.UUIDField(), default=list)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "work_roster_import"
        indexes = [
            models.Index(fields=["created_by", "-created_at", "-id"], name="work_roster_import_mine"),
            models.Index(fields=["sha256"], name="work_roster_import_file"),
        ]
