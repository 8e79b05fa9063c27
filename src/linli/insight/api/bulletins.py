"""Bulletins (通报): drafted from figures, edited, issued, withdrawn; as Word and PDF."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Schema, Status

from linli.identity import facade as identity
from linli.insight.api import router
from linli.insight.api.files import FORMS, in_language, sent, written
from linli.insight.models import BULLETIN_STATES, Bulletin
from linli.insight.report import papers
from linli.insight.selectors import asking
from linli.insight.selectors import bulletins as reads
from linli.insight.services import bulletins as writes
from linli.kernel import paging
from linli.kernel.errors import Invalid
from linli.kernel.http import actor_of


class DraftIn(Schema):
    """`area`: left out, the caller's own. `period` is week, month, quarter … around `day`, or any `start` and `end`."""

    area: str | None = None
    period: str = "week"
    day: date | None = None
    start: date | None = None
    end: date | None = None
    public: bool = False


class Words(Schema):
    zh: str | None = None
    en: str | None = None


class BulletinPatch(Schema):
    version: int
    title: Words | None = None
    sections: dict[str, Words] = {}


class IssueIn(Schema):
    version: int


class WithdrawIn(Schema):
    reason: str


class BulletinOut(Schema):
    id: UUID
    number: str | None
    area_path: str
    period: str
    start: date
    end: date
    state: str
    public: bool
    title: dict[str, str]
    version: int
    by_name: str
    created_at: datetime
    issued_by_name: str
    issued_at: datetime | None
    withdrawn_at: datetime | None
    withdrawn_why: str
    centres: list[dict[str, Any]]


class BulletinFull(BulletinOut):
    """`sections`: {code, heading: {zh, en}, zh, en}; `figures`: what was counted when it was drafted."""

    sections: list[dict[str, Any]]
    figures: dict[str, Any]


def _out(rows: list[Bulletin]) -> list[BulletinFull]:
    names = identity.display_name({who for r in rows for who in (r.by, r.issued_by) if who})
    return [
        BulletinFull(
            by_name=names.get(r.by, "") if r.by else "",
            issued_by_name=names.get(r.issued_by, "") if r.issued_by else "",
            **{name: getattr(r, name) for name in (
                "id", "number", "area_path", "period", "start", "end", "state", "public", "title", "version",
                "created_at", "issued_at", "withdrawn_at", "withdrawn_why", "centres", "sections", "figures")},
        )
        for r in rows
    ]  # fmt: skip


def _given(words: Words | None) -> dict[str, str]:
    return {k: v for k, v in (words.dict() if words else {}).items() if v is not None}


@router.get("/bulletins", permission=asking.VIEW, response=paging.Page[BulletinOut])
def list_bulletins(
    request: HttpRequest, cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT, state: str | None = None
) -> paging.Page[BulletinFull]:
    """The newest first; drafts only where one writes bulletins."""
    query = reads.visible(actor_of(request))
    if state:
        if state not in BULLETIN_STATES:
            raise Invalid("state", f"must be one of {', '.join(BULLETIN_STATES)}")
        query = query.filter(state=state)
    rows, more = paging.keyset(query, key=("-created_at", "-id"), cursor=cursor, limit=limit)
    return paging.Page(items=_out(rows), next=more)


@router.post("/bulletins", permission=reads.WRITE, response={201: BulletinFull})
def draft_bulletin(request: HttpRequest, payload: DraftIn) -> Status[BulletinFull]:
    """A draft with its sentences in both languages and the figures as they are now. With `public`, small counts are
    withheld."""
    return Status(201, _out([writes.draft(actor=actor_of(request), **payload.dict())])[0])


@router.get("/bulletins/{uuid:bulletin_id}", permission=asking.VIEW, response=BulletinFull)
def get_bulletin(request: HttpRequest, bulletin_id: UUID) -> BulletinFull:
    return _out([reads.get(actor_of(request), bulletin_id)])[0]


@router.patch("/bulletins/{uuid:bulletin_id}", permission=reads.WRITE, response=BulletinFull)
def edit_bulletin(request: HttpRequest, bulletin_id: UUID, payload: BulletinPatch) -> BulletinFull:
    """Other words for a draft, by language; `version` as the caller saw it."""
    row = writes.edit(
        actor=actor_of(request), bulletin_id=bulletin_id, version=payload.version, title=_given(payload.title),
        sections={code: _given(words) for code, words in payload.sections.items()},
    )  # fmt: skip
    return _out([row])[0]


@router.delete("/bulletins/{uuid:bulletin_id}", permission=reads.WRITE, response={204: None})
def discard_bulletin(request: HttpRequest, bulletin_id: UUID) -> Status[None]:
    """Throw a draft away."""
    writes.discard(actor=actor_of(request), bulletin_id=bulletin_id)
    return Status(204, None)


@router.post("/bulletins/{uuid:bulletin_id}/issue", permission=reads.WRITE, response=BulletinFull)
def issue_bulletin(request: HttpRequest, bulletin_id: UUID, payload: IssueIn) -> BulletinFull:
    """Number it and send it to the centres of its area."""
    return _out([writes.issue(actor=actor_of(request), bulletin_id=bulletin_id, version=payload.version)])[0]


@router.post("/bulletins/{uuid:bulletin_id}/withdraw", permission=reads.WRITE, response=BulletinFull)
def withdraw_bulletin(request: HttpRequest, bulletin_id: UUID, payload: WithdrawIn) -> BulletinFull:
    return _out([writes.withdraw(actor=actor_of(request), bulletin_id=bulletin_id, reason=payload.reason)])[0]


@router.get("/bulletins/{uuid:bulletin_id}/file.{form}", permission=asking.VIEW, response={200: str})
def bulletin_file(request: HttpRequest, bulletin_id: UUID, form: str, lang: str = "") -> HttpResponse:
    """As `docx` or `pdf`."""
    if form not in FORMS:
        raise Invalid("form", "must be docx or pdf")
    actor = actor_of(request)
    row = reads.get(actor, bulletin_id)
    who = identity.display_name({row.issued_by}).get(row.issued_by, "") if row.issued_by else ""
    data, kind = written(papers.bulletin(row, in_language(lang), who), form)
    return sent(actor, data, kind, f"bulletin-{row.number or row.start}.{form}", kind="bulletin", area=row.area_path)
