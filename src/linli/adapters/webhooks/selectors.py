"""Reads of webhooks: one's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery

from linli.adapters.webhooks import rules
from linli.adapters.webhooks.models import Delivery, Hook
from linli.kernel.actor import Actor
from linli.kernel.envelope import Envelope
from linli.kernel.errors import Invalid, NotFound
from linli.kernel.i18n import say

MANAGE = "integrations.manage"
STANDINGS = {
    "waiting": Q(state="waiting", attempts=0),
    "retrying": Q(state="waiting", attempts__gt=0),
    "given_up": Q(state="failed"),
    "sent": Q(state="sent"),
}


def hooks(actor: Actor) -> QuerySet[Hook]:
    """An account's own: a hook hears what its account may, so nobody else changes where that goes."""
    return Hook.objects.filter(account_id=actor.account_id) if actor.can(MANAGE) else Hook.objects.none()


def hook(actor: Actor, hook_id: UUID) -> Hook:
    found = hooks(actor).filter(pk=hook_id).first()
    if found is None:
        raise NotFound()
    return found


def deliveries(actor: Actor, hook_id: UUID, standing: str = "") -> QuerySet[Delivery]:
    """A hook's messages; `standing` narrows them to one of STANDINGS."""
    if standing and standing not in STANDINGS:
        raise Invalid("standing", say("只能是 ", "must be one of ") + ", ".join(STANDINGS))
    found = Delivery.objects.filter(hook=hook(actor, hook_id)).defer("body")
    return found.filter(STANDINGS[standing]) if standing else found


def delivery(actor: Actor, hook_id: UUID, delivery_id: UUID) -> Delivery:
    found = Delivery.objects.filter(hook=hook(actor, hook_id), pk=delivery_id).first()
    if found is None:
        raise NotFound()
    return found


def overview(rows: Sequence[Hook]) -> dict[UUID, dict[str, Any]]:
    """Of each hook: how many messages wait, are tried again and were given up, and its last one. Two reads."""
    keys = [row.pk for row in rows]
    open_ones = Delivery.objects.filter(~Q(state="sent"), hook__in=keys).order_by().values("hook_id")
    counts = open_ones.annotate(**{name: Count("id", filter=STANDINGS[name]) for name in STANDINGS if name != "sent"})
    newest = Delivery.objects.filter(hook=OuterRef("pk")).order_by("-created_at", "-id").values("pk")[:1]
    last = Delivery.objects.filter(pk__in=Hook.objects.filter(pk__in=keys).values(last=Subquery(newest))).defer("body")
    found: dict[UUID, dict[str, Any]] = {
        key: {"waiting": 0, "retrying": 0, "given_up": 0, "last": None} for key in keys
    }
    for row in counts:
        found[row.pop("hook_id")].update(row)
    for one in last:
        found[one.hook_id]["last"] = one
    return found


def wish(row: Hook) -> rules.Wish:
    return rules.Wish(row.account_id, row.types, row.area_path, row.permissions, row.since)


def interest() -> Callable[[Envelope], bool]:
    """Whether any hook wants an event, by what the hooks are now: one read for a batch of events. Who may hear what is
    decided when the event is queued."""
    known = [wish(row) for row in Hook.objects.filter(enabled=True).defer("secret", "prior_secret")]
    return lambda envelope: any(rules.wishes(one, envelope) for one in known)
