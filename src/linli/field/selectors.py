"""Reads of field. Members see what they filled themselves; the desk what lies in its areas; nobody a person's part."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from linli.cases import facade as cases
from linli.field import rules, tables
from linli.field.models import CaseAnswers, Entry, PhotoMark, VoiceNote
from linli.kernel import clock
from linli.kernel.actor import Actor
from linli.kernel.errors import NotFound
from linli.kernel.models import StoredFile
from linli.kernel.scope import area_q
from linli.work import facade as work

MOST = 200
ASKED_FOR = timedelta(days=14)  # so long a phone is reminded of what is missing


@dataclass(frozen=True, slots=True)
class CaseForm:
    """A form of a case, with what was answered to it; `answers` is None before anything was."""

    form: rules.Form
    answers: CaseAnswers | None


def entries(actor: Actor, kind: str = "") -> QuerySet[Entry]:
    found = Entry.objects.filter(area_q(actor, "forms.review") | Q(by_id=actor.account_id)).defer("person")
    return found.filter(kind=kind) if kind else found


def entry(actor: Actor, entry_id: UUID) -> Entry:
    found = entries(actor).filter(id=entry_id).first()
    if found is None:
        raise NotFound()
    return found


def with_person(ids: list[UUID]) -> set[UUID]:
    """Which of these hold a person's part."""
    return set(Entry.objects.filter(id__in=ids, person__isnull=False).values_list("id", flat=True))


def voices(actor: Actor, case_id: UUID) -> list[VoiceNote]:
    cases.seen_case(actor, case_id)
    return list(VoiceNote.objects.filter(case_id=case_id).order_by("at", "id")[:MOST])


def marks(actor: Actor, case_id: UUID) -> dict[str, list[str]]:
    """Photo id → its marks."""
    cases.seen_case(actor, case_id)
    rows = PhotoMark.objects.filter(case_id=case_id).order_by("at")[:MOST]
    return {str(row.photo_id): row.marks for row in rows}


def may_hear(actor: Actor, owner_ref: str, file: StoredFile) -> bool:
    try:
        cases.seen_case(actor, UUID(owner_ref))
    except NotFound:
        return False
    return True


def case_forms(actor: Actor, case_id: UUID) -> list[CaseForm]:
    """The forms of a case: those its class asks, and those answered before its class was changed."""
    cases.seen_case(actor, case_id)
    held = {row.form_code: row for row in CaseAnswers.objects.filter(case_id=case_id)}
    asked = tables.class_forms(cases.classes_of([case_id]).get(case_id, ""))
    kept = [form for code, form in tables.forms().items() if code in held and form not in asked]
    return [CaseForm(form, held.get(form.code)) for form in (*asked, *kept)]


def asked_forms(actor: Actor) -> dict[str, Any]:
    """For a member's phone: the classes of one's running tasks, and what one's own cases and finished tasks still lack.

    {tasks: [{task_id, case_id, class_code}], missing: [{case_id, number, form}]}
    """
    since = clock.now() - ASKED_FOR
    tasks = [one for one in work.tasks_of_member(actor, since) if one.case_id]
    reported = cases.reported_by(actor, since)
    classes = cases.classes_of([one.case_id for one in tasks if one.case_id])
    wanted = [(row.id, row.number, form) for row in reported for form in _needed(row.class_code, "report")]
    for task in tasks:
        if task.done_at and task.case_id:
            wanted += [(task.case_id, task.title, form) for form in _needed(classes.get(task.case_id, ""), "finish")]
    complete = _complete({case_id for case_id, _, _ in wanted})
    return {
        "tasks": [
            {"task_id": str(one.id), "case_id": str(one.case_id), "class_code": classes.get(one.case_id, "")}
            for one in tasks
            if one.case_id and not one.done_at
        ],
        "missing": [
            {"case_id": str(case_id), "number": number, "form": code}
            for case_id, number, code in dict.fromkeys(wanted)
            if (case_id, code) not in complete
        ],
    }


def _needed(class_code: str, at: str) -> list[str]:
    """Codes of the forms of a class that have a field which must be answered."""
    return [form.code for form in tables.class_forms(class_code, at) if any(f.required for f in form.fields)]


def _complete(case_ids: Iterable[UUID]) -> set[tuple[UUID, str]]:
    rows = CaseAnswers.objects.filter(case_id__in=list(case_ids), missing=[])
    return set(rows.values_list("case_id", "form_code"))
