"""Reads of intake hooks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from linli.adapters import entries
from linli.adapters.intake import rules
from linli.adapters.intake.models import IntakeDelivery, IntakeHook
from linli.kernel import clock, packs
from linli.kernel.actor import Actor
from linli.kernel.scope import area_q

MANAGE = entries.MANAGE
COUNTED = timedelta(days=7)
COUNTS = {
    "taken": Q(outcome="case"),
    "refused": Q(outcome__in=("refused", "signature", "limited")),
}


def hooks(actor: Actor) -> QuerySet[IntakeHook]:
    """Those of one's areas: an entry point is the district's, not an account's."""
    return IntakeHook.objects.filter(area_q(actor, MANAGE))


def hook(actor: Actor, hook_id: UUID) -> IntakeHook:
    return entries.one(hooks(actor), hook_id)


def by_code(code: str) -> IntakeHook | None:
    return IntakeHook.objects.filter(code=code).first()


def deliveries(actor: Actor, hook_id: UUID, outcome: str = "") -> QuerySet[IntakeDelivery]:
    entries.wrong_outcome(outcome, rules.OUTCOMES)
    found = IntakeDelivery.objects.filter(hook=hook(actor, hook_id)).defer("mark", "answer")
    return found.filter(outcome=outcome) if outcome else found


def overview(rows: Sequence[IntakeHook]) -> dict[UUID, dict[str, Any]]:
    """Of each entry point: how many messages of the last seven days became a case, how many were refused, and the
    last one. Two reads."""
    keys = [row.pk for row in rows]
    week = IntakeDelivery.objects.filter(hook__in=keys, created_at__gte=clock.now() - COUNTED).order_by()
    counts = week.values("hook_id").annotate(**{name: Count("id", filter=which) for name, which in COUNTS.items()})
    last = entries.newest(IntakeHook.objects.filter(pk__in=keys), IntakeDelivery.objects.all())
    found: dict[UUID, dict[str, Any]] = {key: {"taken": 0, "refused": 0, "last": None} for key in keys}
    for row in counts:
        found[row.pop("hook_id")].update(row)
    for one in last.defer("mark", "answer"):
        found[one.hook_id]["last"] = one
    return found


def presets() -> list[dict[str, object]]:
    """Mappings that the packs offer, each with a sample; a later pack's replaces one of the same code."""
    found = {
        path.stem: {"code": path.stem, **packs.read_yaml(path)} for path in packs.files("intake_hooks", (".yaml",))
    }
    return list(found.values())
