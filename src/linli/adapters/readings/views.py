"""The public address of a reading hook: POST /readings-intake/CODE, and OneNET's GET that asks whether it is ours."""

from __future__ import annotations

import orjson
from django.http import HttpRequest, HttpResponse

from linli.adapters import entries, secret
from linli.adapters.readings import selectors, signing
from linli.adapters.readings.models import ReadingHook
from linli.adapters.readings.services import receiving
from linli.kernel.errors import FieldError, Invalid, NotFound, TooLarge, TooMany, Unauthenticated
from linli.kernel.i18n import say
from linli.portal import facade as portal


@entries.door
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
    if not signing.shown(hook.auth, secret.valid(hook), request.headers, request.GET, body):
        raise _unproved(hook, signing.place(hook.auth))
    _within(hook)
    return _taken(hook, body)


def _verified(request: HttpRequest, hook: ReadingHook) -> HttpResponse:
    if not signing.verified(secret.valid(hook), request.GET):
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
        made = receiving.receive(hook=hook, doc=entries.parsed(body))
    except Invalid as error:
        receiving.refused(hook, "refused", error.status, error.errors)
        raise
    return HttpResponse(orjson.dumps(made), content_type="application/json")
