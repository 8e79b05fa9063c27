"""Reads of webhooks: one's own."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.db.models import QuerySet

from linli.adapters.webhooks import rules
from linli.adapters.webhooks.models import Delivery, Hook
from linli.kernel.actor import Actor
from linli.kernel.envelope import Envelope
from linli.kernel.errors import NotFound

MANAGE = "integrations.manage"


def hooks(actor: Actor) -> QuerySet[Hook]:
    """An account's own: a hook hears what its account may, so nobody else changes where that goes."""
    return Hook.objects.filter(account_id=actor.account_id) if actor.can(MANAGE) else Hook.objects.none()


def hook(actor: Actor, hook_id: UUID) -> Hook:
    found = hooks(actor).filter(pk=hook_id).first()
    if found is None:
        raise NotFound()
    return found


def deliveries(actor: Actor, hook_id: UUID) -> QuerySet[Delivery]:
    return Delivery.objects.filter(hook=hook(actor, hook_id)).defer("body")


def wish(row: Hook) -> rules.Wish:
    return rules.Wish(row.account_id, row.types, row.area_path, row.permissions, row.since)


def interest() -> Callable[[Envelope], bool]:
    """Whether any hook wants an event, by what the hooks are now: one read for a batch of events. Who may hear what is
    decided when the event is queued."""
    known = [wish(row) for row in Hook.objects.filter(enabled=True).defer("secret")]
    return lambda envelope: any(rules.wishes(one, envelope) for one in known)
