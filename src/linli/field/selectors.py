"""Reads of field. Members see what they filled themselves; the desk what lies in its areas; nobody a person's part."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q, QuerySet

from linli.cases import facade as cases
from linli.field.models import Entry, PhotoMark, VoiceNote
from linli.kernel.actor import Actor
from linli.kernel.errors import NotFound
from linli.kernel.models import StoredFile
from linli.kernel.scope import area_q

MOST = 200


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
