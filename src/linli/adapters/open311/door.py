"""What every address of the server shares: who calls, in which form they want the answer, and how it refuses."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.db import DataError
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError

from linli.adapters.open311 import formats
from linli.identity import facade as identity
from linli.kernel import http
from linli.kernel.actor import PUBLIC, Actor
from linli.kernel.errors import Invalid, LinliError, TooLarge, TooMany
from linli.portal import facade as portal

View = Callable[..., Any]
STATUS = {401: 403, 422: 400}  # the standard knows 403 for a key that is missing or wrong, and 400 for what is


def caller(request: HttpRequest) -> Actor:
    """By the parameter `api_key` or the Authorization header. A browser's session counts for nothing here."""
    text = request.POST.get("api_key") or request.GET.get("api_key") or ""
    if not text and request.headers.get("Authorization"):
        return http.actor_of(request)
    if not text:
        return PUBLIC
    found = identity.actor_by_key(text.strip())
    if found is None:
        raise LinliError("api_key is unknown, expired or revoked", code="key")
    return found


def writer(actor: Actor, permission: str = "cases.create") -> Actor:
    """Refuse whoever may not write anywhere."""
    if actor.kind == "public":
        raise LinliError("api_key is missing", code="key")
    if not actor.can(permission):
        raise LinliError(f"this api_key does not have {permission}", code="key")
    return actor


def form_of(request: HttpRequest, said: str | None) -> str:
    if said in formats.TYPES:
        return str(said)
    return "json" if "json" in request.headers.get("Accept", "") else "xml"


def view(*methods: str) -> Callable[[View], View]:
    """An address of the server: `fn(request, actor, **path)` gives (name of the root, data[, status])."""

    def decorate(fn: View) -> View:
        @functools.wraps(fn)
        def answer(request: HttpRequest, form: str | None = None, **path: Any) -> HttpResponse:
            wanted = form_of(request, form)
            try:
                if (request.method if request.method != "HEAD" else "GET") not in methods:
                    told = _errors(405, "this address takes " + " and ".join(methods))
                    return _sent(request, wanted, "errors", told, 405)
                actor = _counted(request)
                root, data, *status = fn(request, actor, **path)
                return _sent(request, wanted, root, data, *status)
            except (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent):
                return refusal(request, wanted, TooLarge("the request is larger than this address takes"))
            except (UnreadablePostError, MultiPartParserError):
                return refusal(request, wanted, Invalid("body", "is not a form that can be read"))
            except DataError:
                return refusal(request, wanted, Invalid("request", "holds a value that cannot be kept or compared"))
            except LinliError as error:
                return refusal(request, wanted, error)

        answer.csrf_exempt = True  # type: ignore[attr-defined]
        return answer

    return decorate


def _counted(request: HttpRequest) -> Actor:
    """The caller, after counting the act: strangers by their address as on the portal, keys by their account."""
    actor = caller(request)
    act = "open311-write" if request.method == "POST" else "open311-read"
    if actor.kind == "public":
        portal.spend(act, portal.caller(request))
    elif request.method == "POST":
        portal.spend(act, str(actor.account_id))
    return actor


def refusal(request: HttpRequest, form: str, error: LinliError) -> HttpResponse:
    status = 403 if error.code == "key" else STATUS.get(error.status, error.status)
    named = [f"{e.field}: {e.reason}" for e in error.errors] or [error.detail]
    response = _sent(request, form, "errors", [{"code": status, "description": text} for text in named], status)
    if isinstance(error, TooMany):
        response["Retry-After"] = str(error.retry_after)
    return response


def _errors(code: int, text: str) -> list[dict[str, Any]]:
    return [{"code": code, "description": text}]


def _sent(request: HttpRequest, form: str, root: str, data: Any, status: int = 200) -> HttpResponse:
    response = HttpResponse(formats.render(form, root, data), status=status, content_type=formats.TYPES[form])
    response["Cache-Control"] = "private, no-cache"
    response["Access-Control-Allow-Origin"] = "*"
    response["Vary"] = "Accept, Accept-Language, Authorization"
    response._has_been_logged = True  # type: ignore[attr-defined]  # an address may hold a key: keep it out of logs
    return response
