"""The rules of who gets a case: versions, drafts, a dry run, and the moment from which they hold."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Schema, Status
from pydantic import ConfigDict, Field

from linli.cases.api import router
from linli.cases.api.schemas import answer
from linli.cases.selectors import versions
from linli.cases.services import routing
from linli.kernel.http import actor_of

Span = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$")]


class RuleIn(Schema):
    """One rule as packs write it. `class` and `area` are prefixes; what is empty holds for all."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    class_: str = Field("", alias="class", max_length=12)
    area: str = Field("", max_length=120)
    team_kind: str = Field("", max_length=40)
    team: str = Field("", max_length=40)
    centre: str = Field("", max_length=40)
    person: str = Field("", max_length=80)
    zh: str = Field(min_length=1, max_length=120)
    en: str = Field(min_length=1, max_length=120)
    events: list[Literal["new", "returned", "reopened"]] = Field([], max_length=3)
    channels: list[str] = Field([], max_length=12)
    days: Literal["", "workday", "restday"] = ""
    hours: list[Span] = Field([], max_length=6)
    automatic: bool = False


class DraftIn(Schema):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    start: UUID | None = Field(None, alias="from")
    rules: list[RuleIn] | None = None
    note: str = Field("", max_length=400)


class ChangeIn(Schema):
    model_config = ConfigDict(extra="forbid")
    edition: int
    rules: list[RuleIn] | None = None
    note: str | None = Field(None, max_length=400)


class TryIn(Schema):
    model_config = ConfigDict(extra="forbid")
    days: int = Field(30, ge=1, le=92)


class PublishIn(Schema):
    model_config = ConfigDict(extra="forbid")
    edition: int
    at: datetime | None = None


def _rows(rules: list[RuleIn] | None) -> list[dict[str, Any]] | None:
    return None if rules is None else [r.model_dump(by_alias=True) for r in rules]


@router.get("/routing", permission="routing.view")
def list_routing(request: HttpRequest, cursor: str | None = None, limit: int = 50) -> HttpResponse:
    """Versions of the rules, newest first; `packs` says whether the packs' own rules hold."""
    return answer(versions.page(actor_of(request), cursor=cursor, limit=limit))


@router.get("/routing/packs", permission="routing.view")
def routing_of_packs(request: HttpRequest) -> HttpResponse:
    """The rules that the district's packs bring."""
    actor_of(request).require("routing.view")
    return answer(versions.of_packs())


@router.get("/routing/{version_id}", permission="routing.view")
def get_routing(request: HttpRequest, version_id: UUID) -> HttpResponse:
    """One version: its rules as packs write them, what is wrong with them, and its last dry run."""
    return answer(versions.whole(versions.get(actor_of(request), version_id)))


@router.post("/routing", permission="routing.manage", response={201: dict})
def create_routing(request: HttpRequest, body: DraftIn) -> Status:
    """A new draft: of `rules`, of the version `from`, or of the rules in force."""
    row = routing.create_draft(actor=actor_of(request), start=body.start, rules=_rows(body.rules), note=body.note)
    return Status(201, versions.whole(row))


@router.patch("/routing/{version_id}", permission="routing.manage")
def change_routing(request: HttpRequest, version_id: UUID, body: ChangeIn) -> HttpResponse:
    """Change a draft; `edition` is the one that the caller saw."""
    row = routing.change_draft(actor=actor_of(request), version_id=version_id, edition=body.edition,
                               rules=_rows(body.rules), note=body.note)  # fmt: skip
    return answer(versions.whole(row))


@router.delete("/routing/{version_id}", permission="routing.manage", response={204: None})
def discard_routing(request: HttpRequest, version_id: UUID) -> Status:
    """Throw a draft away."""
    routing.discard_draft(actor=actor_of(request), version_id=version_id)
    return Status(204, None)


@router.post("/routing/{version_id}/dry-run", permission="routing.manage")
def try_routing(request: HttpRequest, version_id: UUID, body: TryIn) -> HttpResponse:
    """To whom these rules would have given the cases of the last days, beside the rules in force."""
    return answer(versions.whole(routing.try_out(actor=actor_of(request), version_id=version_id, days=body.days)))


@router.post("/routing/{version_id}/publish", permission="routing.manage")
def publish_routing(request: HttpRequest, version_id: UUID, body: PublishIn) -> HttpResponse:
    """Let a sound draft that had its dry run hold from `at` on, or from now."""
    row = routing.publish(actor=actor_of(request), version_id=version_id, edition=body.edition, at=body.at)
    return answer(versions.whole(row))


@router.post("/routing/{version_id}/withdraw", permission="routing.manage")
def withdraw_routing(request: HttpRequest, version_id: UUID) -> HttpResponse:
    """A published version whose time has not come becomes a draft again."""
    return answer(versions.whole(routing.withdraw(actor=actor_of(request), version_id=version_id)))
