"""Intake hooks over the API."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Schema, Status

from linli.adapters.intake import selectors
from linli.adapters.intake.models import IntakeDelivery, IntakeHook
from linli.adapters.intake.services import entering
from linli.kernel import paging
from linli.kernel.http import Router, actor_of

router = Router(tags=["intake"])
MANAGE = selectors.MANAGE


class IntakeIn(Schema):
    """`kind`: json or wechat. `channel`: webhook or wechat, by default as the kind. `mapping`: see the
    module's page."""

    name: str
    kind: str
    channel: str = ""
    area_path: str = ""
    mapping: dict[str, Any] = {}
    enabled: bool = True


class IntakePatch(Schema):
    """What is left out stays; `enabled: false` pauses it."""

    version: int
    name: str | None = None
    channel: str | None = None
    area_path: str | None = None
    mapping: dict[str, Any] | None = None
    enabled: bool | None = None


class IntakeOut(Schema):
    """`path`: where messages go, below the platform's address. Until `prior_until` the secret before counts, too."""

    id: UUID
    name: str
    kind: str
    channel: str
    path: str
    area_path: str
    mapping: dict[str, Any]
    enabled: bool
    version: int
    prior_until: datetime | None
    last_success_at: datetime | None
    created_at: datetime


class IntakeDeliveryOut(Schema):
    """`outcome`: case, again, talk, verified, refused, signature, limited. `errors` name the sender's own fields."""

    id: UUID
    outcome: str
    status: int
    errors: list[dict[str, str]]
    case_id: UUID | None
    number: str
    created_at: datetime


class IntakeListed(IntakeOut):
    """With what became a case and what was refused in the last seven days, and the last message."""

    taken: int
    refused: int
    last: IntakeDeliveryOut | None


class IntakeMade(IntakeOut):
    """`secret` signs every message (WeChat: the token) and is not shown again."""

    secret: str


class IntakeVersion(Schema):
    version: int


class IntakeTry(Schema):
    """`body`: the message as the other program would post it."""

    body: Any


class IntakeTried(Schema):
    ok: bool
    errors: list[dict[str, str]]
    read: dict[str, Any]


class IntakePreset(Schema):
    code: str
    zh: str
    en: str
    kind: str
    channel: str
    mapping: dict[str, Any] = {}
    sample: dict[str, Any] = {}


def _listed(row: IntakeHook, more: dict[str, Any]) -> IntakeListed:
    last = IntakeDeliveryOut.from_orm(more["last"]) if more["last"] else None
    return IntakeListed(**IntakeOut.from_orm(row).dict(), taken=more["taken"], refused=more["refused"], last=last)


def _made(row: IntakeHook, text: str) -> IntakeMade:
    return IntakeMade(**IntakeOut.from_orm(row).dict(), secret=text)


@router.get("/intake-hooks", permission=MANAGE, response=paging.Page[IntakeListed])
def list_intake(request: HttpRequest, cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT) -> dict[str, Any]:
    """Entry points in one's area, newest first."""
    found = selectors.hooks(actor_of(request))
    rows, more = paging.keyset(found, key=("-created_at", "-id"), cursor=cursor, limit=limit)
    more_of = selectors.overview(rows)
    return {"items": [_listed(row, more_of[row.id]) for row in rows], "next": more}


@router.get("/intake-hooks/presets", permission=MANAGE, response=list[IntakePreset])
def list_presets(request: HttpRequest) -> list[dict[str, object]]:
    """Mappings that the packs offer, each with a sample message."""
    return selectors.presets()


@router.post("/intake-hooks", permission=MANAGE, response={201: IntakeMade})
def create_intake(request: HttpRequest, response: HttpResponse, payload: IntakeIn) -> Status[IntakeMade]:
    row, text = entering.create_hook(actor=actor_of(request), given=payload.dict())
    response["Cache-Control"] = "no-store"
    return Status(201, _made(row, text))


@router.get("/intake-hooks/{uuid:intake_id}", permission=MANAGE, response=IntakeOut)
def get_intake(request: HttpRequest, intake_id: UUID) -> IntakeHook:
    return selectors.hook(actor_of(request), intake_id)


@router.patch("/intake-hooks/{uuid:intake_id}", permission=MANAGE, response=IntakeOut)
def change_intake(request: HttpRequest, intake_id: UUID, payload: IntakePatch) -> IntakeHook:
    """Change an entry point, or pause it."""
    given = {k: v for k, v in payload.dict(exclude_unset=True, exclude={"version"}).items() if v is not None}
    return entering.change_hook(actor=actor_of(request), hook_id=intake_id, version=payload.version, given=given)


@router.delete("/intake-hooks/{uuid:intake_id}", permission=MANAGE, response={204: None})
def delete_intake(request: HttpRequest, intake_id: UUID) -> Status[None]:
    entering.delete_hook(actor=actor_of(request), hook_id=intake_id)
    return Status(204, None)


@router.post("/intake-hooks/{uuid:intake_id}/secret", permission=MANAGE, response=IntakeMade)
def rotate_intake(request: HttpRequest, response: HttpResponse, intake_id: UUID, payload: IntakeVersion) -> IntakeMade:
    """A new secret, shown once. For a day the one before counts, too."""
    row, text = entering.rotate_secret(actor=actor_of(request), hook_id=intake_id, version=payload.version)
    response["Cache-Control"] = "no-store"
    return _made(row, text)


@router.post("/intake-hooks/{uuid:intake_id}/test", permission=MANAGE, response=IntakeTried)
def try_intake(request: HttpRequest, intake_id: UUID, payload: IntakeTry) -> dict[str, Any]:
    """What a message would report. Nothing is reported and nothing is kept."""
    return entering.try_hook(actor=actor_of(request), hook_id=intake_id, body=payload.body)


@router.get("/intake-hooks/{uuid:intake_id}/deliveries", permission=MANAGE, response=paging.Page[IntakeDeliveryOut])
def list_intake_deliveries(
    request: HttpRequest, intake_id: UUID, outcome: str = "", cursor: str | None = None,
    limit: int = paging.DEFAULT_LIMIT,
) -> dict[str, Any]:  # fmt: skip
    """What came in and what became of it, newest first, without anybody's words; kept for 30 days."""
    found = selectors.deliveries(actor_of(request), intake_id, outcome)
    rows: list[IntakeDelivery]
    rows, more = paging.keyset(found, key=("-created_at", "-id"), cursor=cursor, limit=limit)
    return {"items": rows, "next": more}
