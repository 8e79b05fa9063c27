"""Suspended cases whose day of re-check has come: they say so, once, to those who follow them."""

from __future__ import annotations

from linli.cases.models import Case
from linli.cases.services import common, side
from linli.kernel import clock, services
from linli.kernel.actor import SYSTEM

AT_ONCE = 500


def tell_due() -> int:
    """How many said so."""
    at, told = clock.now(), 0
    due = Case.objects.filter(state="suspended", recheck_at__lte=at, side__suspension__told__isnull=True).order_by(
        "recheck_at"
    )
    for case_id in list(due.values_list("pk", flat=True)[:AT_ONCE]):
        with services.unit(SYSTEM):
            case = Case.objects.select_for_update().defer("tokens").get(pk=case_id)
            held = (case.side or {}).get("suspension")
            if case.state != "suspended" or case.recheck_at is None or not held or held.get("told"):
                continue
            side.put(case, "suspension", {**held, "told": at.isoformat()})
            common.save(case, at)
            common.entry(case=case, actor=SYSTEM, act="recheck_due", at=at)
            common.record(case=case, actor=SYSTEM, act="recheck_due")
            common.tell(case=case, actor=SYSTEM, type="case.changed", act="recheck_due")
            told += 1
    return told
