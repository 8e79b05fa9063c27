"""What desk papers are written from: what is open and urgent, promised, unusual, overdue, and what was solved."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from linli.cases import tables
from linli.cases.models import Call
from linli.cases.selectors import fast, listing, visible
from linli.cases.selectors.listing import Filter
from linli.kernel import clock
from linli.kernel.actor import Actor

WEEKS = 8
DAY = timedelta(days=1)


def calls(actor: Actor, case_id: UUID) -> list[Call]:
    """The calls about a case that the actor may call about."""
    case = visible.get(actor, case_id)
    actor.require("cases.contact", case.area_path)
    return list(Call.objects.filter(case=case).order_by("-created_at", "-id")[:50])


def urgent_open(actor: Actor, area: str, limit: int) -> list[dict[str, Any]]:
    return list(listing.page(actor, Filter(area=area, urgent=True, open=True), sort="due", limit=limit)["items"])


def overdue_first(actor: Actor, area: str, limit: int) -> list[dict[str, Any]]:
    """Open cases past their time, the longest first."""
    return list(listing.page(actor, Filter(area=area, overdue=True, open=True), sort="due", limit=limit)["items"])


def promises(actor: Actor, area: str, limit: int) -> list[dict[str, Any]]:
    """Promises not kept yet, what is due first: {call, note, promised_at, case: as in lists}."""
    where, params = listing.conditions(actor, Filter(area=area))
    rows = fast.rows(
        "SELECT k.id, k.note, k.promised_at, c.id FROM cases_call k JOIN cases_case c ON c.id = k.case_id"
        f" WHERE k.promised_at IS NOT NULL AND k.kept_at IS NULL AND {where} ORDER BY k.promised_at, k.id LIMIT %s",
        [*params, limit],
    )
    known = {item["id"]: item for item in listing.by_ids(actor, [r[3] for r in rows])}
    return [{"call": r[0], "note": r[1], "promised_at": r[2], "case": known[r[3]]} for r in rows if r[3] in known]


def solved(actor: Actor, area: str, since: datetime, until: datetime, limit: int) -> list[dict[str, Any]]:
    """Closed in the span and not private: what most people had noticed first, then what had waited longest."""
    where, params = listing.conditions(actor, Filter(area=area, closed_from=since, closed_to=until))
    rows = fast.rows(
        f"SELECT c.id FROM cases_case c WHERE {where} AND NOT c.private AND c.state IN ('closed', 'evaluated')"
        " ORDER BY c.me_too + c.signal_count DESC, c.closed_at - c.created_at DESC, c.id LIMIT %s",
        [*params, limit],
    )
    order = {row[0]: i for i, row in enumerate(rows)}
    return sorted(listing.by_ids(actor, list(order)), key=lambda item: order[item["id"]])


def by_class(actor: Actor, area: str, until: datetime) -> list[dict[str, Any]]:
    """Reports of the 24 hours before `until`, and of the same hours of the same weekday of eight weeks before:
    {class_code, zh, en, now, before: eight counts, latest week first}."""
    spans = [(until - DAY - timedelta(weeks=w), until - timedelta(weeks=w)) for w in range(WEEKS + 1)]
    where, params = listing.conditions(actor, Filter(area=area, created_from=spans[-1][0], created_to=until))
    pieces = ", ".join(["count(*) FILTER (WHERE c.created_at >= %s AND c.created_at < %s)"] * len(spans))
    rows = fast.rows(
        f"SELECT c.class_code, {pieces} FROM cases_case c WHERE {where} AND c.class_code <> '' GROUP BY 1",
        [*(at for span in spans for at in span), *params],
    )
    classes = tables.catalogue().classes
    return [
        {"class_code": r[0], "zh": classes[r[0]].zh, "en": classes[r[0]].en, "now": r[1], "before": list(r[2:])}
        for r in rows if r[0] in classes
    ]  # fmt: skip


def tally(actor: Actor, area: str, since: datetime, until: datetime) -> dict[str, int]:
    """{reported, closed} in a span; {open, overdue, urgent} now."""
    where, params = listing.conditions(actor, Filter(area=area))
    row = fast.rows(
        f"SELECT (SELECT count(*) FROM cases_case c WHERE {where} AND c.created_at >= %s AND c.created_at < %s),"
        f" (SELECT count(*) FROM cases_case c WHERE {where} AND c.closed_at >= %s AND c.closed_at < %s),"
        f" count(*), count(*) FILTER (WHERE c.due_at < %s), count(*) FILTER (WHERE c.urgent)"
        f" FROM cases_case c WHERE {where} AND c.closed_at IS NULL",
        [*params, since, until, *params, since, until, clock.now(), *params],
    )[0]
    return dict(zip(("reported", "closed", "open", "overdue", "urgent"), row, strict=True))
