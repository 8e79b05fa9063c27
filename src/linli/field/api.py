"""Routes of field."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import File, Form, Schema, Status
from ninja.files import UploadedFile
from pydantic import AwareDatetime

from linli.field import rules, selectors, services, tables
from linli.field.models import CaseAnswers, Entry, VoiceNote
from linli.identity import facade as identity
from linli.kernel import paging
from linli.kernel.errors import TooLarge
from linli.kernel.http import Router, actor_of

router = Router(tags=["field"])


class EntryIn(Schema):
    """`consent`: the person visited agreed to the personal answers being kept for a follow-up."""

    form: str
    answers: dict[str, Any] = {}
    consent: bool = False
    lon: float | None = None
    lat: float | None = None
    unit_code: str = ""
    filled_at: AwareDatetime | None = None


class EntryOut(Schema):
    id: UUID
    form: str
    version: int
    kind: str
    area_path: str
    lon: float | None
    lat: float | None
    filled_at: datetime
    by: str
    answers: dict[str, Any]
    has_person: bool
    withdrawn: bool
    cases: list[dict[str, str]]


class AnswersIn(Schema):
    answers: dict[str, Any] = {}
    filled_at: AwareDatetime | None = None


class PersonAsk(Schema):
    reason: str


class MarkIn(Schema):
    marks: list[str]
    case_id: UUID | None = None
    task_id: UUID | None = None


class VoiceOut(Schema):
    id: UUID
    file_id: UUID
    seconds: int
    content_type: str
    by: str
    at: datetime


def _entries(rows: list[Entry]) -> list[EntryOut]:
    names = identity.display_name({row.by_id for row in rows})
    held = selectors.with_person([row.id for row in rows])
    return [
        EntryOut(
            id=row.id, form=row.form_code, version=row.form_version, kind=row.kind, area_path=row.area_path,
            lon=row.lon, lat=row.lat, filled_at=row.filled_at, by=names.get(row.by_id, ""), answers=row.answers,
            has_person=row.id in held, withdrawn=row.withdrawn_at is not None, cases=row.cases,
        )
        for row in rows
    ]  # fmt: skip


def _voices(rows: list[VoiceNote]) -> list[VoiceOut]:
    names = identity.display_name({row.by_id for row in rows if row.by_id})
    return [
        VoiceOut(id=row.id, file_id=row.file_id, seconds=row.seconds, content_type=row.content_type, at=row.at,
                 by=names.get(row.by_id, "") if row.by_id else "")
        for row in rows
    ]  # fmt: skip


def _form(form: rules.Form) -> dict[str, Any]:
    fields = [
        {"name": f.name, "type": f.type, "label": {"zh": f.zh, "en": f.en}, "required": f.required,
         "personal": f.personal, "when": {"field": f.when[0], "is": f.when[1]} if f.when else None,
         "choices": [{"value": c.value, "name": {"zh": c.zh, "en": c.en}, "case": bool(c.case)} for c in f.choices]}
        for f in form.fields
    ]  # fmt: skip
    return {"code": form.code, "version": form.version, "kind": form.kind, "name": {"zh": form.zh, "en": form.en},
            "fields": fields, "classes": form.classes, "at": form.at}  # fmt: skip


@router.get("/forms", permission="forms.view", response=dict)
def list_forms(request: HttpRequest) -> dict[str, Any]:
    """All forms of the district, whole: the phone keeps them for use without a network."""
    return {"items": [_form(form) for form in tables.site_forms()]}


@router.get("/class-forms", permission="catalogue.view", response=dict)
def list_class_forms(request: HttpRequest) -> dict[str, Any]:
    """Forms of classes, whole, each with the `classes` it is asked of and `at`: `report` or `finish`."""
    return {"items": [_form(form) for form in tables.class_forms()]}


@router.get("/class-forms/asked", permission="cases.comment", response=dict)
def asked_forms(request: HttpRequest) -> dict[str, Any]:
    """The classes of one's running tasks, and the forms that one's own cases of the last 14 days still lack."""
    return selectors.asked_forms(actor_of(request))


@router.get("/cases/{uuid:case_id}/class-forms", permission="cases.view", response=dict)
def case_forms(request: HttpRequest, case_id: UUID) -> dict[str, Any]:
    """The forms of a case's class, with what was answered and what is missing."""
    found = selectors.case_forms(actor_of(request), case_id)
    names = identity.display_name({one.answers.by_id for one in found if one.answers and one.answers.by_id})
    return {"items": [{"form": _form(one.form), **_answered(one.form, one.answers, names)} for one in found]}


@router.put("/cases/{uuid:case_id}/class-forms/{str:code}", permission="cases.comment", response=dict)
def answer_class_form(request: HttpRequest, case_id: UUID, code: str, payload: AnswersIn) -> dict[str, Any]:
    """Send answers to a form of a case's class. They are never refused for being incomplete; `missing` names what is
    still to be asked. Sending them again changes nothing."""
    row = services.answer_form(actor=actor_of(request), case_id=case_id, code=code, **payload.dict())
    return _answered(tables.forms()[code], row, {})


def _answered(form: rules.Form, row: CaseAnswers | None, names: dict[UUID, str]) -> dict[str, Any]:
    if row is None:
        missing = [one.name for one in form.fields if one.required and not one.when]
        return {"answers": None, "unfit": {}, "missing": missing, "by": "", "filled_at": None}
    by = names.get(row.by_id, "") if row.by_id else ""
    return {"answers": row.answers, "unfit": row.unfit, "missing": row.missing, "by": by, "filled_at": row.filled_at}


@router.get("/form-entries", permission="forms.view", response=paging.Page[EntryOut])
def list_entries(
    request: HttpRequest, cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT, kind: str = ""
) -> paging.Page[EntryOut]:
    """Visits and hazard checks: one's own, and for the desk those of its areas. No answer about a person is here."""
    query = selectors.entries(actor_of(request), kind)
    rows, more = paging.keyset(query, key=("-created_at", "-id"), cursor=cursor, limit=limit)
    return paging.Page(items=_entries(rows), next=more)


@router.get("/form-entries/{uuid:entry_id}", permission="forms.view", response=EntryOut)
def get_entry(request: HttpRequest, entry_id: UUID) -> EntryOut:
    return _entries([selectors.entry(actor_of(request), entry_id)])[0]


@router.put("/form-entries/{uuid:entry_id}", permission="forms.fill", response=EntryOut)
def fill_form(request: HttpRequest, entry_id: UUID, payload: EntryIn) -> EntryOut:
    """Send a filled form. `entry_id` is made by the client: sending it again changes nothing."""
    new = services.NewEntry(**payload.dict())
    return _entries([services.fill_form(actor=actor_of(request), entry_id=entry_id, new=new)])[0]


@router.post("/form-entries/{uuid:entry_id}/person", permission="forms.person", response=dict)
def read_person(request: HttpRequest, entry_id: UUID, payload: PersonAsk) -> dict[str, Any]:
    """What is kept about the person visited, with a reason; logged."""
    return {"answers": services.read_person(actor=actor_of(request), entry_id=entry_id, reason=payload.reason)}


@router.post("/form-entries/{uuid:entry_id}/withdraw", permission="forms.view", response=EntryOut)
def withdraw(request: HttpRequest, entry_id: UUID) -> EntryOut:
    """The person visited takes the consent back: what is about them is deleted."""
    return _entries([services.withdraw(actor=actor_of(request), entry_id=entry_id)])[0]


@router.put("/photo-marks/{uuid:photo_id}", permission="cases.comment", response={204: None})
def mark_photo(request: HttpRequest, photo_id: UUID, payload: MarkIn) -> HttpResponse:
    """blur, dark, far: what the phone found wrong with a photo that was sent all the same."""
    services.mark_photo(actor=actor_of(request), photo_id=photo_id, **payload.dict())
    return HttpResponse(status=204)


@router.post("/cases/{uuid:case_id}/voice-notes/{uuid:voice_id}", permission="cases.comment", response={201: VoiceOut})
def add_voice(
    request: HttpRequest, case_id: UUID, voice_id: UUID, voice: UploadedFile = File(...), seconds: int = Form(...)
) -> Status[VoiceOut]:
    """A recording (multipart: voice, seconds): WebM, Ogg or MP4, at most 2 MB and two minutes."""
    if (voice.size or 0) > rules.MAX_SOUND:
        raise TooLarge(f"a voice note has at most {rules.MAX_SOUND // 1024 // 1024} MB", field="voice")
    row = services.add_voice(
        actor=actor_of(request), case_id=case_id, voice_id=voice_id, data=voice.read(), seconds=seconds
    )
    return Status(201, _voices([row])[0])


@router.get("/cases/{uuid:case_id}/field", permission="cases.view", response=dict)
def case_extras(request: HttpRequest, case_id: UUID) -> dict[str, Any]:
    """What phones add to a case: its voice notes, and the marks of its photos by photo id."""
    actor = actor_of(request)
    return {"voices": _voices(selectors.voices(actor, case_id)), "marks": selectors.marks(actor, case_id)}
