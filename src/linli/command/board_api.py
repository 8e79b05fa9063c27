"""Routes of the bulletin board, on command's router."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.http import HttpRequest
from ninja import Schema, Status
from pydantic import AwareDatetime

from linli.command import board_selectors, board_services
from linli.command.models import BoardNote
from linli.command.router import router
from linli.identity import facade as identity
from linli.kernel import paging
from linli.kernel.http import actor_of
from linli.orgs import facade as orgs
from linli.orgs.contracts import CentreInfo


class BoardIn(Schema):
    """`from_at`: left out, now. `until_at`: left out, until it is withdrawn."""

    centre_id: UUID
    title: str
    text: str = ""
    pinned: bool = False
    from_at: AwareDatetime | None = None
    until_at: AwareDatetime | None = None


class BoardOut(Schema):
    """`read`: by the caller. `read_count`: only for the writer, and a number only."""

    id: UUID
    centre_id: UUID
    centre: dict[str, str]
    area_path: str
    title: str
    text: str
    pinned: bool
    from_at: datetime
    until_at: datetime | None
    by_name: str
    mine: bool
    read: bool
    read_count: int | None
    withdrawn_at: datetime | None


def _out(request: HttpRequest, rows: list[BoardNote], all_: list[CentreInfo] | None = None) -> list[BoardOut]:
    me, names = actor_of(request).account_id, identity.display_name({r.by for r in rows if r.by})
    centres = {c.id: {"zh": c.name_zh, "en": c.name_en} for c in (orgs.centres() if all_ is None else all_)}
    return [
        BoardOut(
            id=r.id, centre_id=r.centre_id, centre=centres.get(r.centre_id, {}), area_path=r.area_path,
            title=r.title, text=r.text, pinned=r.pinned, from_at=r.from_at, until_at=r.until_at,
            by_name=names.get(r.by, "") if r.by else "",
            mine=r.by is not None and r.by == me, read=r.read, withdrawn_at=r.withdrawn_at,
            read_count=r.read_count if r.by is not None and r.by == me else None,
        )
        for r in rows
    ]  # fmt: skip


@router.get("/board", permission="board.view", response=paging.Page[BoardOut])
def list_notes(
    request: HttpRequest, cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT, centre_id: UUID | None = None,
    past: bool = False, own: bool = False,
) -> paging.Page[BoardOut]:  # fmt: skip
    """What stands on the boards one reads, pinned ones first. `past`: one's own that no longer stand too.
    `own`: only of the centres one works in."""
    centres = orgs.centres()
    query = board_selectors.notes(actor_of(request), past=past, centres=centres)
    if own:
        query = query.filter(board_selectors.own(actor_of(request), centres))
    if centre_id:
        query = query.filter(centre_id=centre_id)
    rows, more = paging.keyset(query, key=("-pinned", "-from_at", "-id"), cursor=cursor, limit=limit)
    return paging.Page(items=_out(request, rows, centres), next=more)


@router.post("/board", permission="board.write", response={201: BoardOut})
def write_note(request: HttpRequest, payload: BoardIn) -> Status[BoardOut]:
    return Status(201, _out(request, [board_services.write_note(actor=actor_of(request), **payload.dict())])[0])


@router.put("/board/{uuid:note_id}/read", permission="board.view", response=BoardOut)
def read_note(request: HttpRequest, note_id: UUID) -> BoardOut:
    """I have read it. The writer sees how many have, never who."""
    return _out(request, [board_services.read_note(actor=actor_of(request), note_id=note_id)])[0]


@router.post("/board/{uuid:note_id}/withdraw", permission="board.write", response=BoardOut)
def withdraw_note(request: HttpRequest, note_id: UUID) -> BoardOut:
    return _out(request, [board_services.withdraw_note(actor=actor_of(request), note_id=note_id)])[0]
