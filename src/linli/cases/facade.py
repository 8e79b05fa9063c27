"""What other modules call. Values in `contracts`; all writes keep audit, events and masks by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from linli.cases.contracts import Contact, Done, NewCase, PublicCase, PublicTicket, Receipt, SeenCase, TeamSuggestion
from linli.cases.selectors import public, suggest, visible
from linli.cases.services import act as act_services
from linli.cases.services import intake, notes, photos
from linli.kernel.actor import Actor

__all__ = ["Contact", "Done", "NewCase", "PublicCase", "PublicTicket", "Receipt", "SeenCase", "TeamSuggestion"]


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


def reopen(secret: str, reason: str) -> None:
    notes.reopen_by_reporter(secret=secret, reason=reason)


def confirm_solved(secret: str) -> None:
    """The reporter says that it is solved."""
    notes.confirm_by_reporter(secret=secret)


def act(*, actor: Actor, case_id: UUID, action: str, version: int | None = None, **given: Any) -> Done:
    """Do an act of the transition table (see packs/standard/transitions/cases.yaml)."""
    return act_services.act(actor=actor, case_id=case_id, action=action, version=version, given=given)


def add_photo(*, actor: Actor, case_id: UUID, stage: str, data: bytes) -> UUID:
    """Add a picture (report, before, after); returns its file id."""
    return photos.add_photo(actor=actor, case_id=case_id, stage=stage, data=data).file_id


def suggest_team(case_id: UUID) -> TeamSuggestion | None:
    return suggest.first_for(case_id)


def seen_case(actor: Actor, case_id: UUID) -> SeenCase:
    """Where a case lies and who is told of it, if `actor` sees it; NotFound otherwise."""
    case = visible.get(actor, case_id)
    return SeenCase(case.id, case.number, case.area_path, visible.PRIVATE if case.private else visible.VIEW)
