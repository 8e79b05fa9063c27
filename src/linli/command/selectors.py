"""Reads of command. Default deny: an actor sees what its areas contain."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from linli.cases import facade as cases
from linli.command import rules
from linli.command.models import Handover
from linli.kernel import clock
from linli.kernel.actor import Actor
from linli.kernel.errors import Invalid, NotFound
from linli.kernel.scope import area_q

DAY, OLDEST = timedelta(days=1), timedelta(days=400)


def handovers(actor: Actor) -> QuerySet[Handover]:
    """Notes of one's areas; a draft is its writer's alone."""
    rows = Handover.objects.filter(area_q(actor, "desk.view"))
    return rows.exclude(state="draft") | rows.filter(by=actor.account_id)


def handover(actor: Actor, handover_id: UUID) -> Handover:
    found = handovers(actor).filter(id=handover_id).first()
    if found is None:
        raise NotFound()
    return found


def handover_for_update(actor: Actor, handover_id: UUID) -> Handover:
    handover(actor, handover_id)
    return Handover.objects.select_for_update().get(pk=handover_id)


def day(actor: Actor, area: str, on: date | None = None) -> dict[str, Any]:
    """The day on one page: three things worse than usual, three overdue, three solved.

    Of today: the 24 hours up to now. Of a day before: that whole day, but what is open and overdue is as of now.
    """
    since, until = _span(on)
    found = cases.desk_day(actor, area, since, until, 3)
    return {
        "area": area, "since": since, "until": until, "tally": found["tally"], "worse": rules.worse(found["classes"]),
        "overdue": found["overdue"], "solved": found["solved"],
    }  # fmt: skip


def _span(on: date | None) -> tuple[datetime, datetime]:
    now, zone = clock.now(), cases.zone()
    if on is None or on == now.astimezone(zone).date():
        return now - DAY, now
    start = datetime.combine(on, time(), zone).astimezone(UTC)
    if not now - OLDEST < start < now:
        raise Invalid("date", "must be a day of the last 400")
    return start, datetime.combine(on + DAY, time(), zone).astimezone(UTC)
