"""Taking news in: by asking the other system, or by its own post. Once per update, in whatever order it comes."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from linli.adapters.alone import alone
from linli.adapters.open311 import client, formats, rules
from linli.adapters.open311.models import Endpoint, Outgoing
from linli.adapters.open311.selectors import endpoints
from linli.adapters.open311.services.endpoints import went_well, went_wrong
from linli.cases import facade as cases
from linli.cases.contracts import OutsideFilter
from linli.kernel import clock
from linli.kernel.actor import SYSTEM, Actor
from linli.kernel.errors import Conflict, Invalid, NotFound

OVERLAP = timedelta(minutes=10)  # clocks differ, and a step may be written some time before it can be seen
FULL = 1000  # a list of this size was cut: go on from its last one
CHUNK = 50


def status_of(state: str) -> str:
    return rules.told(state, False)


def posted(
    *, actor: Actor, number: str, update_id: str, status: str, text: str, at: datetime
) -> tuple[UUID, bool]:  # fmt: skip
    """An update that somebody posted; returns the case and whether it was new.

    `number` is ours for a case that the caller reported, and theirs for one that we sent to them. Two districts count
    alike, so where both fit it is refused rather than guessed.
    """
    endpoint = endpoints.of_account(actor.account_id)
    theirs = endpoints.by_reference(endpoint, [number]).get(number) if endpoint else None
    found = cases.outside_cases(actor, OutsideFilter(numbers=(number,)), limit=1)
    ours = found[0].case_id if found else None
    if ours is not None and theirs is not None and cases.outside_owner(ours)[0] != actor.account_id:
        ours = None  # merely visible to the caller: the case that we sent to them is meant
    if ours is not None and theirs is not None:
        raise Conflict("service_request_id is a number of both systems; read it from servicerequestupdates instead")
    case_id = theirs.case_id if theirs else ours
    if case_id is None:
        raise NotFound("service_request_id was not found")
    if theirs is None and cases.outside_owner(case_id)[0] != actor.account_id:
        actor.require("cases.comment", cases.outside_owner(case_id)[3])
    system, name = endpoints.system_of(actor), endpoint.name if endpoint else ""
    acts = rules.acts_of(status, endpoint.states_in) if endpoint and theirs else ()
    new = cases.outside_update(
        actor=SYSTEM if theirs else actor, case_id=case_id, system=system, update_id=update_id,
        status=rules.word_of(status), text=text, at=at, acts=acts, name=name,
    )  # fmt: skip
    return case_id, new


def poll(endpoint_id: UUID) -> int:
    """Ask an endpoint for news of what we sent there; returns how much was new."""
    row = endpoints.usable(endpoint_id)
    if row is None or row.updates == "none":
        return 0
    with alone("open311.poll", endpoint_id) as mine:
        if not mine:
            return 0
        try:
            count = _by_updates(row) if row.updates == "extension" else _by_status(row)
        except (client.Away, client.Refused) as error:
            went_wrong(row, str(error))
            return 0
    went_well(row)
    return count


def _by_updates(row: Endpoint) -> int:
    now = clock.now()
    since = max((row.polled_until or now - timedelta(days=1)) - OVERLAP, now - timedelta(days=89))
    query = {"start_date": formats.when(since) or "", "end_date": formats.when(now + OVERLAP) or ""}
    found = client.get(endpoints.peer(row), "servicerequestupdates", query)
    known = endpoints.by_reference(row, [str(u.get("service_request_id") or "") for u in found])
    count, last = 0, since
    for update in sorted(found, key=lambda u: str(u.get("updated_datetime") or "")):
        sent = known.get(str(update.get("service_request_id") or ""))
        at = _time(update, now)
        last = max(last, at)
        if sent is not None:
            count += _take(row, sent, update, at)
    until = last if len(found) >= FULL and last > since else now
    Endpoint.objects.filter(pk=row.pk).update(polled_until=until)
    return count


def _time(said: dict[str, Any], now: datetime) -> datetime:
    try:
        return rules.read_time("updated_datetime", str(said.get("updated_datetime") or ""))
    except Invalid:
        return now


def _take(row: Endpoint, sent: Outgoing, update: dict[str, Any], at: datetime) -> bool:
    update_id = str(update.get("update_id") or "")[:120]
    if not update_id or endpoints.own_update(row, update_id):
        return False
    return _heard(row, sent, update_id, str(update.get("status") or ""), str(update.get("description") or ""), at)


def _heard(row: Endpoint, sent: Outgoing, update_id: str, status: str, text: str, at: datetime) -> bool:
    try:
        return cases.outside_update(
            actor=SYSTEM, case_id=sent.case_id, system=str(row.id), update_id=update_id, status=rules.word_of(status),
            text=text, at=at, acts=rules.acts_of(status, row.states_in), name=row.name,
        )  # fmt: skip
    except NotFound:
        return False


def _by_status(row: Endpoint) -> int:
    """For endpoints without the extension: the status of each request, and news when it differs from the last."""
    rows, now, count = endpoints.followed(row), clock.now(), 0
    for start in range(0, len(rows), CHUNK):
        part = {r.reference: r for r in rows[start : start + CHUNK]}
        for said in client.get(endpoints.peer(row), "requests", {"service_request_id": ",".join(part)}):
            sent = part.get(str(said.get("service_request_id") or ""))
            if sent is not None:
                count += _compare(row, sent, said, now)
    return count


def _compare(row: Endpoint, sent: Outgoing, said: dict[str, Any], now: datetime) -> bool:
    status, notes = str(said.get("status") or ""), str(said.get("status_notes") or "")
    heard = f"{status}|{notes}"[:200]
    if heard == sent.heard or (not sent.heard and status.lower() == "open" and not notes):
        return False
    at = _time(said, now)
    told = hashlib.sha256(f"{heard}|{said.get('updated_datetime')}|{sent.heard}".encode()).hexdigest()[:32]
    new = _heard(row, sent, f"{sent.reference}:{told}", status, notes, at)
    Outgoing.objects.filter(pk=sent.pk).update(heard=heard)
    return new
