"""The public address of an intake hook: POST /intake/CODE, and WeChat's GET that asks whether we know its token."""

from __future__ import annotations

import orjson
from django.db import DataError
from django.http import HttpRequest, HttpResponse

from linli.adapters import entries, secret
from linli.adapters.intake import rules, selectors, wechat
from linli.adapters.intake.models import IntakeHook
from linli.adapters.intake.services import receiving, talking
from linli.kernel import clock
from linli.kernel.errors import FieldError, Invalid, NotFound, TooLarge, TooMany, Unauthenticated
from linli.kernel.i18n import say
from linli.portal import facade as portal

MOST_BYTES = 12 * 1024 * 1024


@entries.door
def intake(request: HttpRequest, code: str) -> HttpResponse:
    portal.spend("intake-door", portal.caller(request))
    hook = selectors.by_code(code)
    if hook is None or request.method not in (("GET", "HEAD", "POST") if hook.kind == "wechat" else ("POST",)):
        raise NotFound()
    body = request.body
    if hook.kind == "wechat":
        return _wechat(request, hook, body)
    return _json(request, hook, body)


def _signed(hook: IntakeHook, wrong: str) -> None:
    """Refuse who is not known first, then a paused hook and too many: strangers learn and spend nothing."""
    if wrong:
        receiving.bad_signature(hook, wrong)
        error = Unauthenticated(f"{wrong}: " + say("签名或时间不对", "the signature or time is wrong"))
        error.errors = [FieldError(wrong, say("不对", "is wrong"))]
        raise error
    if not hook.enabled:
        raise NotFound(say("此接入点已暂停", "this entry point is paused"), code="intake-paused")
    try:
        portal.spend("intake", str(hook.id))
    except TooMany:
        if portal.within("intake-bad", str(hook.id)):
            receiving.keep(hook, "limited", 429)
        raise


def _json(request: HttpRequest, hook: IntakeHook, body: bytes) -> HttpResponse:
    get, now = request.headers.get, clock.now().timestamp()
    name = get("webhook-id", "")
    _signed(hook, rules.signed(secret.valid(hook), name, get("webhook-timestamp", ""),
                               get("webhook-signature", ""), body, now))  # fmt: skip
    try:
        made, again = receiving.receive(hook=hook, message_id=name, data=entries.parsed(body), ticket=_ticket(request))
    except (Invalid, TooLarge) as error:
        receiving.keep(hook, "refused", error.status, errors=error.errors)
        raise
    shown = orjson.dumps({**made, "again": again})
    return HttpResponse(shown, status=200 if again else 201, content_type="application/json")


def _wechat(request: HttpRequest, hook: IntakeHook, body: bytes) -> HttpResponse:
    get, now = request.GET.get, clock.now()
    _signed(hook, rules.wechat_signed(secret.valid(hook), get("timestamp", ""), get("nonce", ""),
                                      get("signature", ""), now.timestamp()))  # fmt: skip
    if request.method != "POST":
        receiving.keep(hook, "verified", 200)
        return HttpResponse(get("echostr", "")[:200], content_type="text/plain")
    try:
        message = wechat.parse(body)
        if "Encrypt" in message:
            raise ValueError("encrypted mode is not supported: choose plain mode")
        said = talking.answer(hook=hook, message=message, ticket=_ticket(request))
    except (ValueError, DataError, Invalid) as error:
        wrong = error if isinstance(error, Invalid) else Invalid("body", str(error)[:200])
        receiving.keep(hook, "refused", 422, errors=wrong.errors)
        raise wrong from error
    shown = wechat.reply(message, said, int(now.timestamp())) if said else "success"
    return HttpResponse(shown, content_type="text/xml" if said else "text/plain")


def _ticket(request: HttpRequest) -> str:
    return request.build_absolute_uri("/t/")
