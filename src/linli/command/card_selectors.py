"""Reads of run cards: who sees the case sees its cards."""

from __future__ import annotations

from uuid import UUID

from linli.cases import facade as cases
from linli.command.models import CardRun
from linli.kernel.actor import Actor
from linli.kernel.errors import NotFound


def run(actor: Actor, run_id: UUID) -> CardRun:
    found = CardRun.objects.filter(id=run_id).first()
    if found is None:
        raise NotFound()
    cases.card_case(actor, found.case_id)
    return found


def runs_of(actor: Actor, case_id: UUID) -> list[CardRun]:
    """The run cards of a case, oldest first."""
    cases.card_case(actor, case_id)
    return list(CardRun.objects.filter(case_id=case_id).prefetch_related("steps").order_by("started_at", "id"))
