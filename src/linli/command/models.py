"""Tables of command."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from linli.kernel import clock, ids

STATES = ("draft", "handed", "taken")


class Handover(models.Model):
    """What one shift leaves to the next in an area. `lines` are as they stood when the note was handed over."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    area_path = models.CharField(max_length=120, default="", blank=True)
    state = models.CharField(max_length=8, default="draft")
    by = models.UUIDField(null=True)
    taken_by = models.UUIDField(null=True)
    note = models.TextField(default="", blank=True)
    lines = models.JSONField(default=list)
    created_at = models.DateTimeField(default=clock.now)
    handed_at = models.DateTimeField(null=True)
    taken_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "command_handover"
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="command_handover_at"),
            models.Index(fields=["area_path"], name="command_handover_area", opclasses=["text_pattern_ops"]),
        ]
        constraints = [
            models.UniqueConstraint("by", "area_path", name="command_one_draft", condition=Q(state="draft")),
            models.CheckConstraint(condition=Q(state__in=STATES), name="command_handover_state"),
        ]


class CardRun(models.Model):
    """A playbook under way for a case: once a case and playbook. `posts`: {post: account} as people step in."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    case_id = models.UUIDField()
    playbook = models.CharField(max_length=64)
    version = models.PositiveIntegerField()
    zh = models.CharField(max_length=80)
    en = models.CharField(max_length=80)
    illustrative = models.BooleanField(default=False)
    posts = models.JSONField(default=dict)
    by = models.UUIDField(null=True)  # nobody: it began by its trigger
    started_at = models.DateTimeField(default=clock.now)
    ended_at = models.DateTimeField(null=True)
    ended_by = models.UUIDField(null=True)
    summary = models.CharField(max_length=2000, default="", blank=True)

    class Meta:
        db_table = "command_card_run"
        constraints = [models.UniqueConstraint(fields=["case_id", "playbook"], name="command_card_once")]


class CardStep(models.Model):
    """A step of a run. `checks`: [{zh, en, done, by, at}]; `after`: keys it waits for;."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    run = models.ForeignKey(CardRun, on_delete=models.CASCADE, related_name="steps")
    key = models.CharField(max_length=64)
    ordinal = models.PositiveIntegerField()
    zh = models.CharField(max_length=200)
    en = models.CharField(max_length=200)
    post = models.CharField(max_length=12)
    minutes = models.PositiveIntegerField()
    team_id = models.UUIDField(null=True)
    after = models.JSONField(default=list)
    photo = models.BooleanField(default=False)
    checks = models.JSONField(default=list)
    state = models.CharField(max_length=8, default="waiting")
    task_id = models.UUIDField(null=True, unique=True)
    due_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=400, default="", blank=True)
    by = models.UUIDField(null=True)
    at = models.DateTimeField(null=True)

    class Meta:
        db_table = "command_card_step"
        constraints = [
            models.UniqueConstraint(fields=["run", "key"], name="command_card_step_once"),
            models.CheckConstraint(
                condition=Q(state__in=("waiting", "open", "done", "skipped")), name="command_card_step_state"
            ),
        ]


class BoardNote(models.Model):
    """A note on the board of a centre, for the centre and its teams. Withdrawn, it stays for the audit."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    centre_id = models.UUIDField()
    area_path = models.CharField(max_length=120, default="", blank=True)
    title = models.CharField(max_length=80)
    text = models.CharField(max_length=2000, default="", blank=True)
    pinned = models.BooleanField(default=False)
    from_at = models.DateTimeField(default=clock.now)
    until_at = models.DateTimeField(null=True)
    by = models.UUIDField(null=True)
    created_at = models.DateTimeField(default=clock.now)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "command_board_note"
        indexes = [
            models.Index(fields=["centre_id", "-pinned", "-from_at", "-id"], name="command_board_page"),
            models.Index(fields=["area_path"], name="command_board_area", opclasses=["text_pattern_ops"]),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(until_at=None) | Q(until_at__gt=models.F("from_at")), name="command_board_span"
            )
        ]


class BoardRead(models.Model):
    """Somebody has read a note: kept so that one person counts once. Nobody is shown who it was."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    note = models.ForeignKey(BoardNote, on_delete=models.CASCADE, related_name="reads")
    account_id = models.UUIDField()

    class Meta:
        db_table = "command_board_read"
        constraints = [models.UniqueConstraint(fields=["note", "account_id"], name="command_board_read_once")]


OPERATION_STATES = ("planned", "running", "ended", "cancelled")


class Operation(models.Model):
    """Several teams at one matter for a while. `checks`: [{text, done, by, at}]; `words`: the summary, or why not.

    A title is in the language of whoever wrote it.
    """

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    title = models.CharField(max_length=80)
    area_path = models.CharField(max_length=120, default="", blank=True)
    purpose = models.CharField(max_length=2000, default="", blank=True)
    begins_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    state = models.CharField(max_length=9, default="planned")
    version = models.PositiveIntegerField(default=1)
    team_ids = models.JSONField(default=list)
    case_ids = models.JSONField(default=list)
    checks = models.JSONField(default=list)
    by = models.UUIDField(null=True)
    created_at = models.DateTimeField(default=clock.now)
    started_by = models.UUIDField(null=True)
    started_at = models.DateTimeField(null=True)
    closed_by = models.UUIDField(null=True)
    closed_at = models.DateTimeField(null=True)
    words = models.CharField(max_length=2000, default="", blank=True)

    class Meta:
        db_table = "command_operation"
        indexes = [
            models.Index(fields=["-begins_at", "-id"], name="command_operation_at"),
            models.Index(fields=["area_path"], name="command_operation_area", opclasses=["text_pattern_ops"]),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=OPERATION_STATES), name="command_operation_state"),
            models.CheckConstraint(condition=Q(ends_at__gt=models.F("begins_at")), name="command_operation_span"),
        ]


class OperationItem(models.Model):
    """What one team is to do; a task of work from the moment the operation runs. `checks`: texts."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="items")
    ordinal = models.PositiveIntegerField()
    team_id = models.UUIDField()
    title = models.CharField(max_length=200)
    due_at = models.DateTimeField(null=True)
    checks = models.JSONField(default=list)
    needs_photo = models.BooleanField(default=False)
    task_id = models.UUIDField(null=True, unique=True)

    class Meta:
        db_table = "command_operation_item"
        constraints = [models.UniqueConstraint(fields=["operation", "ordinal"], name="command_operation_item_once")]


class OperationNote(models.Model):
    """A line of an operation's log."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="notes")
    text = models.CharField(max_length=2000)
    by = models.UUIDField(null=True)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "command_operation_note"
