"""Tables of field. Cases and tasks are other rooms: their ids are opaque here."""

from __future__ import annotations

from django.db import models

from linli.kernel import clock, ids
from linli.kernel.personal import PersonalField


class Entry(models.Model):
    """One form filled on site. The id is the phone's. What is about a person lies sealed in `person`, with consent."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    form_code = models.CharField(max_length=64)
    form_version = models.PositiveIntegerField()
    kind = models.CharField(max_length=8)
    area_path = models.CharField(max_length=120)
    unit_id = models.UUIDField(null=True)
    lon = models.FloatField(null=True)
    lat = models.FloatField(null=True)
    by_id = models.UUIDField()
    filled_at = models.DateTimeField()
    answers = models.JSONField(default=dict)
    person = PersonalField(category="text", purposes=("visit_follow_up",), basis="consent", retention_days=365)
    consent_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)
    cases = models.JSONField(default=list)  # {id, number, field}
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "field_entry"
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="field_entry_page"),
            models.Index(fields=["area_path"], name="field_entry_area", opclasses=["text_pattern_ops"]),
            models.Index(fields=["by_id", "-created_at"], name="field_entry_by"),
        ]

    def personal_consent(self, purpose: str) -> bool:
        return self.consent_at is not None and self.withdrawn_at is None

    def personal_subject(self) -> tuple[str, str]:
        return "visit", str(self.pk)


class CaseAnswers(models.Model):
    """What a phone answered to a form of a case's class. `missing`: fields that are still to be asked; `unfit`: answers
    that the form in force does not know, as they came."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    case_id = models.UUIDField()
    form_code = models.CharField(max_length=64)
    form_version = models.PositiveIntegerField()
    answers = models.JSONField(default=dict)
    unfit = models.JSONField(default=dict)
    missing = models.JSONField(default=list)
    by_id = models.UUIDField(null=True)
    filled_at = models.DateTimeField()
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "field_case_answers"
        constraints = [models.UniqueConstraint(fields=["case_id", "form_code"], name="field_answers_once")]


class PhotoMark(models.Model):
    """What the phone found wrong with a photo that was sent all the same. `photo_id`: of a task's or a case's photo."""

    photo_id = models.UUIDField(primary_key=True)
    case_id = models.UUIDField(null=True)
    marks = models.JSONField(default=list)
    by_id = models.UUIDField(null=True)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "field_photo_mark"
        indexes = [models.Index(fields=["case_id"], name="field_mark_case")]


class VoiceNote(models.Model):
    """Words spoken on site, heard by whoever sees the case; deleted after 180 days. The id is the phone's."""

    id = models.UUIDField(primary_key=True, default=ids.new_id)
    case_id = models.UUIDField()
    file_id = models.UUIDField()
    seconds = models.PositiveSmallIntegerField()
    size = models.PositiveIntegerField()
    content_type = models.CharField(max_length=24)
    by_id = models.UUIDField(null=True)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "field_voice_note"
        indexes = [models.Index(fields=["case_id", "at"], name="field_voice_case")]
