"""Routes of command."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Schema, Status

from linli.command import board_api, card_api, operation_api, paper, selectors, services
from linli.command.models import Handover
from linli.command.router import router
from linli.identity import facade as identity
from linli.kernel import paging
from linli.kernel.http import actor_of
from linli.kernel.scope import area_or_own, within

__all__ = ["board_api", "card_api", "operation_api", "router"]


class DayOut(Schema):
    """`worse`: {class_code, zh, en, now, usual}; `overdue`, `solved`: cases as in lists."""

    area: str
    since: datetime
    until: datetime
    tally: dict[str, int]
    worse: list[dict[str, Any]]
    overdue: list[dict[str, Any]]
    solved: list[dict[str, Any]]


class HandoverIn(Schema):
    """`area`: left out, the caller's own."""

    area: str | None = None


class LineNote(Schema):
    key: str
    note: str


class HandoverPatch(Schema):
    note: str | None = None
    lines: list[LineNote] = []


class HandoverOut(Schema):
    id: UUID
    area_path: str
    state: str
    by: UUID | None
    by_name: str
    taken_by: UUID | None
    taken_by_name: str
    note: str
    line_count: int
    created_at: datetime
    handed_at: datetime | None
    taken_at: datetime | None


class HandoverFull(HandoverOut):
    """`lines`: {key, kind: urgent, promise, alarm or overdue, ref, number, zh, en, area_path, due_at, note, …}."""

    lines: list[dict[str, Any]]


def _out(rows: list[Handover]) -> list[HandoverFull]:
    names = identity.display_name({who for r in rows for who in (r.by, r.taken_by) if who})
    return [
        HandoverFull(
            id=r.id, area_path=r.area_path, state=r.state, by=r.by, by_name=names.get(r.by, "") if r.by else "",
            taken_by=r.taken_by, taken_by_name=names.get(r.taken_by, "") if r.taken_by else "", note=r.note,
            line_count=len(r.lines), created_at=r.created_at, handed_at=r.handed_at, taken_at=r.taken_at, lines=r.lines,
        )
        for r in rows
    ]  # fmt: skip


@router.get("/desk/day", permission="desk.view", response=DayOut)
def get_day(request: HttpRequest, area: str | None = None, date: date | None = None) -> dict[str, Any]:
    """The day on one page: of today the 24 hours up to now, of a day before that whole day."""
    actor = actor_of(request)
    return selectors.day(actor, area_or_own(actor, "desk.view", area), date)


@router.get("/desk/day.pdf", permission="desk.view")
def print_day(request: HttpRequest, area: str | None = None, date: date | None = None) -> HttpResponse:
    actor = actor_of(request)
    return paper.response(paper.day_pdf(selectors.day(actor, area_or_own(actor, "desk.view", area), date)), "day")


@router.get("/handovers", permission="desk.view", response=paging.Page[HandoverOut])
def list_handovers(
    request: HttpRequest, cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT, state: str | None = None,
    area: str | None = None,
) -> paging.Page[HandoverFull]:  # fmt: skip
    """The newest first; drafts only one's own. `area`: of that area and below."""
    query = selectors.handovers(actor_of(request))
    if state:
        query = query.filter(state=state)
    if area:
        query = query.filter(within(area))
    rows, more = paging.keyset(query, key=("-created_at", "-id"), cursor=cursor, limit=limit)
    return paging.Page(items=_out(rows), next=more)


@router.post("/handovers", permission="desk.handover", response={201: HandoverFull})
def write_handover(request: HttpRequest, payload: HandoverIn) -> Status[HandoverFull]:
    """One's draft for an area, filled with what is open now; asked again, it is filled anew and keeps one's words."""
    return Status(201, _out([services.write_handover(actor=actor_of(request), area=payload.area)])[0])


@router.get("/handovers/{uuid:handover_id}", permission="desk.view", response=HandoverFull)
def get_handover(request: HttpRequest, handover_id: UUID) -> HandoverFull:
    return _out([selectors.handover(actor_of(request), handover_id)])[0]


@router.get("/handovers/{uuid:handover_id}/pdf", permission="desk.view")
def print_handover(request: HttpRequest, handover_id: UUID) -> HttpResponse:
    return paper.response(paper.handover_pdf(selectors.handover(actor_of(request), handover_id)), "handover")


@router.patch("/handovers/{uuid:handover_id}", permission="desk.handover", response=HandoverFull)
def edit_handover(request: HttpRequest, handover_id: UUID, payload: HandoverPatch) -> HandoverFull:
    row = services.edit_handover(
        actor=actor_of(request), handover_id=handover_id, note=payload.note,
        line_notes={line.key: line.note for line in payload.lines},
    )  # fmt: skip
    return _out([row])[0]


@router.delete("/handovers/{uuid:handover_id}", permission="desk.handover", response={204: None})
def discard_handover(request: HttpRequest, handover_id: UUID) -> Status[None]:
    services.discard_handover(actor=actor_of(request), handover_id=handover_id)
    return Status(204, None)


@router.post("/handovers/{uuid:handover_id}/hand", permission="desk.handover", response=HandoverFull)
def hand_over(request: HttpRequest, handover_id: UUID) -> HandoverFull:
    return _out([services.hand_over(actor=actor_of(request), handover_id=handover_id)])[0]


@router.post("/handovers/{uuid:handover_id}/take", permission="desk.handover", response=HandoverFull)
def take_over(request: HttpRequest, handover_id: UUID) -> HandoverFull:
    return _out([services.take_over(actor=actor_of(request), handover_id=handover_id)])[0]
