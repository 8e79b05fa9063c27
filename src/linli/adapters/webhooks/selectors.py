"""Reads of webhooks: one's own."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from linli.adapters.webhooks.models import Delivery, Hook
from linli.kernel.actor import Actor
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
