"""Many voices, one case: reports joined to an open case, neighbours who follow it, and what that does to priority."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from linli.cases import intake_tables
from linli.cases.contracts import Contact
from linli.cases.models import Case, Reporter, Signal
from linli.cases.selectors import visible
from linli.cases.services import common, intake
from linli.kernel import clock, ids, services
from linli.kernel.actor import PUBLIC, SYSTEM, Actor
from linli.kernel.errors import Conflict, Invalid, NotFound


@dataclass(frozen=True, slots=True)
class Joined:
    case_id: UUID
    number: str
    signal_count: int
    priority: int
    secret: str = ""


def join_signal(
    *, actor: Actor, case_id: UUID, text: str, channel: str = "staff", contact: Contact | None = None
) -> Joined:
    """One more report of a matter that is known: its words go to the case, its reporter may hear of it as well."""
    if not text.strip() or len(text) > intake.MAX_TEXT or "\0" in text:
        raise Invalid("text", f"needs 1 to {intake.MAX_TEXT} characters")
    with services.unit(actor):
        case, at = visible.get(actor, case_id, lock=True), clock.now()
        actor.require("cases.create", case.area_path)
        if case.source != "linli" or case.closed_at is not None:
            raise Conflict(common.say("案件已经结束", "The case has ended"))
        clear, hidden = intake.masked(text.strip(), contact)
        Signal.objects.create(case=case, kind="report", ref=ids.new_id(), at=at,
                              data={"text": clear, "channel": channel})  # fmt: skip
        case.signal_count += 1
        secret = _listener(case, contact, text if hidden else "", at) if contact and contact.consent else ""
        case.save(update_fields=["signal_count"])
        raise_priority(case=case, at=at)
        common.entry(case=case, actor=actor, act="signal", at=at, note=clear, detail={"channel": channel})
        common.record(case=case, actor=actor, act="signal", detail={"channel": channel})
        common.tell(case=case, actor=actor, type="case.changed", act="signal")
    return Joined(case.id, case.number, case.signal_count, case.priority, secret)


def _listener(case: Case, contact: Contact, original: str, at: datetime) -> str:
    """Who said it too and wants to hear: a ticket of the same case, with their own contact sealed in it."""
    secret = secrets.token_urlsafe(18)
    row = Reporter(case=case, token_hash=hashlib.sha256(secret.encode()).digest(), consent_at=at, created_at=at,
                   follower=True)  # fmt: skip
    row.phone, row.name = contact.phone.strip()[:32] or None, contact.name.strip()[:60] or None
    if original:
        row.original = original
    row.save(force_insert=True)
    return secret


def follow(*, case_id: UUID) -> str:
    """A secret link by which a neighbour sees how an open public case goes, not its reporter's words and pictures."""
    with services.unit(PUBLIC):
        case = Case.objects.filter(pk=case_id, private=False, closed_at=None, source="linli").defer("tokens").first()
        if case is None:
            raise NotFound()
        secret = secrets.token_urlsafe(18)
        Reporter(case=case, token_hash=hashlib.sha256(secret.encode()).digest(), follower=True).save(force_insert=True)
        common.record(case=case, actor=PUBLIC, act="follow")
    return secret


def raise_priority(*, case: Case, at: datetime) -> None:
    """Priority by how many said it, as the packs' rule and cap say; in the caller's transaction, on a locked case."""
    heard = case.signal_count + case.me_too
    wanted = intake_tables.voices().priority(heard, case.priority)
    if wanted == case.priority:
        return
    before, case.priority = case.priority, wanted
    case.save(update_fields=["priority"])
    common.entry(case=case, actor=SYSTEM, act="voices", at=at,
                 detail={"voices": heard, "priority": wanted, "before": before})  # fmt: skip
