"""Home, the page of a unit with its report form, the privacy notice."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _

from linli.cases import facade as cases
from linli.cases.contracts import PublicCase
from linli.kernel import personal
from linli.kernel.errors import Invalid, NotFound, TooLarge
from linli.kernel.i18n import either, english
from linli.places import facade as places
from linli.places.contracts import UnitInfo
from linli.portal import limits, services
from linli.portal.forms import ReportForm
from linli.portal.pages import page, safe_next, view

SECRET = re.compile(r"[A-Za-z0-9_-]{16,64}")


@view("GET")
def home(request: HttpRequest) -> HttpResponse:
    return page(request, "home", private=False)


@view("GET")
def short(request: HttpRequest) -> HttpResponse:
    """From a short code typed off a label to the unit's page."""
    typed = "".join(c for c in request.GET.get("code", "") if not c.isspace() and c not in "-·")[:24]
    if not typed:
        return page(request, "home", code="", code_error="")
    limits.spend("short", limits.caller(request))
    if places.unit_by_code(typed) is None:
        wrong = _("No unit has this code. Check the digits on the label: one wrong digit is always noticed.")
        return page(request, "home", 404, code=typed, code_error=wrong)
    return HttpResponseRedirect(f"/u/{typed}" if typed.isdigit() else f"/q/{typed.lower()}")


@view("GET")
def follow(request: HttpRequest) -> HttpResponse:
    """From a ticket's link or secret, pasted or typed, to the ticket."""
    typed = request.GET.get("ticket", "").strip().rstrip("/").rpartition("/")[2].partition("?")[0]
    if not SECRET.fullmatch(typed):
        wrong = _("Paste the whole link that you got after reporting. The number alone is not enough.")
        return page(request, "home", 404, ticket_error=wrong)
    return HttpResponseRedirect(f"/t/{typed}")


@view("GET", "POST")
def unit(request: HttpRequest, code: str) -> HttpResponse:
    """What is open at a unit, and the form to report."""
    found = places.unit_by_code(code)
    if found is None:
        if places.replaced_code(code):
            advice = _("This QR code has been replaced. Please scan the new one on the wall, or type the short code.")
            return page(request, "message", 410, title=_("An old code"), advice=advice)
        if request.method == "GET":
            limits.spend("short", limits.caller(request))
        raise NotFound()
    if request.method == "POST":
        return _take(request, found)
    return _unit_page(request, found, ReportForm())


@view("GET", "POST")
def report_anywhere(request: HttpRequest) -> HttpResponse:
    """The same form without a unit: the place is told in words."""
    if request.method == "POST":
        return _take(request, None)
    return _unit_page(request, None, ReportForm(where="other"))


def _take(request: HttpRequest, found: UnitInfo | None) -> HttpResponse:
    limits.refuse_cross_site(request)
    who = limits.caller(request)
    limits.spend("try", who)
    form = ReportForm.read(request.POST, request.FILES, with_unit=found is not None)  # type: ignore[arg-type]
    fresh = not form.errors and not services.was_sent(form.nonce)
    if fresh and limits.needs_work(who) and not limits.worked(form.work):
        why = _("Many reports came from your network. Please send once more: your device does a small sum first.")
        form.refuse("work", why)
        return _unit_page(request, found, form, 429)
    if form.errors:
        return _unit_page(request, found, form, 422)
    try:
        receipt = services.report(form=form, unit=found, who=who)
    except (Invalid, TooLarge) as error:
        _explain(form, error)
        return _unit_page(request, found, form, 422)
    return HttpResponseRedirect(f"/t/{receipt.secret}?new=1", status=303)


def _explain(form: ReportForm, error: Invalid | TooLarge) -> None:
    fields = {e.field.partition(".")[0] for e in error.errors}
    if isinstance(error, TooLarge) or fields & {"photo", "photos"}:
        form.bad_photo()
    else:
        form.refuse("text", _("This could not be taken in as it is. Please put it in other words."))


def _unit_page(request: HttpRequest, found: UnitInfo | None, form: ReportForm, status: int = 200) -> HttpResponse:
    opened = _open(found) if found else []
    context: dict[str, Any] = {
        "unit": found, "form": form, "opened": [_line(c) for c in opened], "action": request.path,
        "title": found.title("en" if english() else "zh-hans") if found else _("Report without a code"),
        "community": either(found.community_zh, found.community_en) if found else "",
        "hotline": found.hotline if found else "",
        "thanks": request.GET.get("thanks") == "1", "follow": _secret(request.GET.get("follow", "")),
    }  # fmt: skip
    if status == 429:
        context["challenge"] = orjson.dumps(limits.challenge()).decode()
    return page(request, "unit", status, **context)


def _open(unit: UnitInfo) -> list[PublicCase]:
    """What is open at a unit and near it: what a neighbour may have as well."""
    return cases.open_near_unit(unit.unit_id, unit.lon, unit.lat, 12)


def _line(case: Any) -> dict[str, Any]:
    return {
        "id": case.case_id, "name": either(case.class_zh, case.class_en), "at": case.created_at,
        "state": either(case.state_zh, case.state_en), "me_too": case.me_too, "number": case.number,
        "distance": case.distance_m, "photo": next(iter(case.photos), None),
    }  # fmt: skip


def _secret(text: str) -> str:
    return text if SECRET.fullmatch(text) else ""


@view("POST")
def me_too(request: HttpRequest, code: str) -> HttpResponse:
    """“I have it too”, for an open case at this unit."""
    limits.refuse_cross_site(request)
    found = places.unit_by_code(code)
    try:
        case_id = UUID(request.POST.get("case", ""))
    except ValueError:
        raise NotFound() from None
    if found is None or case_id not in {c.case_id for c in _open(found)}:
        raise NotFound()
    secret = services.me_too(case_id=case_id, who=limits.caller(request))
    more = f"&follow={secret}" if secret else ""
    return HttpResponseRedirect(f"{request.path.removesuffix('/me-too')}?thanks=1{more}", status=303)


@view("GET")
def privacy(request: HttpRequest) -> HttpResponse:
    """What is kept about people, from the registry that the code itself obeys."""
    return page(request, "privacy", private=False, fields=personal.notice("en" if english() else "zh"))


@view("GET")
def language(request: HttpRequest, code: str) -> HttpResponse:
    """Switch the language and come back."""
    response = HttpResponseRedirect(safe_next(request))
    if code in dict(settings.LANGUAGES):
        response.set_cookie(settings.LANGUAGE_COOKIE_NAME, code, max_age=365 * 86400, samesite="Lax",
                            secure=request.is_secure())  # fmt: skip
    response["Cache-Control"] = "no-store"
    return response


@view("GET")
def robots(request: HttpRequest) -> HttpResponse:
    allowed = "".join(f"Allow: {path}\n" for path in ("/$", "/map", "/privacy", "/done", "/heat", "/data"))
    rules = f"User-agent: *\n{allowed}Disallow: /\n"
    return HttpResponse(rules, content_type="text/plain; charset=utf-8")
