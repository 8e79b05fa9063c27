"""What every address shares: who calls, JSON in and out, and refusals with their reason."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import orjson
from django.core.exceptions import RequestDataTooBig
from django.db import DataError
from django.http import HttpRequest, HttpResponse, UnreadablePostError

from linli.adapters.sensorthings.odata.errors import Wrong
from linli.adapters.sensorthings.selectors.frames import VIEW
from linli.kernel import http
from linli.kernel.errors import LinliError, TooLarge, Unauthenticated

ROOT = "/sta/v1.1"


class NoMethod(LinliError):
    status, code, title = 405, "method-not-allowed", "Not taken here"


View = Callable[..., HttpResponse]
STATUS = {422: 400}  # what is wrong in a body is 400 in the standard
METHODS = "GET, POST, PATCH, PUT, DELETE"


def view(*methods: str) -> Callable[[View], View]:
    """An address: `fn(request, actor, **path)`. Anonymous callers are asked for a key."""
    return lambda fn: _guarded(fn, methods)


def _guarded(fn: View, methods: tuple[str, ...]) -> View:
    @functools.wraps(fn)
    def answer(request: HttpRequest, **path: Any) -> HttpResponse:
        try:
            if request.method == "OPTIONS":
                return _open(HttpResponse(status=204))
            if (request.method if request.method != "HEAD" else "GET") not in methods:
                raise NoMethod(f"this address takes {', '.join(methods)}")
            actor = http.actor_of(request) if "Authorization" in request.headers else None
            if actor is None or actor.kind == "public":
                raise Unauthenticated("send an API key: Authorization: Bearer KEY, or Basic ACCOUNT:KEY")
            actor.require(VIEW)
            return _open(fn(request, actor, **path))
        except (RequestDataTooBig, UnreadablePostError):
            return refusal(TooLarge("the body is larger than this address takes, or was cut short"))
        except DataError:
            return refusal(Wrong("the request holds a value that cannot be kept or compared"))
        except LinliError as error:
            return refusal(error)

    answer.csrf_exempt = True  # type: ignore[attr-defined]
    return answer


def base(request: HttpRequest) -> str:
    return request.build_absolute_uri(ROOT)


def sent(data: Any, status: int = 200, **headers: str) -> HttpResponse:
    """JSON; a str is plain text; None is nothing."""
    if isinstance(data, str):
        made = HttpResponse(data, status=status, content_type="text/plain; charset=utf-8")
    elif data is None:
        made = HttpResponse(status=status)
        del made["Content-Type"]
    else:
        made = HttpResponse(orjson.dumps(data), status=status, content_type="application/json")
    for name, value in headers.items():
        made[name] = value
    return made


def refusal(error: LinliError) -> HttpResponse:
    status = STATUS.get(error.status, error.status)
    told = "; ".join(f"{e.field}: {e.reason}" for e in error.errors) or error.detail
    body = {"code": status, "type": "error" if error.code == "no-content" else error.code, "message": told}
    made = HttpResponse(orjson.dumps(body), status=status, content_type="application/json")
    if error.code == "no-content":
        made = HttpResponse(status=204)
    if status == 401:
        made["WWW-Authenticate"] = 'Basic realm="SensorThings", charset="UTF-8"'
    return _open(made)


def _open(response: HttpResponse) -> HttpResponse:
    """Programs in browsers of other addresses may ask, with their own key: no cookie counts here."""
    response["Cache-Control"] = "private, no-store"
    response["Access-Control-Allow-Origin"] = "*"
    response["Access-Control-Allow-Methods"] = METHODS
    response["Access-Control-Allow-Headers"] = "Authorization, Content-Type, Prefer"
    response["Access-Control-Expose-Headers"] = "Location"
    return response


def body_of(request: HttpRequest) -> Any:
    try:
        found = orjson.loads(request.body)
    except orjson.JSONDecodeError as error:
        raise Wrong(f"the body is not JSON: {error}") from error
    if b"\\u0000" in request.body:
        raise Wrong("the body holds a zero character, which no text may have")
    return found
