"""Making cases: staff and programs. Residents report through the portal, which calls the facade."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest
from ninja import Status

from linli.cases.api import router
from linli.cases.api.schemas import CaseIn, CaseMade, ContactAsk, PhoneAsk, TextIn
from linli.cases.contracts import Contact, NewCase, Receipt
from linli.cases.services import intake, notes
from linli.kernel.actor import Actor
from linli.kernel.errors import Invalid
from linli.kernel.http import actor_of
from linli.places import facade as places


@router.post("/cases", permission="cases.create", response={201: CaseMade})
def create_case(request: HttpRequest, body: CaseIn) -> Status:
    """Report a case. Numbers in the text are masked.

    Send an `Idempotency-Key` (kept three days) or an `id` of your own (kept with the case): the same one reports once.
    """
    actor = actor_of(request)
    contact = Contact(**body.contact.dict()) if body.contact else None
    new = NewCase(
        channel=_channel(actor, body.channel), kind=body.kind, class_code=body.class_code, text=body.text,
        lon=body.lon, lat=body.lat, unit_id=body.unit_id or _unit(body.unit_code), address=body.address,
        private=body.private, urgent=body.urgent, contact=contact, case_id=body.id,
    )  # fmt: skip
    one = "Idempotency-Key" in request.headers  # the request is one transaction already, and a refusal undoes all of it
    return Status(201, made(intake.create_case(actor=actor, new=new, within="cases.create", savepoint=not one)))


def _unit(code: str) -> UUID | None:
    if not code:
        return None
    found = places.unit_by_code(code)
    if found is None:
        raise Invalid("unit_code", "is no unit's code")
    return found.unit_id


def _channel(actor: Actor, said: str | None) -> str:
    return "api" if actor.kind == "apikey" else said or "staff"


def made(receipt: Receipt) -> dict[str, object]:
    return {"id": receipt.case_id, "number": receipt.number, "secret": receipt.secret,
            "due_at": receipt.due_at, "illustrative": receipt.illustrative,
            "limit": {"zh": receipt.limit_zh, "en": receipt.limit_en}}  # fmt: skip


@router.post("/cases/{case_id}/comments", permission="cases.comment", response={201: dict})
def add_comment(request: HttpRequest, case_id: UUID, body: TextIn) -> Status:
    """Write a remark for colleagues."""
    row = notes.add_comment(actor=actor_of(request), case_id=case_id, text=body.text)
    return Status(201, {"id": row.id, "text": row.text, "created_at": row.created_at})


@router.post("/cases/{case_id}/contact", permission="cases.contact", response=dict)
def read_contact(request: HttpRequest, case_id: UUID, body: ContactAsk) -> dict[str, object]:
    """The reporter's contact, for a purpose and with a reason; logged, and the reporter can see it."""
    return notes.read_contact(actor=actor_of(request), case_id=case_id, purpose=body.purpose, reason=body.reason)


@router.post("/cases/lookup/phone", permission="cases.contact", response=dict)
def find_by_phone(request: HttpRequest, body: PhoneAsk) -> dict[str, object]:
    """Tickets of exactly the number that is calling; logged with the reason."""
    return {"case_ids": notes.find_by_phone(actor=actor_of(request), phone=body.phone, reason=body.reason)}
