"""Letters that somebody asked for: asked, confirmed, sent, ended. An address is opened only when there is a letter."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from smtplib import SMTPException, SMTPRecipientsRefused
from uuid import UUID

from django.core.mail import get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.utils.translation import override

from linli.cases import facade as cases
from linli.kernel import clock, jobs, personal, services
from linli.kernel.actor import SYSTEM
from linli.kernel.errors import NotFound
from linli.portal import letters, limits, wishes
from linli.portal.models import Alert
from linli.portal.signed import opened

log = logging.getLogger("linli.portal")
MOST_EACH, MOST_LETTERS, MOST_FAILURES = 20, 3, 5
NEWS = 40  # of one letter
UNSURE, TICKET_DAYS = timedelta(days=2), timedelta(days=400)


def ask(*, address: str, area_code: str = "", big_class: str = "", ticket: UUID | None = None, language: str) -> None:
    """Note a wish and send the letter that asks whether it was meant. Tells nobody whether the address is known."""
    if limits.count("letter", address.lower()) > MOST_LETTERS:
        return
    with services.unit(SYSTEM):
        held = Alert.objects.filter(address__blind=address)
        row = held.filter(area_code=area_code, big_class=big_class, ticket=ticket).first()
        if row is None:
            if held.count() >= MOST_EACH:
                return
            row = Alert(area_code=area_code, big_class=big_class, ticket=ticket, language=language)
            row.address = address
            row.save(force_insert=True)
        jobs.defer(send_question, alert_id=str(row.id))


@jobs.task("portal.confirm_alert", attempts=5)
def send_question(alert_id: str) -> None:
    """The letter that asks; the address is opened in the worker and stands in no queue."""
    row = Alert.objects.filter(pk=alert_id).first()
    if row is None or row.address is None:
        return
    with services.unit(SYSTEM), override(row.language):
        subject, body = letters.question(row.id, wishes.words(row))
        letters.letter(row.id, subject, body, _address(row, "confirm_alert"), None).send()


def _address(row: Alert, purpose: str) -> str:
    return str(personal.read(actor=SYSTEM, instance=row, fields=("address",), purpose=purpose)["address"] or "")


def confirm(*, token: str) -> Alert:
    """The answer yes. Given again it renews the wish, whose time to be kept begins anew."""
    with transaction.atomic():
        row = Alert.objects.select_for_update().filter(pk=opened("confirm", token)).first()
        if row is None:
            raise NotFound()
        now = clock.now()
        if row.confirmed_at is None:
            row.confirmed_at = row.told_until = now
        row.renewed_at = now
        row.save(update_fields=["confirmed_at", "told_until", "renewed_at"])
    return row


def stop(*, token: str) -> None:
    """The wish ends and its row goes; ending it again is no error."""
    Alert.objects.filter(pk=opened("stop", token)).delete()


def stop_ticket(*, ticket: UUID) -> None:
    """Whoever withdraws their consent hears no more of the ticket."""
    Alert.objects.filter(ticket=ticket).delete()


def tell() -> int:
    """Write to all who have something to hear; returns how many letters went out."""
    if not letters.enabled():
        return 0
    sent = 0
    keys = list(Alert.objects.filter(confirmed_at__isnull=False).order_by("id").values_list("id", flat=True))
    by = get_connection()
    try:
        by.open()
        for key in keys:
            sent += _tell(key, by)
    except (SMTPException, OSError) as error:
        log.warning("mail server: %s; the rest is sent later", type(error).__name__)
    finally:
        by.close()
    return sent


def _tell(key: UUID, by: BaseEmailBackend) -> int:
    """One letter, and until when it told, in one transaction: after a crash the letter may come twice, never not."""
    with transaction.atomic():
        row = Alert.objects.select_for_update(skip_locked=True).filter(pk=key).first()
        if row is None or row.address is None:
            return 0
        now = clock.now()
        with override(row.language):
            words = _news(row)
            if words is None:
                return 0
            letter = letters.letter(row.id, *words, _address(row, "case_news"), by)
        try:
            letter.send()
        except SMTPRecipientsRefused:
            _refused(row)
            return 0
        row.told_until, row.failures = now, 0
        row.save(update_fields=["told_until", "failures"])
        return 1


def _news(row: Alert) -> tuple[str, str] | None:
    if row.ticket is not None:
        news = cases.ticket_news(row.ticket, row.told_until)
        return letters.ticket_news(news) if news else None
    if (area := wishes.area_path(row)) is None:
        return None
    items = cases.public_news(area, row.big_class, row.told_until, NEWS)
    return letters.area_news([(i, wishes.community(i)) for i in items], wishes.words(row)) if items else None


def _refused(row: Alert) -> None:
    row.failures += 1
    if row.failures >= MOST_FAILURES:
        row.delete()
    else:
        row.save(update_fields=["failures"])


def purge(now: datetime) -> None:
    """Forget wishes that were not confirmed, whose address is gone, or whose ticket is long over."""
    Alert.objects.filter(confirmed_at__isnull=True, created_at__lt=now - UNSURE).delete()
    Alert.objects.filter(address__isnull=True).delete()
    Alert.objects.filter(ticket__isnull=False, renewed_at__lt=now - TICKET_DAYS).delete()
