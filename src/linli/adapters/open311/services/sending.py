"""Sending what waits. Every thing is sent under a key of its own, so that sending it again, after a worker was killed
between the answer and its commit, is the same request over there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from linli.adapters.alone import alone
from linli.adapters.open311 import client, formats, rules
from linli.adapters.open311.models import Endpoint, Outgoing
from linli.adapters.open311.selectors import endpoints
from linli.adapters.open311.services import queueing
from linli.adapters.open311.services.endpoints import went_well, went_wrong
from linli.cases import facade as cases
from linli.cases.contracts import OutsideUpdate
from linli.kernel import clock
from linli.kernel.actor import SYSTEM
from linli.kernel.errors import NotFound

BATCH, LONGEST_WAIT = 200, timedelta(minutes=30)


def deliver(endpoint_id: UUID) -> int:
    """Send what is due, in order; returns how much went. What follows in a case waits for what came before."""
    row = endpoints.usable(endpoint_id)
    if row is None:
        return 0
    with alone("open311.send", endpoint_id) as mine:
        return _deliver(row) if mine else 0


def _deliver(row: Endpoint) -> int:
    peer, behind, done = endpoints.peer(row), set[UUID](), 0
    for item in endpoints.waiting(row, clock.now(), BATCH):
        if item.case_id in behind or item.next_at > clock.now():
            behind.add(item.case_id)
            continue
        try:
            went = _send_request(row, peer, item) if item.kind == "request" else _send_update(row, peer, item)
        except client.Refused as error:
            _failed(row, item, str(error))
        except client.Away as error:
            _later(row, item, str(error))
            break  # it would be away for the others, too
        except NotFound:
            _failed(row, item, "the case is no longer there")
        else:
            done += went
            if not went:
                behind.add(item.case_id)
    return done


def _send_request(row: Endpoint, peer: client.Peer, item: Outgoing) -> bool:
    if item.token:
        return _ask_token(row, peer, item)
    case = cases.outside_case(SYSTEM, item.case_id)
    line = queueing.mapping(row, case.class_code) or {}
    form = {
        "service_code": str(line.get("service_code") or case.class_code),
        "description": case.text or case.class_zh, "address_string": case.address,
        "attribute[external_id]": str(item.case_id),
        **{f"attribute[{k}]": v for k, v in (line.get("attributes") or {}).items()},
    }  # fmt: skip
    if case.lon is not None and case.lat is not None:
        form |= {"lat": str(case.lat), "long": str(case.lon)}
    pictures = [data for _, data in cases.outside_pictures(item.case_id)] if row.photos else []
    answer = client.post(peer, "requests", {k: v for k, v in form.items() if v}, key=str(item.id), pictures=pictures)
    return _answered(row, item, answer[0] if answer else {})


def _answered(row: Endpoint, item: Outgoing, said: dict[str, Any]) -> bool:
    reference, token = str(said.get("service_request_id") or ""), str(said.get("token") or "")
    if not reference and not token:
        raise client.Away("the answer names neither service_request_id nor token")
    if not reference:
        Outgoing.objects.filter(pk=item.pk).update(token=token[:120], next_at=clock.now() + timedelta(minutes=1))
        return False
    with transaction.atomic():
        _sent(row, item, reference[:80])
        cases.outside_sent(case_id=item.case_id, system=str(row.id), reference=reference[:80], name=row.name)
    return True


def _ask_token(row: Endpoint, peer: client.Peer, item: Outgoing) -> bool:
    answer = client.get(peer, f"tokens/{item.token}")
    reference = str(answer[0].get("service_request_id") or "") if answer else ""
    if reference:
        return _answered(row, item, {"service_request_id": reference})
    Outgoing.objects.filter(pk=item.pk).update(next_at=clock.now() + timedelta(minutes=1))
    return False


def _send_update(row: Endpoint, peer: client.Peer, item: Outgoing) -> bool:
    """One step of a case: under the number it has there, or under ours where it was reported from there."""
    sent = endpoints.request_row(row, item.case_id)
    reference = sent.reference if sent else cases.outside_case(SYSTEM, item.case_id).number
    if not reference:  # not taken in over there yet
        if sent and sent.state == "failed":
            raise client.Refused("the case itself was refused")
        return False
    step = _step(row, item)
    if step is None:
        raise client.Refused("the step is no longer public")
    form = {
        "service_request_id": reference, "update_id": str(step.id), "updated_datetime": formats.when(step.at) or "",
        "status": rules.told(step.state, False, row.states_out), "description": step.note or step.zh,
    }  # fmt: skip
    client.post(peer, "servicerequestupdates", form, key=str(item.id))
    _sent(row, item, "")
    return True


def _step(row: Endpoint, item: Outgoing) -> OutsideUpdate | None:
    near = timedelta(seconds=1)
    found = cases.outside_updates(
        SYSTEM, since=item.created_at - near, until=item.created_at + near, case_id=item.case_id
    )
    return next((u for u in found if u.id == item.ref), None)


def _sent(row: Endpoint, item: Outgoing, reference: str) -> None:
    Outgoing.objects.filter(pk=item.pk).update(
        state="sent", sent_at=clock.now(), reference=reference, error="", attempts=item.attempts + 1
    )
    went_well(row)


def _later(row: Endpoint, item: Outgoing, why: str) -> None:
    """Away is never given up: only the time between the tries grows."""
    wait = min(timedelta(seconds=10) * 2 ** min(item.attempts, 12), LONGEST_WAIT)
    Outgoing.objects.filter(pk=item.pk).update(attempts=item.attempts + 1, next_at=clock.now() + wait, error=why[:300])
    went_wrong(row, why)


def _failed(row: Endpoint, item: Outgoing, why: str) -> None:
    Outgoing.objects.filter(pk=item.pk).update(state="failed", attempts=item.attempts + 1, error=why[:300])
    went_wrong(row, why)
