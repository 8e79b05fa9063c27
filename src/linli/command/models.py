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
