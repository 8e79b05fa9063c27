"""Notices on their way: noted when they are told, sent when they may, dropped when they are no longer anybody's."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from smtplib import SMTPException, SMTPRecipientsRefused
from uuid import UUID

from django.core.mail import get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone
from django.utils.translation import override

from linli.cases import facade as cases
from linli.identity import facade as identity
from linli.kernel import clock, mail, services
from linli.kernel.actor import SYSTEM, Actor
from linli.kernel.events import Envelope
from linli.notify import letters, rules, selectors
from linli.notify.models import Choice, Waiting
from linli.notify.services import opened

log = logging.getLogger("linli.notify")
MOST_FAILURES, KEEP = 5, timedelta(days=3)


def note(envelope: Envelope) -> int:
    """A notice waits for each who chose it by e-mail; returns for how many. Runs with the event's inbox row."""
    at, data = datetime.fromisoformat(envelope.at), envelope.data
    rows = []
    for choice in selectors.recipients(envelope):
        channel = choice.channels[data["act"]]
        urgent = bool(data.get("urgent"))
        when = rules.not_before(clock.now(), channel=channel, urgent=urgent, hours=choice.hours, zone=cases.zone())
        due = data.get("due_at")
        rows.append(
            Waiting(
                choice=choice, event_id=UUID(envelope.id), kind=data["act"], case_id=UUID(envelope.ref),
                number=data["number"], area_path=envelope.area, permission=envelope.permission,
                stage=data.get("stage", ""), urgent=urgent, due_at=datetime.fromisoformat(due) if due else None,
                at=at, daily=channel == rules.DIGEST and not urgent, not_before=when,
            )
        )  # fmt: skip
    Waiting.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def send() -> int:
    """One letter to each person whose notices may go out by now; returns how many letters went out."""
    due = Waiting.objects.filter(not_before__lte=clock.now()).order_by("choice_id")
    keys = list(due.values_list("choice_id", flat=True).distinct())
    if not keys or not mail.enabled():
        return 0
    sent, by = 0, get_connection()
    try:
        by.open()
        for key in keys:
            sent += _send(key, by)
    except (SMTPException, OSError) as error:
        log.warning("mail server: %s; the rest is sent later", type(error).__name__)
    finally:
        by.close()
    return sent


def _send(key: UUID, by: BaseEmailBackend) -> int:
    """One letter, and that it went out, in one transaction: after a crash it may come twice, never not."""
    with services.unit(SYSTEM):
        choice = Choice.objects.select_for_update(of=("self",), skip_locked=True).filter(pk=key).first()
        if choice is None:
            return 0
        rows = list(Waiting.objects.filter(choice=choice, not_before__lte=clock.now()).order_by("at", "id"))
        account, actor = identity.account(choice.account_id), identity.actor_for(choice.account_id)
        told = [] if actor is None else _still(actor, rows)
        if account is None or choice.address is None or choice.confirmed_at is None:
            told = []
        if told and account is not None:
            with override(account.language), timezone.override(cases.zone()):
                subject, body = letters.notices(told, daily=all(row.daily for row in told))
            try:
                mail.letter(subject, body, opened(choice, "staff_notice"), by).send()
                choice.failures = 0
            except SMTPRecipientsRefused:
                _refused(choice)
                told = []
            choice.save(update_fields=["failures", "confirmed_at"])
        Waiting.objects.filter(id__in=[row.id for row in rows]).delete()
        return bool(told)


def _still(actor: Actor, rows: Sequence[Waiting]) -> list[Waiting]:
    """Those that still concern this person: the case is open, and they may hear of it or are of its team."""
    facts = {one.id: one for one in cases.facts([row.case_id for row in rows])}
    found = []
    for row in rows:
        case = facts.get(row.case_id)
        if case is None or case.ended:
            continue
        if actor.can(row.permission, case.area_path) if row.permission else case.team_id in actor.team_ids:
            found.append(row)
    return found


def _refused(choice: Choice) -> None:
    """An address that is gone: after some letters nothing is sent there until it is confirmed anew."""
    choice.failures += 1
    if choice.failures >= MOST_FAILURES:
        choice.confirmed_at = None


def purge() -> int:
    """Notices that could not be sent for days are no news any more."""
    return Waiting.objects.filter(not_before__lt=clock.now() - KEEP).delete()[0]
