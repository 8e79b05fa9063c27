"""Calls with reporters."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.http import HttpRequest
from ninja import Schema, Status

from linli.cases.api import router
from linli.cases.models import Call
from linli.cases.selectors import papers
from linli.cases.services import calls
from linli.kernel.http import actor_of


class CallIn(Schema):
    """`outcome`: reached, no_answer, refused or wrong_number. `promised_at` needs an offset and a `note`."""

    outcome: str
    note: str = ""
    promised_at: datetime | None = None


class CallOut(Schema):
    id: UUID
    case_id: UUID
    by: UUID | None
    outcome: str
    note: str
    promised_at: datetime | None
    kept_at: datetime | None
    created_at: datetime


@router.get("/cases/{uuid:case_id}/calls", permission="cases.contact", response=list[CallOut])
def list_calls(request: HttpRequest, case_id: UUID) -> list[Call]:
    """The calls about a case, newest first, at most 50."""
    return papers.calls(actor_of(request), case_id)


@router.post("/cases/{uuid:case_id}/calls", permission="cases.contact", response={201: CallOut})
def record_call(request: HttpRequest, case_id: UUID, body: CallIn) -> Status[Call]:
    return Status(201, calls.record_call(actor=actor_of(request), case_id=case_id, **body.dict()))


@router.post("/cases/{uuid:case_id}/calls/{uuid:call_id}/kept", permission="cases.contact", response=CallOut)
def keep_promise(request: HttpRequest, case_id: UUID, call_id: UUID) -> Call:
    return calls.keep_promise(actor=actor_of(request), case_id=case_id, call_id=call_id)
