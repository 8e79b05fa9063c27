"""What other modules call. Values in `contracts`; all writes keep audit, events and masks by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from linli.cases import tables
from linli.cases.contracts import (
    Contact,
    Done,
    NewCase,
    PublicCase,
    PublicCell,
    PublicItem,
    PublicTicket,
    Receipt,
    TeamSuggestion,
    TicketNews,
)  # fmt: skip
from linli.cases.selectors import cells, openly, public, suggest
from linli.cases.services import act as act_services
from linli.cases.services import answers, doors, intake, notes, photos
from linli.kernel.actor import Actor

__all__ = [
    "Contact",
    "Done",
    "NewCase",
    "PublicCase",
    "PublicCell",
    "PublicItem",
    "PublicTicket",
    "Receipt",
    "TeamSuggestion",
    "TicketNews",
]  # fmt: skip


def report_signal(
    *, actor: Actor, channel: str, class_code: str | None = None, text: str = "", lon: float | None = None,
    lat: float | None = None, unit_id: UUID | None = None, address: str = "", photos: Sequence[bytes] = (),
    contact: Contact | None = None, private: bool | None = None, kind: str = "problem", urgent: bool = False,
    want_secret: bool | None = None, idempotency_key: str = "",
) -> Receipt:  # fmt: skip
    """Take in a report. `photos` are untrusted bytes. The same `idempotency_key` of the same actor reports once."""
    new = NewCase(
        channel=channel, kind=kind, class_code=class_code or "", text=text, lon=lon, lat=lat, unit_id=unit_id,
        address=address, private=private, urgent=urgent, contact=contact, photos=tuple(photos),
        want_secret=channel in ("qr", "web", "open311") if want_secret is None else want_secret,
    )  # fmt: skip
    if idempotency_key:
        return intake.create_once(actor=actor, new=new, key=idempotency_key)
    return intake.create_case(actor=actor, new=new)


def public_status(secret: str) -> PublicTicket:
    """The ticket behind a secret; NotFound for a guess."""
    return public.ticket(notes.reporter_of(secret))


def ticket_photo(secret: str, file_id: UUID) -> bytes:
    """A picture of one's own report."""
    return public.ticket_photo(notes.reporter_of(secret), file_id)


def open_at_unit(unit_id: UUID, limit: int = 20) -> list[PublicCase]:
    return public.open_at_unit(unit_id, limit)


def public_pins(limit: int = 2000) -> list[PublicCase]:
    return public.public_pins(limit)


def me_too(case_id: UUID) -> int:
    """One more neighbour has it; returns how many have by now."""
    return notes.me_too(case_id=case_id)


def withdraw_contact(secret: str) -> list[str]:
    return notes.withdraw_contact(secret=secret)


def correct_contact(secret: str, *, phone: str = "", name: str = "") -> None:
    notes.correct_contact(secret=secret, phone=phone, name=name)


def own_data(secret: str) -> dict[str, Any]:
    return notes.own_data(secret=secret)


def reopen(secret: str, reason: str = "") -> None:
    answers.reopen(secret=secret, reason=reason)


def confirm_solved(secret: str, score: int | None = None) -> None:
    """The reporter says that it is solved, with 1 to 5 stars if they like."""
    answers.confirm(secret=secret, score=score)


def ticket_by_phone(phone: str, code: str) -> str:
    """What opens a ticket for a day, for its phone number and short code together; '' for anything else."""
    return doors.by_phone(phone, code)


def ticket_ref(secret: str) -> UUID:
    """What a ticket is called where its secret must not be kept."""
    return notes.reporter_of(secret).id


def ticket_news(ticket: UUID, since: datetime) -> TicketNews | None:
    """What happened with a ticket since a moment; None when nothing did."""
    return openly.ticket_news(ticket, since)


def public_done(area: str = "", cursor: str = "", limit: int = 30) -> tuple[list[PublicItem], str]:
    """Public cases that ended with work done, newest first, and the cursor of the next page."""
    return openly.done(area, cursor, limit)


def public_case(number: str) -> PublicItem:
    """One public case by its number; NotFound for any other."""
    return openly.by_number(number)


def public_feed(area: str = "", class_code: str = "", limit: int = 40) -> list[PublicItem]:
    """The newest public cases that a person has filed, of an area and of classes that begin with a code."""
    return openly.feed(area, class_code, limit)


def public_news(area: str, class_code: str, since: datetime, limit: int = 40) -> list[PublicItem]:
    """Public cases filed or done since a moment."""
    return openly.news(area, class_code, since, limit, timedelta(days=400))


def public_heat(since: datetime, side_m: int, lat: float, least: int) -> list[PublicCell]:
    """Squares with at least `least` public cases reported since a moment."""
    return cells.heat(since, cells.side(side_m, lat), least)


def public_month(first: date, side_m: int, lat: float, least: int) -> list[PublicCell]:
    """Public cases of a month by square and class, each at least `least`."""
    return cells.month(first, cells.side(side_m, lat), least)


def public_months(most: int) -> list[date]:
    return cells.months(most)


def big_classes() -> list[tuple[str, str, str]]:
    """Code and both names of the big classes that the public may see something of."""
    book = tables.catalogue()
    shown = {c.big for c in book.classes.values() if not c.private}
    return [(b.code, b.zh, b.en) for b in book.big.values() if b.code in shown]


def act(*, actor: Actor, case_id: UUID, action: str, version: int | None = None, **given: Any) -> Done:
    """Do an act of the transition table (see packs/standard/transitions/cases.yaml)."""
    return act_services.act(actor=actor, case_id=case_id, action=action, version=version, given=given)


def add_photo(*, actor: Actor, case_id: UUID, stage: str, data: bytes) -> UUID:
    """Add a picture (report, before, after); returns its file id."""
    return photos.add_photo(actor=actor, case_id=case_id, stage=stage, data=data).file_id


def suggest_team(case_id: UUID) -> TeamSuggestion | None:
    return suggest.first_for(case_id)
