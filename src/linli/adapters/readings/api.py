"""Reading hooks over the API."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Schema, Status

from linli.adapters.readings import selectors
from linli.adapters.readings.models import ReadingDelivery, ReadingHook, UnknownNumber
from linli.adapters.readings.services import entering, receiving
from linli.kernel import paging
from linli.kernel.http import Router, actor_of

router = Router(tags=["reading hooks"])
MANAGE = selectors.MANAGE


class ReadingHookIn(Schema):
    """`auth`: {way: token, hmac or onenet; in: header or query; name}. `mapping`: see the page of telemetry."""

    name: str
    area_path: str = ""
    auth: dict[str, Any]
    mapping: dict[str, Any]
    per_hour: int = 36_000
    most_kb: int = 256
    enabled: bool = True


class ReadingHookPatch(Schema):
    """What is left out stays; `enabled: false` pauses it."""

    version: int
    name: str | None = None
    area_path: str | None = None
    auth: dict[str, Any] | None = None
    mapping: dict[str, Any] | None = None
    per_hour: int | None = None
    most_kb: int | None = None
    enabled: bool | None = None


class ReadingHookOut(Schema):
    """`path`: where readings go, below the platform's address. Until `prior_until` the secret before counts, too."""

    id: UUID
    name: str
    path: str
    area_path: str
    auth: dict[str, Any]
    mapping: dict[str, Any]
    per_hour: int
    most_kb: int
    enabled: bool
    version: int
    prior_until: datetime | None
    last_success_at: datetime | None
    created_at: datetime


class ReadingDeliveryOut(Schema):
    """`outcome`: stored, passed, verified, refused, signature, limited. `unknown`: items of unknown devices."""

    id: UUID
    outcome: str
    status: int
    errors: list[dict[str, str]]
    items: int
    readings: int
    unknown: int
    created_at: datetime


class UnknownNumberOut(Schema):
    """A code or number that no device of the hook's area has."""

    id: UUID
    number: str
    count: int
    first_at: datetime
    last_at: datetime


class ReadingHookListed(ReadingHookOut):
    """With readings stored and pushes refused in the last day, and the last push."""

    stored: int
    refused: int
    last: ReadingDeliveryOut | None


class ReadingHookMade(ReadingHookOut):
    """`secret` is what the platform shows, or signs by; it is not shown again."""

    secret: str


class ReadingHookVersion(Schema):
    version: int


class ReadingTry(Schema):
    """`body`: the document as the platform would push it."""

    body: Any


class ReadingTried(Schema):
    """`items`: {device, known, code, wrong, readings: [{at, property, value, known}], unnamed}, at most 50."""

    ok: bool
    passed: bool
    errors: list[dict[str, str]]
    items: list[dict[str, Any]]


class ReadingPreset(Schema):
    """`source`: the documentation that its shape follows; `unchecked`: what of it could not be checked."""

    code: str
    zh: str
    en: str
    source: dict[str, str]
    unchecked: dict[str, str] | None
    auth: dict[str, Any]
    mapping: dict[str, Any]
    sample: dict[str, Any]


def _listed(row: ReadingHook, more: dict[str, Any]) -> ReadingHookListed:
    last = ReadingDeliveryOut.from_orm(more["last"]) if more["last"] else None
    shown = ReadingHookOut.from_orm(row).dict()
    return ReadingHookListed(**shown, stored=more["stored"], refused=more["refused"], last=last)


def _made(row: ReadingHook, text: str) -> ReadingHookMade:
    return ReadingHookMade(**ReadingHookOut.from_orm(row).dict(), secret=text)


@router.get("/reading-hooks", permission=MANAGE, response=paging.Page[ReadingHookListed])
def list_reading_hooks(
    request: HttpRequest, cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT
) -> dict[str, Any]:
    """Where platforms push readings, of one's area, newest first."""
    found = selectors.hooks(actor_of(request))
    rows, more = paging.keyset(found, key=("-created_at", "-id"), cursor=cursor, limit=limit)
    more_of = selectors.overview(rows)
    return {"items": [_listed(row, more_of[row.id]) for row in rows], "next": more}


@router.get("/reading-hooks/presets", permission=MANAGE, response=list[ReadingPreset])
def list_reading_presets(request: HttpRequest) -> list[dict[str, Any]]:
    """Mappings that the packs offer, each with a sample document."""
    return selectors.presets()


@router.post("/reading-hooks", permission=MANAGE, response={201: ReadingHookMade})
def create_reading_hook(
    request: HttpRequest, response: HttpResponse, payload: ReadingHookIn
) -> Status[ReadingHookMade]:
    row, text = entering.create_hook(actor=actor_of(request), given=payload.dict())
    response["Cache-Control"] = "no-store"
    return Status(201, _made(row, text))


@router.get("/reading-hooks/{uuid:reading_hook_id}", permission=MANAGE, response=ReadingHookOut)
def get_reading_hook(request: HttpRequest, reading_hook_id: UUID) -> ReadingHook:
    return selectors.hook(actor_of(request), reading_hook_id)


@router.patch("/reading-hooks/{uuid:reading_hook_id}", permission=MANAGE, response=ReadingHookOut)
def change_reading_hook(request: HttpRequest, reading_hook_id: UUID, payload: ReadingHookPatch) -> ReadingHook:
    """Change a hook, or pause it."""
    given = {k: v for k, v in payload.dict(exclude_unset=True, exclude={"version"}).items() if v is not None}
    return entering.change_hook(actor=actor_of(request), hook_id=reading_hook_id, version=payload.version, given=given)


@router.delete("/reading-hooks/{uuid:reading_hook_id}", permission=MANAGE, response={204: None})
def retire_reading_hook(request: HttpRequest, reading_hook_id: UUID) -> Status[None]:
    """Takes nothing from now on; its readings stay."""
    entering.retire_hook(actor=actor_of(request), hook_id=reading_hook_id)
    return Status(204, None)


@router.post("/reading-hooks/{uuid:reading_hook_id}/secret", permission=MANAGE, response=ReadingHookMade)
def rotate_reading_hook(
    request: HttpRequest, response: HttpResponse, reading_hook_id: UUID, payload: ReadingHookVersion
) -> ReadingHookMade:
    """A new secret, shown once. For a day the one before counts, too."""
    row, text = entering.rotate_secret(actor=actor_of(request), hook_id=reading_hook_id, version=payload.version)
    response["Cache-Control"] = "no-store"
    return _made(row, text)


@router.post("/reading-hooks/{uuid:reading_hook_id}/test", permission=MANAGE, response=ReadingTried)
def try_reading_hook(request: HttpRequest, reading_hook_id: UUID, payload: ReadingTry) -> dict[str, Any]:
    """What a document would store. Nothing is stored and nothing is kept."""
    return receiving.try_hook(actor=actor_of(request), hook_id=reading_hook_id, body=payload.body)


@router.get("/reading-hooks/{uuid:reading_hook_id}/deliveries", permission=MANAGE,
            response=paging.Page[ReadingDeliveryOut])  # fmt: skip
def list_reading_deliveries(
    request: HttpRequest, reading_hook_id: UUID, outcome: str = "", cursor: str | None = None,
    limit: int = paging.DEFAULT_LIMIT,
) -> dict[str, Any]:  # fmt: skip
    """What was pushed and what became of it, newest first, without values; stored ones are kept a day, others 30."""
    found = selectors.deliveries(actor_of(request), reading_hook_id, outcome)
    rows: list[ReadingDelivery]
    rows, more = paging.keyset(found, key=("-created_at", "-id"), cursor=cursor, limit=limit)
    return {"items": rows, "next": more}


@router.get("/reading-hooks/{uuid:reading_hook_id}/unknown-numbers", permission=MANAGE,
            response=paging.Page[UnknownNumberOut])  # fmt: skip
def list_unknown_numbers(
    request: HttpRequest, reading_hook_id: UUID, cursor: str | None = None, limit: int = paging.DEFAULT_LIMIT
) -> dict[str, Any]:
    """Codes and numbers that no device of the hook's area has, with how often they came; the last 500."""
    found = selectors.unknown_numbers(actor_of(request), reading_hook_id)
    rows: list[UnknownNumber]
    rows, more = paging.keyset(found, key=("-last_at", "-id"), cursor=cursor, limit=limit)
    return {"items": rows, "next": more}
