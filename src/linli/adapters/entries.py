"""What the addresses to which other programs post (`intake`, `readings`) share: the public door, the rows behind it.

A row has `name`, `area_path` and `version`; its deliveries name it as `hook` and say when they came (`created_at`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from uuid import UUID

import orjson
from django.core.exceptions import RequestDataTooBig
from django.db.models import Model, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, UnreadablePostError

from linli.kernel import http
from linli.kernel.actor import Actor
from linli.kernel.errors import Conflict, FieldError, Invalid, LinliError, NotFound, TooLarge
from linli.kernel.i18n import say
from linli.places import facade as places

MANAGE = "integrations.manage"
View = Callable[[HttpRequest, str], HttpResponse]
Row = TypeVar("Row", bound=Model)


# --- the door ---------------------------------------------------------------------------------------------------------


def door(fn: View) -> View:
    """Refusals as problem+json, and no addresses in logs: some senders put a token or a signature there."""

    @functools.wraps(fn)
    def answer(request: HttpRequest, code: str) -> HttpResponse:
        try:
            response = fn(request, code)
        except LinliError as error:
            response = http.problem_response(error)
        except RequestDataTooBig:
            response = http.problem_response(TooLarge(say("消息过大", "the message is too large")))
        except UnreadablePostError:
            response = http.problem_response(Invalid("body", say("读不到内容", "cannot be read")))
        response["Cache-Control"] = "no-store"
        response._has_been_logged = True  # type: ignore[attr-defined]
        return response

    answer.csrf_exempt = True  # type: ignore[attr-defined]
    return answer


def parsed(body: bytes) -> Any:
    """The JSON of a message. Raises Invalid, which names `body`."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Invalid("body", say("不是 JSON", "is not JSON")) from None
    if b"\\u0000" in body:
        raise Invalid("body", say("含零字符", "holds a zero character"))
    return found


# --- the rows ---------------------------------------------------------------------------------------------------------


def one(found: QuerySet[Row], hook_id: UUID) -> Row:
    """That of the rows that somebody may see; NotFound otherwise."""
    row = found.filter(pk=hook_id).first()
    if row is None:
        raise NotFound()
    return row


def locked(found: QuerySet[Row], hook_id: UUID, version: int, changed: Conflict) -> Row:
    """The same for a change, as the changer last saw it; `changed` is raised when it is another version by now."""
    row = one(found.select_for_update(), hook_id)
    if row.version != version:  # type: ignore[attr-defined]
        raise changed
    return row


def place(actor: Actor, row: Any) -> None:
    """Where nothing is said, in the actor's own area; Forbidden where they do not manage integrations."""
    if not row.area_path:
        areas = actor.areas(MANAGE)
        roots = places.grids(level=0)
        row.area_path = areas[0] if len(areas) == 1 and areas[0] else (roots[0].area_path if roots else "")
    actor.require(MANAGE, row.area_path)


def wrong_name(row: Any) -> list[FieldError]:
    row.name = row.name.strip()
    if 1 <= len(row.name) <= 80 and "\0" not in row.name:
        return []
    return [FieldError("name", say("应为 1 至 80 个字", "must have 1 to 80 characters"))]


def wrong_area(row: Any) -> list[FieldError]:
    if len(row.area_path) <= 120 and places.area_exists(row.area_path):
        return []
    return [FieldError("area_path", say("没有此区域", "is not an area"))]


def wrong_outcome(outcome: str, known: Sequence[str]) -> None:
    """Raises Invalid for what is no outcome; '' is any."""
    if outcome and outcome not in known:
        raise Invalid("outcome", say("只能是 ", "must be one of ") + ", ".join(known))


def newest(hooks: QuerySet[Any], deliveries: QuerySet[Row]) -> QuerySet[Row]:
    """The last delivery of each of these rows, in one read."""
    own = deliveries.filter(hook=OuterRef("pk")).order_by("-created_at", "-id").values("pk")[:1]
    return deliveries.filter(pk__in=hooks.values(last=Subquery(own)))
