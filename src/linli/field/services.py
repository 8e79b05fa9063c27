"""Writes of field. Ids are the phone's: what is sent twice acts once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from linli.cases import facade as cases
from linli.field import rules, selectors, tables
from linli.field.models import CaseAnswers, Entry, PhotoMark, VoiceNote
from linli.kernel import audit, clock, events, files, masks, personal, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict, FieldError, Forbidden, Invalid, NotFound, TooLarge
from linli.places import facade as places
from linli.work import facade as work

VOICE_DAYS = 180
MAX_VOICES = 20
OLDEST = timedelta(days=30)
MOST_BYTES = 64_000  # of the answers to a form of a class


@dataclass(frozen=True, slots=True)
class NewEntry:
    """A filled form as the phone sends it."""

    form: str
    answers: Mapping[str, Any] = field(default_factory=dict)
    consent: bool = False
    lon: float | None = None
    lat: float | None = None
    unit_code: str = ""
    filled_at: datetime | None = None


def fill_form(*, actor: Actor, entry_id: UUID, new: NewEntry) -> Entry:
    """Keep a filled form. Each answer that names a hazard becomes a case, once."""
    form = tables.forms().get(new.form)
    if form is None or form.kind == "case":
        raise Invalid("form", "is no form of this district")
    checked = rules.check(form, new.answers, consent=new.consent)
    if checked.wrong:
        raise Invalid(errors=[FieldError(f"answers.{name}", reason) for name, reason in checked.wrong])
    with services.unit(actor):
        services.alone(f"entry:{entry_id}")
        known = Entry.objects.filter(id=entry_id).first()
        if known is not None:
            if known.by_id != actor.account_id or known.form_code != form.code:
                raise Conflict("this id was used for another form")
            return known
        row = _placed(actor, new)
        row.id, row.form_code, row.form_version, row.kind = entry_id, form.code, form.version, form.kind
        row.answers = {name: _clean(value) for name, value in checked.plain.items()}
        if checked.personal:
            row.person, row.consent_at = json.dumps(checked.personal, ensure_ascii=False), row.filled_at
        row.cases = [_case(actor, row, hazard) for hazard in checked.hazards]
        row.save(force_insert=True)
        _told(actor, row, "fill")
    return row


def _clean(value: Any) -> Any:
    """Free text without phone and ID numbers."""
    return masks.mask_text(value)[0] if isinstance(value, str) else value


def _placed(actor: Actor, new: NewEntry) -> Entry:
    """A row with its place, in an area in which the actor may fill forms."""
    now, unit = clock.now(), places.unit_by_code(new.unit_code) if new.unit_code else None
    if new.unit_code and unit is None:
        raise Invalid("unit_code", "is no unit's code")
    lon, lat = (unit.lon, unit.lat) if unit else (new.lon, new.lat)
    if lon is None or lat is None:
        raise Invalid("lon", "say where: a position or a unit's code")
    found = places.locate(lon, lat)
    if found is None:
        raise Invalid("lon", "lies outside the district")
    if not actor.can("forms.fill", found.area_path):
        raise Forbidden("needs forms.fill where the form was filled")
    assert actor.account_id is not None
    at = min(max(new.filled_at or now, now - OLDEST), now)
    return Entry(
        area_path=found.area_path, unit_id=unit.unit_id if unit else None, lon=lon, lat=lat, by_id=actor.account_id,
        filled_at=at,
    )  # fmt: skip


def _case(actor: Actor, row: Entry, hazard: rules.Hazard) -> dict[str, str]:
    made = cases.report_signal(
        actor=actor, channel="patrol", kind="patrol", class_code=hazard.class_code, text=hazard.text, lon=row.lon,
        lat=row.lat, unit_id=row.unit_id, idempotency_key=f"entry:{row.id}:{hazard.field}:{hazard.class_code}",
    )  # fmt: skip
    return {"id": str(made.case_id), "number": made.number, "field": hazard.field}


def _told(actor: Actor, row: Entry, act: str, **detail: Any) -> None:
    audit.record(
        actor=actor, action=f"form.{act}", kind="form_entry", ref=row.id, area=row.area_path,
        detail={"form": row.form_code, **detail},
    )  # fmt: skip
    events.emit(
        type="form.changed", kind="form_entry", ref=row.id, area=row.area_path, permission="forms.review",
        data={"entry_id": str(row.id), "form": row.form_code, "kind": row.kind, "act": act},
    )  # fmt: skip


def read_person(*, actor: Actor, entry_id: UUID, reason: str) -> dict[str, Any]:
    """A visit's personal part, for the follow-up it was given for; logged, and the person concerned can see it."""
    with services.unit(actor):
        row = Entry.objects.get(id=selectors.entry(actor, entry_id).id)
        if row.person is None:
            raise NotFound("nothing about a person is kept here")
        found = personal.read(actor=actor, instance=row, fields=("person",), purpose="visit_follow_up", reason=reason)
        audit.record(actor=actor, action="form.person", kind="form_entry", ref=row.id, area=row.area_path)
    return dict(json.loads(found["person"] or "{}"))


def withdraw(*, actor: Actor, entry_id: UUID) -> Entry:
    """The person visited takes the consent back: what is about them is gone at once."""
    with services.unit(actor):
        row = Entry.objects.select_for_update().get(id=selectors.entry(actor, entry_id).id)
        if row.by_id != actor.account_id:
            actor.require("forms.person", row.area_path)
        if row.withdrawn_at is None:
            row.withdrawn_at = clock.now()
            row.save(update_fields=["withdrawn_at"])
            held = personal.erase(row)
            _told(actor, row, "withdraw", fields=held)
    return row


def mark_photo(
    *, actor: Actor, photo_id: UUID, marks: Sequence[str], case_id: UUID | None = None, task_id: UUID | None = None
) -> PhotoMark:
    """What the phone found wrong with a photo of a task or case one sees."""
    if unknown := set(marks) - set(rules.MARKS):
        raise Invalid("marks", f"unknown: {', '.join(sorted(unknown))}")
    with services.unit(actor):
        if task_id is not None:
            case_id = work.seen_task(actor, task_id).case_id
        elif case_id is not None:
            cases.seen_case(actor, case_id)
        else:
            raise Invalid("case_id", "say whose photo it is: case_id or task_id")
        row, made = PhotoMark.objects.get_or_create(
            photo_id=photo_id, defaults={"case_id": case_id, "marks": sorted(marks), "by_id": actor.account_id}
        )
        if not made and row.by_id != actor.account_id:
            raise Conflict("this photo was marked by another")
        audit.record(actor=actor, action="photo.mark", kind="photo", ref=photo_id, detail={"marks": sorted(marks)})
    return row


def add_voice(*, actor: Actor, case_id: UUID, voice_id: UUID, data: bytes, seconds: int) -> VoiceNote:
    """A recording for a case one sees. Sent twice it is kept once."""
    if len(data) > rules.MAX_SOUND:
        raise TooLarge(f"a voice note has at most {rules.MAX_SOUND // 1024 // 1024} MB", field="voice")
    kind = rules.sound_type(data)
    if not kind:
        raise Invalid("voice", "is not a WebM, Ogg or MP4 recording")
    if not 1 <= seconds <= rules.MAX_SECONDS:
        raise Invalid("seconds", f"must be 1 to {rules.MAX_SECONDS}")
    with services.unit(actor):
        case = cases.seen_case(actor, case_id)
        services.alone(f"voices:{case_id}")
        known = VoiceNote.objects.filter(id=voice_id).first()
        if known is not None:
            if known.case_id != case_id:
                raise Conflict("this id was used for another voice note")
            return known
        if VoiceNote.objects.filter(case_id=case_id).count() >= MAX_VOICES:
            raise Invalid("voice", f"a case has at most {MAX_VOICES} voice notes")
        until = clock.now() + timedelta(days=VOICE_DAYS)
        kept = files.keep(data, content_type=kind, owner_kind="voice_note", owner_ref=case_id, expires_at=until)
        row = VoiceNote.objects.create(
            id=voice_id, case_id=case_id, file_id=kept.id, seconds=seconds, size=len(data), content_type=kind,
            by_id=actor.account_id,
        )  # fmt: skip
        audit.record(actor=actor, action="case.voice", kind="case", ref=case_id, area=case.area_path)
        events.emit(type="case.voice", kind="case", ref=case_id, area=case.area_path, permission=case.permission,
                    data={"case_id": str(case_id), "voice_id": str(voice_id)})  # fmt: skip
    return row


def purge_voices() -> int:
    """The rows of recordings whose time is over; their files go with their own date."""
    return VoiceNote.objects.filter(at__lt=clock.now() - timedelta(days=VOICE_DAYS)).delete()[0]


def answer_form(
    *, actor: Actor, case_id: UUID, code: str, answers: Mapping[str, Any], filled_at: datetime | None = None
) -> CaseAnswers:
    """Keep what a phone answered of a case it sees. Later answers take the place of earlier ones, whatever their order
    of arrival. Nothing is refused for being incomplete: what is missing is kept as missing, and asked for."""
    form = tables.forms().get(code)
    if form is None or form.kind != "case":
        raise NotFound("is no form of a class of this district")
    if len(repr(answers)) > MOST_BYTES:
        raise TooLarge("the answers are too long", field="answers")
    case, now = cases.seen_case(actor, case_id), clock.now()
    at = min(filled_at or now, now)
    taken = rules.take(form, _masked(dict(answers)))
    with services.unit(actor):
        row, made = CaseAnswers.objects.select_for_update().get_or_create(
            case_id=case_id, form_code=form.code, defaults={"form_version": form.version, "filled_at": at}
        )
        same = (row.answers, row.unfit) == (taken.answers, taken.unfit)
        if not made and (row.filled_at > at or (same and row.filled_at == at)):
            return row
        row.answers, row.unfit, row.missing = taken.answers, taken.unfit, list(taken.missing)
        row.form_version, row.by_id, row.filled_at = form.version, actor.account_id, at
        row.save()
        audit.record(actor=actor, action="case.form", kind="case", ref=case_id, area=case.area_path,
                     detail={"form": form.code, "missing": row.missing})  # fmt: skip
        events.emit(type="case.form", kind="case", ref=case_id, area=case.area_path, permission=case.permission,
                    data={"case_id": str(case_id), "form": form.code, "missing": len(row.missing)})  # fmt: skip
    return row


def _masked(value: Any) -> Any:
    """Texts without phone and ID numbers, wherever they stand."""
    if isinstance(value, str):
        return masks.mask_text(value)[0]
    if isinstance(value, dict):
        return {str(name): _masked(one) for name, one in value.items()}
    return [_masked(one) for one in value] if isinstance(value, list) else value
