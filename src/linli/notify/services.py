"""Writes of one's own settings. An address counts once the letter to it was answered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from smtplib import SMTPRecipientsRefused
from typing import Any
from uuid import UUID

from django.core import signing
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import override

from linli.identity import facade as identity
from linli.kernel import audit, clock, jobs, mail, personal, services
from linli.kernel.actor import SYSTEM, Actor
from linli.kernel.errors import Conflict, Invalid, NotFound, TooMany
from linli.kernel.i18n import say
from linli.notify import letters, rules, selectors
from linli.notify.models import Choice, Waiting

SALT, LINK_DAYS = "notify.address", timedelta(days=2)
MOST_LETTERS = 5  # a day that ask: nobody fills a stranger's box


def choose(*, actor: Actor, channels: Mapping[str, str], quiet_from: time | None, quiet_until: time | None,
           digest_at: time) -> None:  # fmt: skip
    """All of one's settings but the address. What waited for a letter and is no longer wanted by one goes."""
    for kind, channel in channels.items():
        if kind not in rules.KINDS:
            raise Invalid("channels", f"{kind} is no kind of notice")
        if channel not in rules.CHANNELS:
            raise Invalid(f"channels.{kind}", f"must be one of {', '.join(rules.CHANNELS)}")
    if (quiet_from is None) != (quiet_until is None) or (quiet_from is not None and quiet_from == quiet_until):
        raise Invalid("quiet_until", say("开始与结束都要填, 且不能相同", "give both ends, which must differ"))
    if any(one is not None and one.tzinfo for one in (quiet_from, quiet_until, digest_at)):
        raise Invalid("digest_at", "are hours of the district, without a zone")
    with services.unit(actor):
        row = _own(actor)
        kept = {kind: channels.get(kind, row.channels.get(kind, rules.APP)) for kind in rules.KINDS}
        row.channels = {kind: channel for kind, channel in kept.items() if channel != rules.APP}
        row.quiet_from, row.quiet_until, row.digest_at = quiet_from, quiet_until, digest_at
        row.renewed_at = clock.now()
        row.save()
        Waiting.objects.filter(choice=row).exclude(kind__in=list(row.channels)).delete()
        _noted(actor, row, "choose", {"channels": row.channels})


def set_address(*, actor: Actor, address: str) -> None:
    """Enter an address and send the letter that asks; until it is answered nothing else goes there."""
    clean = address.strip()
    if not mail.enabled():
        raise Conflict(say("本辖区没有邮件服务器", "This district has no server for mail"), code="no-mail")
    try:
        validate_email(clean)
    except ValidationError:
        raise Invalid("address", say("不像是邮箱地址", "does not look like an e-mail address")) from None
    if len(clean) > 254:
        raise Invalid("address", "has more than 254 characters")
    with services.unit(actor):
        row, now = _own(actor), clock.now()
        asked = [one for one in row.asked if datetime.fromisoformat(one) > now - timedelta(days=1)]
        if len(asked) >= MOST_LETTERS:
            raise TooMany(say("今天发出的确认邮件已够多", "Enough letters were sent today"), retry_after=3600)
        row.address, row.confirmed_at, row.failures, row.renewed_at = clean, None, 0, now
        row.address_no += 1
        row.asked = [*asked, now.isoformat()]
        row.save()
        _noted(actor, row, "address", {})
        jobs.defer(_job(), choice_id=str(row.id))


def _job() -> Any:
    from linli.notify import jobs as own

    return own.confirm


def send_question(choice_id: str) -> None:
    """The letter that asks; the address is opened in the worker and stands in no queue."""
    row = Choice.objects.filter(pk=choice_id).first()
    if row is None or row.address is None or row.confirmed_at is not None:
        return
    account = identity.account(row.account_id)
    token = signing.TimestampSigner(salt=SALT).sign(f"{row.id}:{row.address_no}")
    with services.unit(SYSTEM), override(account.language if account else None):
        subject, body = letters.question(f"/console/notices?confirm={token}")
        try:
            mail.letter(subject, body, opened(row, "confirm_staff_mail"), None).send()
        except SMTPRecipientsRefused:
            row.failures += 1
            row.save(update_fields=["failures"])


def opened(row: Choice, purpose: str) -> str:
    """The address in clear, with a row in the log of readings."""
    return str(personal.read(actor=SYSTEM, instance=row, fields=("address",), purpose=purpose)["address"] or "")


def confirm(*, actor: Actor, token: str) -> None:
    """The answer to the letter, by the one who entered the address."""
    try:
        said = signing.TimestampSigner(salt=SALT).unsign(token, max_age=LINK_DAYS)
    except signing.BadSignature:
        raise NotFound() from None
    with services.unit(actor):
        row = _own(actor)
        if said != f"{row.id}:{row.address_no}" or row.address is None:
            raise NotFound()
        row.confirmed_at = row.renewed_at = clock.now()
        row.failures = 0
        row.save()
        _noted(actor, row, "confirm", {})


def drop_address(*, actor: Actor) -> None:
    """No more letters, at once; what was chosen stays for another address."""
    with services.unit(actor):
        row = _own(actor)
        row.address, row.confirmed_at, row.failures = None, None, 0
        row.address_no += 1
        row.save()
        Waiting.objects.filter(choice=row).delete()
        _noted(actor, row, "drop_address", {})


def _own(actor: Actor) -> Choice:
    """One's own row, locked; made when first needed."""
    account: UUID = selectors.account_of(actor)
    Choice.objects.get_or_create(account_id=account)
    return Choice.objects.select_for_update(of=("self",)).get(account_id=account)


def _noted(actor: Actor, row: Choice, act: str, detail: dict[str, Any]) -> None:
    audit.record(actor=actor, action=f"notices.{act}", kind="account", ref=row.account_id, detail=detail)
