"""Comments of staff, the reporter's contact, and what a reporter does by the ticket's secret."""

from __future__ import annotations

import hashlib
from uuid import UUID

from linli.cases.models import Case, Comment, Reporter
from linli.cases.rules import moderation
from linli.cases.selectors import visible
from linli.cases.services import common, doors, voices
from linli.kernel import clock, personal, services
from linli.kernel.actor import PUBLIC, SYSTEM, Actor
from linli.kernel.errors import Conflict, Invalid, NotFound
from linli.kernel.masks import mask_text

MAX_COMMENT = 2000


def add_comment(*, actor: Actor, case_id: UUID, text: str) -> Comment:
    """A remark for colleagues; numbers in it are masked like in any free text."""
    clean = text.strip()
    if not clean or len(clean) > MAX_COMMENT or "\0" in clean:
        raise Invalid("text", f"needs 1 to {MAX_COMMENT} characters")
    with services.unit(actor):
        case = visible.get(actor, case_id)
        actor.require("cases.comment")
        row = Comment.objects.create(case=case, by=actor.account_id, text=mask_text(clean)[0])
        common.record(case=case, actor=actor, act="comment", detail={"comment": str(row.id)})
        common.tell(case=case, actor=actor, type="case.changed", act="comment")
    return row


def release_text(*, actor: Actor, case_id: UUID, release: bool) -> Case:
    """Let the public read a public case's words, which wait because of numbers in them; or hold them back (again)."""
    with services.unit(actor):
        case = visible.get(actor, case_id, lock=True)
        actor.require("cases.close", case.area_path)
        if release and case.private:
            raise Conflict("words of a private case are not released")
        if (moderation.HELD in case.flags) == release:
            kept = [f for f in case.flags if f != moderation.HELD]
            case.flags = kept if release else [*kept, moderation.HELD]
            case.save(update_fields=["flags"])
            act = "release_text" if release else "hold_text"
            common.entry(case=case, actor=actor, act=act, at=clock.now())
            common.record(case=case, actor=actor, act=act)
            common.tell(case=case, actor=actor, type="case.changed", act=act)
    return case


def read_contact(*, actor: Actor, case_id: UUID, purpose: str, reason: str) -> dict[str, object]:
    """The reporter's clear contact, for a stated purpose and reason; logged, and the reporter can see it."""
    with services.unit(actor):
        case = visible.get(actor, case_id)
        actor.require("cases.contact", case.area_path)
        row = Reporter.objects.filter(case=case).order_by("follower", "created_at").first()
        if row is None or (row.phone is None and row.name is None):
            raise NotFound("the reporter left no contact")
        found = personal.read(
            actor=actor, instance=row, fields=("phone", "name", "original"), purpose=purpose, reason=reason
        )
        common.entry(case=case, actor=actor, act="contact", at=clock.now(), detail={"purpose": purpose})
        common.record(case=case, actor=actor, act="contact", detail={"purpose": purpose})
        common.tell(case=case, actor=actor, type="case.changed", act="contact")
    return dict(found)


def find_by_phone(*, actor: Actor, phone: str, reason: str) -> list[UUID]:
    """Tickets of the very number that calls: exact match only, hotline only, logged whether any is found or not."""
    with services.unit(actor):
        actor.require("cases.contact")
        rows = personal.look_up(
            actor=actor, rows=Reporter.objects.select_related("case"), field="phone", value=phone,
            sees=lambda row: visible.sees(actor, row.case), purpose="phone_lookup", reason=reason,
        )  # fmt: skip
    return [r.case_id for r in rows]


def reporter_of(secret: str, *, follower: bool = False) -> Reporter:
    """The reporter's row behind a ticket's secret; NotFound for a guess. Neighbours who follow only where said so."""
    digest = hashlib.sha256(secret.encode()).digest()
    row = Reporter.objects.select_related("case").defer("case__tokens").filter(token_hash=digest).first()
    row = row or doors.behind(secret)
    if row is None or (row.follower and not follower):
        raise NotFound()
    return row


def withdraw_contact(*, secret: str) -> list[str]:
    """The reporter takes the consent back: contact and original words are gone at once."""
    with services.unit(PUBLIC):
        row = reporter_of(secret, follower=True)
        row.withdrawn_at = clock.now()
        row.save(update_fields=["withdrawn_at"])
        held = personal.erase(row)
        common.entry(case=row.case, actor=PUBLIC, act="withdraw", at=clock.now())
        common.record(case=row.case, actor=PUBLIC, act="withdraw", detail={"fields": held})
        common.tell(case=row.case, actor=PUBLIC, type="case.changed", act="withdraw")
    return held


def correct_contact(*, secret: str, phone: str, name: str) -> None:
    """The reporter corrects, or gives anew, the contact: that is consent."""
    with services.unit(PUBLIC):
        row = reporter_of(secret, follower=True)
        row.phone, row.name = phone.strip()[:32] or None, name.strip()[:60] or None
        row.consent_at, row.withdrawn_at = clock.now(), None
        row.save(update_fields=["phone", "name", "consent_at", "withdrawn_at"])
        common.record(case=row.case, actor=PUBLIC, act="correct_contact")
        common.tell(case=row.case, actor=PUBLIC, type="case.changed", act="correct_contact")


def own_data(*, secret: str) -> dict[str, object]:
    """All that is held about the reporter, for the reporter: access and portability. Logged as every reading."""
    row = reporter_of(secret, follower=True)
    fields = ("phone", "name", "original")
    clear = dict.fromkeys(fields)
    if any(getattr(row, f) is not None for f in fields):
        with services.unit(SYSTEM):
            clear = personal.read(actor=SYSTEM, instance=row, fields=fields, purpose="call_back", reason="own data")
    said = ("", "") if row.follower else (row.case.text, row.case.address)
    return {"number": row.case.number, "text": said[0], "address": said[1], **clear,
            "consent_at": row.consent_at, "withdrawn_at": row.withdrawn_at, "created_at": row.created_at}  # fmt: skip


def me_too(*, case_id: UUID) -> int:
    """One more neighbour has the same problem."""
    with services.unit(PUBLIC):
        case = Case.objects.select_for_update().filter(pk=case_id, private=False, closed_at=None).first()
        if case is None or case.source != "linli":
            raise NotFound()
        case.me_too += 1
        case.save(update_fields=["me_too"])
        voices.raise_priority(case=case, at=clock.now())
        common.record(case=case, actor=PUBLIC, act="me_too")
        common.tell(case=case, actor=PUBLIC, type="case.changed", act="me_too")
    return case.me_too
