"""What goes out: written in the transaction that takes the event in, so that nothing is lost or doubled."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from linli.adapters.open311 import jobs
from linli.adapters.open311.models import Endpoint, Outgoing
from linli.adapters.open311.selectors import endpoints
from linli.cases import facade as cases
from linli.kernel import clock
from linli.kernel.actor import SYSTEM, contains
from linli.kernel.errors import NotFound


def follow(*, case_id: UUID, at: datetime, data: dict[str, Any]) -> None:
    """A case was made or has moved: queue it, and its public steps, for the endpoints they are for."""
    rows = endpoints.in_use()
    if not rows:
        return
    try:
        made_by, channel, private, area = cases.outside_owner(case_id)
    except NotFound:  # an imported case
        return
    touched = set()
    found = _referred(rows, case_id, data)
    by_itself = not private and channel != "open311" and data.get("open", True)
    if found is None and by_itself and not endpoints.sent_anywhere(case_id):
        found = next((r for r in rows if contains(r.area_path, area) and _wants(r, data)), None)
    if found and _add(found, "request", case_id, case_id, at):
        touched.add(found.id)
    for row in rows:
        if row.push and _queue_steps(row, case_id, made_by):
            touched.add(row.id)
    for endpoint_id in touched:
        jobs.soon(endpoint_id)


def _referred(rows: list[Endpoint], case_id: UUID, data: dict[str, Any]) -> Endpoint | None:
    """The endpoint that somebody referred the case to, by its name: a person's act, whatever the class."""
    if data.get("act") != "refer":
        return None
    name = cases.outside_referred(case_id).strip().casefold()
    return next((r for r in rows if r.name.strip().casefold() == name), None)


def mapping(row: Endpoint, class_code: str) -> dict[str, Any] | None:
    """The endpoint's line for a class: the first that fits."""
    for one in row.classes:
        pattern = str(one["class"])
        fits = class_code.startswith(pattern[:-1]) if pattern.endswith("*") else class_code == pattern
        if fits and class_code:
            return dict(one)
    return None


def _wants(row: Endpoint, data: dict[str, Any]) -> bool:
    return int(data.get("step", 0)) >= row.from_step and mapping(row, str(data.get("class") or "")) is not None


def _queue_steps(row: Endpoint, case_id: UUID, made_by: UUID | None) -> bool:
    """Public steps since the case went there; or all of a case that the other system reported here."""
    sent = endpoints.request_row(row, case_id)
    if sent is None and (row.account_id is None or made_by != row.account_id):
        return False
    since = sent.created_at if sent else datetime.min.replace(tzinfo=clock.now().tzinfo)
    steps = cases.outside_updates(SYSTEM, since=since, until=clock.now(), without=str(row.id), case_id=case_id)
    added = [_add(row, "update", case_id, step.id, step.at) for step in steps]  # each of them, whatever the first gives
    return any(added)


def _add(row: Endpoint, kind: str, case_id: UUID, ref: UUID, at: datetime) -> bool:
    """False when it stood there already."""
    held = Outgoing.objects.filter(endpoint=row, kind=kind, ref=ref)
    if held.exists():
        return False
    made = Outgoing(endpoint=row, kind=kind, case_id=case_id, ref=ref, created_at=at)
    Outgoing.objects.bulk_create([made], ignore_conflicts=True)
    return True
