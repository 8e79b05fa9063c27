"""The public address of a reading hook: POST /readings-intake/CODE, and OneNET's GET that asks whether it is ours."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import orjson
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, UnreadablePostError

from linli.adapters.readings import selectors, signing
from linli.adapters.readings.models import ReadingHook
from linli.adapters.readings.services import receiving
from linli.kernel import http
from linli.kernel.errors import FieldError, Invalid, LinliError, NotFound, TooLarge, TooMany, Unauthenticated
from linli.kernel.i18n import say
from linli.portal import facade as portal


def _door(fn: Callable[[HttpRequest, str], HttpResponse]) -> Callable[[HttpRequest, str], HttpResponse]:
    """Refusals as problem+json, and no addresses in logs: some platforms put their token there."""

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


@_door
def readings(request: HttpRequest, code: str) -> HttpResponse:
    portal.spend("readings-door", portal.caller(request))
    hook = selectors.by_code(code)
    if hook is None:
        raise NotFound()
    if request.method == "GET" and hook.auth["way"] == "onenet":
        return _verified(request, hook)
    if request.method != "POST":
        raise NotFound()
    length = request.headers.get("Content-Length", "0")
    if length.isdigit() and int(length) > hook.most_kb * 1024:
        most = FieldError("body", say(f"超过 {hook.most_kb} 千字节", f"is larger than {hook.most_kb} KiB"))
        receiving.refused(hook, "refused", 413, [most])
        raise TooLarge(most.reason)
    body = request.body
    if not signing.shown(hook.auth, selectors.secrets_of(hook), request.headers, request.GET, body):
        raise _unproved(hook, signing.place(hook.auth))
    _within(hook)
    return _taken(hook, body)


def _verified(request: HttpRequest, hook: ReadingHook) -> HttpResponse:
    if not signing.verified(selectors.secrets_of(hook), request.GET):
        raise _unproved(hook, "signature")
    receiving.keep(hook, "verified", 200)
    return HttpResponse(request.GET.get("msg", "")[:200], content_type="text/plain")


def _unproved(hook: ReadingHook, name: str) -> Unauthenticated:
    """Who is not known is refused before a paused hook and too many: who is nobody learns and spends nothing."""
    wrong = [FieldError(name, say("不对", "is wrong"))]
    receiving.refused(hook, "signature", 401, wrong)
    return Unauthenticated(f"{name}: " + say("令牌或签名不对", "the token or signature is wrong"), errors=wrong)


def _within(hook: ReadingHook) -> None:
    if not hook.enabled:
        raise NotFound(say("此接入点已暂停", "this hook is paused"), code="reading-hook-paused")
    try:
        portal.spend("readings", str(hook.id), most=hook.per_hour)
    except TooMany:
        receiving.refused(hook, "limited", 429, [])
        raise


def _taken(hook: ReadingHook, body: bytes) -> HttpResponse:
    try:
        made = receiving.receive(hook=hook, doc=_parsed(body))
    except Invalid as error:
        receiving.refused(hook, "refused", error.status, error.errors)
        raise
    return HttpResponse(orjson.dumps(made), content_type="application/json")


def _parsed(body: bytes) -> Any:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Invalid("body", say("不是 JSON", "is not JSON")) from None
    if b"\\u0000" in body:
        raise Invalid("body", say("含零字符", "holds a zero character"))
    return found
