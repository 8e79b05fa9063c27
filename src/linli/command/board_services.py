"""Writes of the bulletin board."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from linli.command import board_selectors
from linli.command.models import BoardNote, BoardRead
from linli.kernel import audit, clock, events, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Forbidden, Invalid
from linli.kernel.i18n import say
from linli.kernel.masks import mask_text
from linli.orgs import facade as orgs

MAX_TITLE, MAX_TEXT = 80, 2000


def write_note(
    *, actor: Actor, centre_id: UUID, title: str, text: str = "", pinned: bool = False,
    from_at: datetime | None = None, until_at: datetime | None = None,
) -> BoardNote:  # fmt: skip
    """A note on a centre's board; phone and ID numbers in it are masked."""
    centre = orgs.centre(centre_id)
    if centre is None or not actor.can("board.write", centre.area_path):
        raise Invalid("centre_id", "is not a centre for which you write")
    start = from_at or clock.now()
    if until_at is not None and until_at <= max(start, clock.now()):
        raise Invalid("until_at", "must come after the beginning, and after now")
    clean = _text("title", title, MAX_TITLE)
    if not clean:
        raise Invalid("title", f"needs 1 to {MAX_TITLE} characters")
    with services.unit(actor):
        row = BoardNote.objects.create(
            centre_id=centre_id, area_path=centre.area_path, title=clean, text=_text("text", text, MAX_TEXT),
            pinned=pinned, from_at=start, until_at=until_at, by=actor.account_id,
        )  # fmt: skip
        _told(actor, row, "write")
    return board_selectors.note(actor, row.id)


def withdraw_note(*, actor: Actor, note_id: UUID) -> BoardNote:
    """Take a note from the board: its writer, or who may write for the area."""
    with services.unit(actor):
        seen = board_selectors.note(actor, note_id)
        row = BoardNote.objects.select_for_update().get(pk=seen.pk)
        if not actor.can("board.write", row.area_path):
            raise Forbidden(say("只有发布的中心可以撤下", "Only who writes for the centre takes a note down"))
        if row.withdrawn_at is None:
            row.withdrawn_at = clock.now()
            row.save(update_fields=["withdrawn_at"])
            _told(actor, row, "withdraw")
    seen.withdrawn_at = row.withdrawn_at
    return seen


def read_note(*, actor: Actor, note_id: UUID) -> BoardNote:
    """The actor has read a note; again changes nothing. An own note does not count."""
    with services.unit(actor):
        seen = board_selectors.note(actor, note_id)
        if actor.account_id is not None and seen.by != actor.account_id:
            made = BoardRead.objects.bulk_create(
                [BoardRead(note_id=seen.pk, account_id=actor.account_id)], ignore_conflicts=True
            )
            if made and not seen.read:
                _told(actor, seen, "read")
    return board_selectors.note(actor, note_id)


def _text(field: str, value: str, most: int) -> str:
    clean = value.strip()
    if len(clean) > most or "\0" in clean:
        raise Invalid(field, f"must have at most {most} characters")
    return mask_text(clean)[0]


def _told(actor: Actor, row: BoardNote, act: str) -> None:
    audit.record(actor=actor, action=f"board.{act}", kind="board", ref=row.id, area=row.area_path)
    events.emit(type="board.changed", kind="board", ref=row.id, area=row.area_path, permission="board.view",
                centre=row.centre_id, data={"act": act, "centre_id": str(row.centre_id)})  # fmt: skip
