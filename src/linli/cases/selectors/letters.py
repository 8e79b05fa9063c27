"""What a supervision letter (督办单) says of a case: the last supervision, also when it has ended."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from linli.cases.models import TimelineEntry
from linli.cases.selectors import listing, reasons, visible
from linli.kernel import clock
from linli.kernel.actor import Actor
from linli.kernel.errors import NotFound

ACTS = ("supervise", "answer_supervision", "lift_supervision")


def letter(actor: Actor, case_id: UUID) -> dict[str, Any]:
    """{number, at, until, words, state: waiting, late, answered or ended, answer, answered_at, ended_at, case: as in
    lists}; NotFound for a case that was never under supervision. Words are masked as the timeline keeps them."""
    case = visible.get(actor, case_id)
    rows = list(TimelineEntry.objects.filter(case_id=case_id, act__in=ACTS).order_by("-at", "-id")[:50])
    asked = next((r for r in rows if r.act == "supervise"), None)
    if asked is None:
        raise NotFound()
    after = [r for r in rows if (r.at, r.id) > (asked.at, asked.id)]
    answer = next((r for r in after if r.act == "answer_supervision"), None)
    ended = next((r for r in after if r.act == "lift_supervision"), None)
    held = reasons.state(case.side, clock.now())
    return {
        "number": asked.detail.get("number") or case.number, "at": asked.at, "until": asked.detail.get("until"),
        "words": asked.note, "state": held["state"] if held and not ended else "answered" if answer else "ended",
        "answer": answer.note if answer else "", "answered_at": answer.at if answer else None,
        "ended_at": ended.at if ended else None, "case": listing.by_ids(actor, [case_id])[0],
    }  # fmt: skip
