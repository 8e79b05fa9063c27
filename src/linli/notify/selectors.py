"""Reads of notify: one's own settings, and who chose to have a notice by e-mail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from linli.identity import facade as identity
from linli.kernel import mail
from linli.kernel.actor import Actor
from linli.kernel.errors import Forbidden
from linli.kernel.events import Envelope
from linli.notify import rules
from linli.notify.models import Choice

TO_ONE = "account:"


def account_of(actor: Actor) -> UUID:
    """Only people have settings of their own, not keys of programs."""
    if actor.kind != "account" or actor.account_id is None:
        raise Forbidden("sign in; an API key cannot do this")
    return actor.account_id


def shown(actor: Actor) -> dict[str, Any]:
    """One's own settings; the address masked."""
    row = Choice.objects.filter(account_id=account_of(actor)).first() or Choice()
    return {
        "mail": mail.enabled(), "address": str(row.address or ""), "confirmed": row.confirmed_at is not None,
        "refused": row.failures > 0, "channels": {kind: row.channels.get(kind, rules.APP) for kind in rules.KINDS},
        "quiet_from": row.quiet_from, "quiet_until": row.quiet_until, "digest_at": row.digest_at,
    }  # fmt: skip


def choosing(kind: str) -> QuerySet[Choice]:
    """Whoever has this kind by e-mail, with an address that was confirmed."""
    return Choice.objects.filter(channels__has_key=kind, confirmed_at__isnull=False, address__isnull=False)


def interest() -> Callable[[Envelope], bool]:
    """Nobody has to look at a notice that nobody wants by e-mail."""
    if not mail.enabled():
        return lambda envelope: False
    wanted = {kind for kind in rules.KINDS if choosing(kind).exists()}
    return lambda envelope: envelope.data.get("act") in wanted


def recipients(envelope: Envelope) -> list[Choice]:
    """Who chose to have it by e-mail, of those whom it is for."""
    rows = choosing(str(envelope.data.get("act", "")))
    if envelope.audience.startswith(TO_ONE):
        return list(rows.filter(account_id=envelope.audience.removeprefix(TO_ONE)))
    if not envelope.permission:
        return []
    return [row for row in rows.order_by("id") if may(row.account_id, envelope.permission, envelope.area)]


def may(account_id: UUID, permission: str, area: str) -> bool:
    actor = identity.actor_for(account_id)
    return actor is not None and actor.can(permission, area)
