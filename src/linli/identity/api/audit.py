"""The audit as auditors read it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from ninja import Schema, Status

from linli.identity import audit_selectors, facade
from linli.identity.api.base import router
from linli.kernel import paging, seals
from linli.kernel.http import actor_of
from linli.kernel.models import PersonalRead


class AuditOut(Schema):
    seq: int
    at: datetime
    actor: str
    action: str
    kind: str
    ref: str
    area_path: str
    detail: dict[str, Any]


@router.get("/audit", permission="audit.view", response=paging.Page[AuditOut])
def list_audit(
    request: HttpRequest,
    cursor: str | None = None,
    limit: int = paging.DEFAULT_LIMIT,
    kind: str | None = None,
    ref: str | None = None,
    actor: str | None = None,
    action: str | None = None,
) -> paging.Page[AuditOut]:
    query = audit_selectors.audit_rows(actor_of(request), kind=kind, ref=ref, who=actor, action=action)
    rows, more = paging.keyset(query, key=("-seq",), cursor=cursor, limit=limit)
    return paging.Page(items=[AuditOut.from_orm(r) for r in rows], next=more)


class SealOut(Schema):
    """A seal over the audit rows `first_seq..last_seq`. Keep `head` elsewhere: `linli audit verify --head` takes it."""

    number: int
    at: datetime
    first_seq: int
    last_seq: int
    count: int
    root: str
    previous: str
    head: str


class PersonalReadOut(Schema):
    id: UUID
    at: datetime
    actor: str
    account_id: UUID | None
    display_name: str
    subject_kind: str
    subjects: list[str]
    fields: list[str]
    purpose: str
    reason: str
    refused: bool
    area_path: str

    @staticmethod
    def of(row: PersonalRead, names: dict[UUID, str]) -> PersonalReadOut:
        return PersonalReadOut(
            id=row.id, at=row.at, actor=row.actor, account_id=row.account_id, subject_kind=row.subject_kind,
            subjects=row.subjects, fields=row.fields, purpose=row.purpose, reason=row.reason, refused=row.refused,
            area_path=row.area_path, display_name=names.get(row.account_id, "") if row.account_id else "",
        )  # fmt: skip


@router.get("/audit/seals", permission="audit.view", response=paging.Page[SealOut])
def list_seals(
    request: HttpRequest, cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT
) -> paging.Page[SealOut]:
    rows, more = paging.keyset(audit_selectors.seals(), key=("-number",), cursor=cursor, limit=limit)
    return paging.Page(items=[SealOut.from_orm(r) for r in rows], next=more)


@router.post("/audit/seals", permission="audit.seal", response={200: SealOut | None, 201: SealOut})
def make_seal(request: HttpRequest) -> Status[SealOut | None]:
    """Seal what is not sealed yet: 201 with the seal, 200 with null when there is nothing (or a write still runs)."""
    made = seals.seal()
    return Status(201, SealOut.from_orm(made)) if made else Status(200, None)


@router.get("/personal-reads", permission="personal.reads", response=paging.Page[PersonalReadOut])
def list_personal_reads(
    request: HttpRequest,
    subject_kind: str | None = None,
    subject_id: str | None = None,
    cursor: str | None = None,
    limit: int = paging.DEFAULT_LIMIT,
) -> paging.Page[PersonalReadOut]:
    """Who opened personal data, why, and whether it was refused; never the data."""
    query = audit_selectors.personal_reads(actor_of(request), subject_kind=subject_kind, subject_id=subject_id)
    rows, more = paging.keyset(query, key=("-at", "-id"), cursor=cursor, limit=limit)
    names = facade.display_name({r.account_id for r in rows if r.account_id})
    return paging.Page(items=[PersonalReadOut.of(r, names) for r in rows], next=more)
