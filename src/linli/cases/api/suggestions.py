"""Suggested classes for words on their way in, and for a case."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Schema, Status
from pydantic import Field

from linli.cases.api import router
from linli.cases.api.schemas import ContactIn, answer
from linli.cases.contracts import Contact
from linli.cases.selectors import answers, classes, near, visible
from linli.cases.services import voices
from linli.kernel.http import actor_of


class WordsIn(Schema):
    text: str = Field(max_length=2000)


@router.post("/catalogue/suggestions", permission="cases.create", response=dict)
def suggest_class(request: HttpRequest, body: WordsIn) -> HttpResponse:
    """At most three classes that the words sound like. `by`: `learnt` from closed cases, with `confidence` 0 to 1, or
    `words` shared with the class's name. `model`: how often it was right on the newest fifth of its cases."""
    return answer(classes.suggestions(body.text))


@router.get("/cases/{case_id}/class-suggestions", permission="cases.triage", response=dict)
def class_suggestions(request: HttpRequest, case_id: UUID) -> HttpResponse:
    """The same for a case, by the words it was reported with."""
    return answer(classes.suggestions(visible.get(actor_of(request), case_id).text))


class SignalIn(Schema):
    text: str = Field(min_length=1, max_length=2000)
    channel: Literal["hotline", "patrol", "staff"] = "staff"
    contact: ContactIn | None = None


@router.post("/cases/{case_id}/signals", permission="cases.create", response={201: dict})
def join_signal(request: HttpRequest, case_id: UUID, body: SignalIn) -> Status:
    """One more report of a matter that is known: joined to the open case instead of a case of its own."""
    actor = actor_of(request)
    contact = Contact(**body.contact.dict()) if body.contact else None
    channel = "api" if actor.kind == "apikey" else body.channel
    done = voices.join_signal(actor=actor, case_id=case_id, text=body.text, channel=channel, contact=contact)
    return Status(201, {"id": done.case_id, "number": done.number, "signal_count": done.signal_count,
                        "priority": done.priority, "secret": done.secret})  # fmt: skip


@router.get("/cases/{case_id}/related", permission="cases.view", response=dict)
def related_cases(request: HttpRequest, case_id: UUID) -> HttpResponse:
    """Solved cases that sound alike, with what solved them."""
    return answer({"items": near.related(actor_of(request), case_id)})


@router.get("/catalogue/templates", permission="catalogue.view", response=dict)
def list_templates(request: HttpRequest) -> HttpResponse:
    """Words for answers by act and class, as the packs have them, with their fields in braces."""
    return answer({"items": answers.listed()})


@router.get("/cases/{case_id}/templates", permission="cases.view", response=dict)
def case_templates(request: HttpRequest, case_id: UUID, act: str) -> HttpResponse:
    """Those of an act that fit the case, filled in. They are put into the field and may be changed."""
    return answer({"items": answers.for_case(actor_of(request), case_id, act)})
