"""Reads of reading hooks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet, Sum

from linli.adapters import entries
from linli.adapters.readings import signing
from linli.adapters.readings.models import ReadingDelivery, ReadingHook, UnknownNumber
from linli.kernel import clock
from linli.kernel.actor import Actor
from linli.kernel.scope import area_q
from linli.telemetry import contracts as telemetry

MANAGE = entries.MANAGE
COUNTED = timedelta(days=1)


def hooks(actor: Actor) -> QuerySet[ReadingHook]:
    """Those of one's areas that are not retired."""
    return ReadingHook.objects.filter(area_q(actor, MANAGE), retired_at=None)


def hook(actor: Actor, hook_id: UUID) -> ReadingHook:
    return entries.one(hooks(actor), hook_id)


def by_code(code: str) -> ReadingHook | None:
    return ReadingHook.objects.filter(code=code, retired_at=None).first()


def deliveries(actor: Actor, hook_id: UUID, outcome: str = "") -> QuerySet[ReadingDelivery]:
    entries.wrong_outcome(outcome, signing.OUTCOMES)
    found = ReadingDelivery.objects.filter(hook=hook(actor, hook_id))
    return found.filter(outcome=outcome) if outcome else found


def unknown_numbers(actor: Actor, hook_id: UUID) -> QuerySet[UnknownNumber]:
    """Codes and numbers that no device of the hook's area has."""
    return UnknownNumber.objects.filter(hook=hook(actor, hook_id))


def overview(rows: Sequence[ReadingHook]) -> dict[UUID, dict[str, Any]]:
    """Of each hook: readings stored and pushes refused in the last day, and the last push. Two reads."""
    keys = [row.pk for row in rows]
    day = ReadingDelivery.objects.filter(hook__in=keys, created_at__gte=clock.now() - COUNTED).order_by()
    refused = Count("id", filter=Q(outcome__in=("refused", "signature", "limited")))
    counts = day.values("hook_id").annotate(stored=Sum("readings"), refused=refused)
    last = entries.newest(ReadingHook.objects.filter(pk__in=keys), ReadingDelivery.objects.all())
    found: dict[UUID, dict[str, Any]] = {key: {"stored": 0, "refused": 0, "last": None} for key in keys}
    for row in counts:
        found[row.pop("hook_id")].update({k: v or 0 for k, v in row.items()})
    for one in last:
        found[one.hook_id]["last"] = one
    return found


def presets() -> list[dict[str, Any]]:
    """Mappings that the packs offer for platforms; those of thing models are for what devices publish themselves."""
    return [
        {"code": code, "zh": one["zh"], "en": one["en"], "source": one["source"], "unchecked": one.get("unchecked"),
         "auth": one["auth"], "mapping": {k: one[k] for k in telemetry.PAYLOAD_WORDS if k in one},
         "sample": one.get("sample", {})}
        for code, one in telemetry.payload_presets().items() if one.get("auth")
    ]  # fmt: skip
