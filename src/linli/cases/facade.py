"""What other modules call. Values in `contracts`; all writes keep audit, events and masks by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from linli.cases import tables
from linli.cases.contracts import (
    CardCase,
    CaseFacts,
    ClassInfo,
    Contact,
    Done,
    NewCase,
    OutsideCase,
    OutsideFilter,
    OutsideUpdate,
    OwnCase,
    PublicCase,
    PublicCell,
    PublicItem,
    PublicTicket,
    Receipt,
    Referral,
    SeenCase,
    TeamSuggestion,
    TicketNews,
)
from linli.cases.selectors import cells, letters, listing, openly, papers, public, suggest, supervision, visible
from linli.cases.selectors import facts as facts_selectors
from linli.cases.selectors import outside as outside_reads
from linli.cases.services import act as act_services
from linli.cases.services import answers, cards, doors, intake, notes, photos, referring, reminding, voices
from linli.cases.services import outside as outside_writes
from linli.kernel.actor import Actor

__all__ = [
    "CardCase",
    "CaseFacts",
    "ClassInfo",
    "Contact",
    "Done",
    "NewCase",
    "OutsideCase",
    "OutsideFilter",
    "OutsideUpdate",
    "OwnCase",
    "PublicCase",
    "PublicCell",
    "PublicItem",
    "PublicTicket",
    "Receipt",
    "Referral",
    "SeenCase",
    "TeamSuggestion",
    "TicketNews",
]


def report_signal(
    *, actor: Actor, channel: str, class_code: str | None = None, text: str = "", lon: float | None = None,
    lat: float | None = None, unit_id: UUID | None = None, address: str = "", photos: Sequence[bytes] = (),
    contact: Contact | None = None, private: bool | None = None, kind: str = "problem", urgent: bool = False,
    want_secret: bool | None = None, idempotency_key: str = "", within: str = "", area: str = "",
) -> Receipt:  # fmt: skip
    """Take in a report. `photos` are untrusted bytes. The same `idempotency_key` of the same actor reports once.

    With `within`, only where the actor has that permission. `area`: where it is filed when only words say where.
    """
    new = NewCase(
        channel=channel, kind=kind, class_code=class_code or "", text=text, lon=lon, lat=lat, unit_id=unit_id,
        address=address, private=private, urgent=urgent, contact=contact, photos=tuple(photos), area=area,
        want_secret=channel in ("qr", "web", "open311") if want_secret is None else want_secret,
    )  # fmt: skip
    if idempotency_key:
        return intake.create_once(actor=actor, new=new, key=idempotency_key, within=within)
    return intake.create_case(actor=actor, new=new, within=within)


def public_status(secret: str) -> PublicTicket:
    """The ticket behind a secret; NotFound for a guess."""
    return public.ticket(notes.reporter_of(secret, follower=True))


def ticket_photo(secret: str, file_id: UUID) -> bytes:
    """A picture of one's own report."""
    return public.ticket_photo(notes.reporter_of(secret, follower=True), file_id)


def open_at_unit(unit_id: UUID, limit: int = 20) -> list[PublicCase]:
    return public.open_at_unit(unit_id, limit)


def open_near_unit(unit_id: UUID, lon: float, lat: float, limit: int = 10) -> list[PublicCase]:
    """Open public cases at a unit and so near it that they may be the same matter."""
    return public.open_near_unit(unit_id, lon, lat, limit)


def open_near(lon: float, lat: float, limit: int = 10) -> list[PublicCase]:
    """Open public cases so near a point that they may be the same matter."""
    return public.open_near_unit(UUID(int=0), lon, lat, limit)


def public_pins(limit: int = 2000) -> list[PublicCase]:
    return public.public_pins(limit)


def me_too(case_id: UUID) -> int:
    """One more neighbour has it; returns how many have by now."""
    return notes.me_too(case_id=case_id)


def follow(case_id: UUID) -> str:
    """A secret link for a neighbour who has it too: how the case goes, without anybody's words."""
    return voices.follow(case_id=case_id)


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


def seen_case(actor: Actor, case_id: UUID) -> SeenCase:
    """Where a case lies and who is told of it, if `actor` sees it; NotFound otherwise."""
    case = visible.get(actor, case_id)
    return SeenCase(case.id, case.number, case.area_path, visible.PRIVATE if case.private else visible.VIEW)


def classes_of(case_ids: Sequence[UUID]) -> dict[UUID, str]:
    """The class of each case; '' where none was chosen yet."""
    return visible.classes_of(case_ids)


def reported_by(actor: Actor, since: datetime) -> list[OwnCase]:
    """The actor's own open reports of a patrol since then, newest first, at most 100."""
    return visible.reported_by(actor, since)


def card_case(actor: Actor, case_id: UUID, *, lock: bool = False) -> CardCase:
    """A case that run cards may be started for, if `actor` sees it; NotFound otherwise. `lock`: until the commit."""
    return cards.case(actor, case_id, lock=lock)


def card_act(*, actor: Actor, case_id: UUID, act: str, note: str, detail: dict[str, Any]) -> None:
    """What a run card or a joint operation did goes into the case's timeline, the audit and the live events.

    `act`: card_… or operation_…, see `selectors.detail`.
    """
    cards.told(actor=actor, case_id=case_id, act=act, note=note, detail=detail)


def desk_lines(actor: Actor, area: str, limit: int) -> dict[str, list[dict[str, Any]]]:
    """For hand-over notes: {urgent, overdue: cases as lists show them; promises: see `papers.promises`}."""
    return {
        "urgent": papers.urgent_open(actor, area, limit),
        "overdue": papers.overdue_first(actor, area, limit),
        "promises": papers.promises(actor, area, limit),
    }


def desk_day(actor: Actor, area: str, since: datetime, until: datetime, limit: int) -> dict[str, Any]:
    """For the day's page: {tally, classes, overdue, solved} of a span of 24 hours; see `selectors.papers`."""
    return {
        "tally": papers.tally(actor, area, since, until),
        "classes": papers.by_class(actor, area, until),
        "overdue": papers.overdue_first(actor, area, limit),
        "solved": papers.solved(actor, area, since, until, limit),
    }


def zone() -> ZoneInfo:
    """The time zone of the district's calendar."""
    return tables.calendar().zone


def refer(*, actor: Actor, case_id: UUID, to: str, reason: str) -> Done:
    """Hand a case to another system; `case.changed` with act `refer` tells its adapter."""
    return referring.refer(actor=actor, case_id=case_id, to=to, reason=reason)


def referral(case_id: UUID) -> Referral | None:
    """Where a case was referred to, while it is there."""
    return referring.referral(case_id)


def referral_sent(*, case_id: UUID, ref: str) -> None:
    """The other system took it over and calls it `ref`."""
    referring.sent(case_id=case_id, ref=ref)


def referral_news(*, case_id: UUID, note: str, outcome: str = "") -> Done:
    """Progress told by the other system; `outcome`: done or refused, which brings the case back."""
    return referring.news(case_id=case_id, note=note, outcome=outcome)


def outside_sent(*, case_id: UUID, system: str, reference: str, name: str) -> bool:
    """Another system has taken the case in, under its own `reference`; False when that was known."""
    return outside_writes.sent(case_id=case_id, system=system, reference=reference, name=name)


def outside_update(
    *, actor: Actor, case_id: UUID, system: str, update_id: str, status: str, text: str, at: datetime,
    acts: Sequence[str] = (), name: str = "",
) -> bool:  # fmt: skip
    """News of a case from another system, once per `update_id`; does the first of `acts` that the case allows now."""
    return outside_writes.update(
        actor=actor, case_id=case_id, system=system, update_id=update_id, status=status, text=text, at=at, acts=acts,
        name=name,
    )  # fmt: skip


def outside_cases(actor: Actor, f: OutsideFilter, *, limit: int, skip: int = 0) -> list[OutsideCase]:
    """Cases as the actor may hand them on, newest first: anybody gets public cases and public fields only."""
    return outside_reads.cases(actor, f, limit=limit, skip=skip)


def outside_case(actor: Actor, case_id: UUID) -> OutsideCase:
    return outside_reads.case(actor, case_id)


def outside_owner(case_id: UUID) -> tuple[UUID | None, str, bool, str]:
    """(who made it, channel, whether it is private, its area), for deciding where a case may go."""
    return outside_reads.owner(case_id)


def outside_referred(case_id: UUID) -> str:
    """The name of the system that somebody referred the case to by hand."""
    return outside_reads.referred_to(case_id)


def outside_updates(
    actor: Actor, *, since: datetime, until: datetime, without: str = "", case_id: UUID | None = None, limit: int = 1000
) -> list[OutsideUpdate]:
    """Public steps of cases the actor may hear of, oldest first, without those that came from the system `without`."""
    return outside_reads.updates(actor, since=since, until=until, without=without, case_id=case_id, limit=limit)


def outside_pictures(case_id: UUID) -> list[tuple[UUID, bytes]]:
    """The released pictures of a case."""
    return outside_reads.pictures(case_id)


def classes() -> list[ClassInfo]:
    """The catalogue's classes with the conditions in force today."""
    return outside_reads.classes()


def facts(case_ids: Sequence[UUID]) -> list[CaseFacts]:
    """What may be counted of these cases."""
    return facts_selectors.facts(case_ids)


def ids_after(after: UUID | None, limit: int) -> list[UUID]:
    """This district's cases by their ids, page by page."""
    return facts_selectors.ids_after(after, limit)


def rows_seen(actor: Actor, case_ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """Of these cases those that the actor sees, as its lists show them."""
    return {item["id"]: item for item in listing.by_ids(actor, case_ids)}


def stage_name(code: str) -> dict[str, str]:
    """{zh, en} of a stage that has a clock; empty for an unknown one."""
    found = tables.stages().stages.get(code) or tables.transitions().stages.get(code)
    return {"zh": found.zh, "en": found.en} if found else {}


def class_names(codes: Sequence[str]) -> dict[str, dict[str, str]]:
    """{zh, en} of classes, big classes and kinds of the catalogue."""
    known = tables.catalogue()
    found = {c: known.classes.get(c) or known.big.get(c) for c in codes}
    return {c: {"zh": x.zh, "en": x.en} for c, x in found.items() if x}


def big_class_of(code: str) -> str:
    """The big class of a class; '' for an unknown one."""
    found = tables.catalogue().classes.get(code)
    return found.big if found else ""


def acts_known() -> frozenset[str]:
    """The acts of the transition table in force."""
    return frozenset(tables.transitions().transitions)


def supervision_page(
    actor: Actor, reason: str, *, area: str = "", team: UUID | None = None, class_prefix: str = "",
    cursor: str | None = None, limit: int = 50,
) -> dict[str, Any]:  # fmt: skip
    """A page of the desk of supervision: overdue, stuck, sent_back, unhappy, beyond, answer_due or supervised."""
    wanted = supervision.Wanted(area, team, class_prefix)
    return supervision.page(actor, reason, wanted, cursor=cursor, limit=limit)


def supervision_counts(
    actor: Actor, *, area: str = "", team: UUID | None = None, class_prefix: str = ""
) -> dict[str, int]:
    """How many each reason has; 1001 means more than 1000."""
    return supervision.counts(actor, supervision.Wanted(area, team, class_prefix))


def supervision_letter(actor: Actor, case_id: UUID) -> dict[str, Any]:
    return letters.letter(actor, case_id)


def remind(*, actor: Actor, case_ids: Sequence[UUID], note: str, preview: bool = False) -> list[dict[str, Any]]:
    """Remind the teams that have these cases (催办); with `preview` only say who would be told."""
    return reminding.remind(actor=actor, case_ids=case_ids, note=note, preview=preview)
