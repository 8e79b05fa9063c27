"""News by e-mail and feed: asked for here, confirmed and ended by the links of the letters."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.http import HttpRequest, HttpResponse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from linli.kernel.errors import NotFound, TooMany
from linli.portal import alert_services, letters, limits, wishes
from linli.portal.pages import page, view
from linli.portal.signed import opened


def good_address(typed: str) -> str:
    """The address as typed, or '' when no letter could be sent to it."""
    clean = typed.strip()
    try:
        validate_email(clean)
    except ValidationError:
        return ""
    return clean if len(clean) <= 200 else ""


@view("GET", "POST")
def alerts(request: HttpRequest) -> HttpResponse:
    """Choose a community and a class; then by e-mail, or by the feed that fits."""
    given = request.POST if request.method == "POST" else request.GET
    area, big = given.get("area", ""), wishes.big_class(given.get("class", ""))
    wishes.chosen(area)
    if request.method == "GET":
        return _page(request, area, big)
    limits.refuse_cross_site(request)
    limits.spend("alert", limits.caller(request))
    typed = request.POST.get("email", "")
    if not letters.enabled():
        return _page(request, area, big, 409)
    if not (address := good_address(typed)):
        wrong = _("This does not look like an e-mail address. Please correct it.")
        return _page(request, area, big, 422, email=typed[:200], email_error=wrong)
    if request.POST.get("consent") != "1":
        wrong = _("Tick the box if we may use the address for that; or use the feed, which needs none.")
        return _page(request, area, big, 422, email=typed[:200], consent_error=wrong)
    alert_services.ask(address=address, area_code=area, big_class=big, language=get_language() or "zh-hans")
    return _page(request, area, big, sent=True)


def _page(request: HttpRequest, area: str, big: str, status: int = 200, **more: Any) -> HttpResponse:
    asked = urlencode({k: v for k, v in (("area", area), ("class", big)) if v})
    return page(
        request, "alerts", status, area=area, big=big, communities=wishes.communities(), classes=wishes.classes(),
        what=wishes.phrase(area, big), query=f"?{asked}" if asked else "", mail=letters.enabled(), **more,
    )  # fmt: skip


@view("GET", "POST")
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """The button behind the letter's link: opening a link is no yes, programs do that too."""
    _known("confirm", request, token)
    if request.method == "POST":
        alert_services.confirm(token=token)
    return page(request, "alert_link", act="confirm", done=request.method == "POST")


@view("GET", "POST")
def stop(request: HttpRequest, token: str) -> HttpResponse:
    """End the letters: one click here, or the mail program's own button, which posts to the same address."""
    _known("stop", request, token)
    if request.method == "POST":
        alert_services.stop(token=token)
    return page(request, "alert_link", act="stop", done=request.method == "POST")


def _known(act: str, request: HttpRequest, token: str) -> None:
    who = limits.caller(request)
    if limits.so_far("ticket", who) > limits.MOST["ticket"]:
        raise TooMany(retry_after=limits.seconds_left())
    try:
        opened(act, token)
    except NotFound:
        limits.spend("ticket", who)
        raise
