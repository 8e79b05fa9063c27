"""A ticket behind its secret link: how it goes, who looked at my number, my rights."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from linli.cases import facade as cases
from linli.cases.contracts import PublicTicket
from linli.kernel import personal_reads
from linli.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from linli.kernel.i18n import either, english
from linli.kernel.masks import normal
from linli.portal import alert_services, letters, limits
from linli.portal.alert_views import good_address
from linli.portal.forms import PHONE
from linli.portal.pages import page, view

STEPS, CODE = 7, 6
OWN = "own data"  # the reason that `cases` logs when the reporter takes their own data along


def _ticket(request: HttpRequest, secret: str) -> PublicTicket:
    """The ticket; wrong secrets are counted, so that nobody can try many."""
    if limits.so_far("ticket", limits.caller(request)) > limits.MOST["ticket"]:
        limits.spend("ticket", limits.caller(request))
    try:
        return cases.public_status(secret)
    except NotFound:
        limits.spend("ticket", limits.caller(request))
        raise


@view("GET")
def ticket(request: HttpRequest, secret: str) -> HttpResponse:
    return _page(request, secret, _ticket(request, secret))


def _page(request: HttpRequest, secret: str, found: PublicTicket, status: int = 200, **more: Any) -> HttpResponse:
    purposes = personal_reads.purposes()
    tongue = "en" if english() else "zh"
    looked = [
        {"at": at, "own": reason == OWN, "reason": reason, "purpose": purposes.get(code, {}).get(tongue, code)}
        for at, code, reason in found.looked
    ]
    return page(
        request, "ticket", status, t=found, secret=secret, name=either(found.class_zh, found.class_en),
        state=either(found.state_zh, found.state_en), looked=looked, is_new=request.GET.get("new") == "1",
        steps=[{"at": s.at, "text": either(s.zh, s.en), "note": s.note} for s in found.steps],
        bar=range(1, STEPS + 1), link=request.build_absolute_uri(f"/t/{secret}"),
        done=request.GET.get("done", ""), mail=letters.enabled(), stars=range(1, 6), **more,
    )  # fmt: skip


@view("GET")
def photo(request: HttpRequest, secret: str, file_id: UUID) -> HttpResponse:
    """A picture of one's own report, or one that was released."""
    response = HttpResponse(cases.ticket_photo(secret, file_id), content_type="image/jpeg")
    response["Cache-Control"] = "private, max-age=600"
    return response


@view("GET")
def data(request: HttpRequest, secret: str) -> HttpResponse:
    """All that is held about the reporter, to take along."""
    found = _ticket(request, secret)
    own = cases.own_data(secret)
    looked = [{"at": at, "purpose": purpose, "reason": reason} for at, purpose, reason in found.looked]
    body = orjson.dumps({**own, "who_looked": looked}, default=str, option=orjson.OPT_INDENT_2)
    response = HttpResponse(body, content_type="application/json; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="linli-{found.number}.json"'
    response["Cache-Control"] = "private, no-store"
    return response


@view("POST")
def withdraw(request: HttpRequest, secret: str) -> HttpResponse:
    """Take the consent back: number, name and original words are erased at once."""
    limits.refuse_cross_site(request)
    _ticket(request, secret)
    cases.withdraw_contact(secret)
    alert_services.stop_ticket(ticket=cases.ticket_ref(secret))
    return HttpResponseRedirect(f"/t/{secret}?done=withdrawn", status=303)


@view("POST")
def contact(request: HttpRequest, secret: str) -> HttpResponse:
    """Correct the number, or give one after all."""
    limits.refuse_cross_site(request)
    found = _ticket(request, secret)
    phone = request.POST.get("phone", "").strip()
    if not PHONE.fullmatch(phone):
        wrong = _("This does not look like a phone number. Correct it, or leave it empty.")
        return _page(request, secret, found, 422, phone=phone, phone_error=wrong)
    if request.POST.get("consent") != "1":
        wrong = _("Tick the box if we may use the number to tell you; or leave the number empty.")
        return _page(request, secret, found, 422, phone=phone, consent_error=wrong)
    cases.correct_contact(secret, phone=phone)
    return HttpResponseRedirect(f"/t/{secret}?done=contact", status=303)


@view("POST")
def answer(request: HttpRequest, secret: str) -> HttpResponse:
    """“Is it solved?” Yes is noted, with stars if given; no opens the case again, with a word if given."""
    limits.refuse_cross_site(request)
    found = _ticket(request, secret)
    said = request.POST.get("solved")
    if said == "yes":
        stars = request.POST.get("stars", "")
        cases.confirm_solved(secret, int(stars) if stars in ("1", "2", "3", "4", "5") else None)
        return HttpResponseRedirect(f"/t/{secret}?done=thanks", status=303)
    reason = request.POST.get("reason", "").strip()[:500]
    if said != "no" and not reason:
        return _page(request, secret, found, 422)
    try:
        cases.reopen(secret, reason)
    except (Conflict, Forbidden, Invalid):
        wrong = _("The time to reopen this case is over. Please report anew.")
        return _page(request, secret, found, 409, reason=reason, reason_error=wrong)
    return HttpResponseRedirect(f"/t/{secret}?done=reopened", status=303)


@view("POST")
def by_mail(request: HttpRequest, secret: str) -> HttpResponse:
    """Be told by e-mail how the report goes: a letter asks first."""
    limits.refuse_cross_site(request)
    limits.spend("alert", limits.caller(request))
    found = _ticket(request, secret)
    typed = request.POST.get("email", "")
    if not (address := good_address(typed)) or not letters.enabled():
        wrong = _("This does not look like an e-mail address. Please correct it.")
        return _page(request, secret, found, 422, email=typed[:200], email_error=wrong)
    alert_services.ask(address=address, ticket=cases.ticket_ref(secret), language=get_language() or "zh-hans")
    return _page(request, secret, found, mail_sent=True)


@view("GET", "POST")
def by_phone(request: HttpRequest) -> HttpResponse:
    """To one's own ticket by phone number and code. Whatever is wrong, the answer is the same."""
    if request.method == "GET":
        return page(request, "follow_phone")
    limits.refuse_cross_site(request)
    phone, code = request.POST.get("phone", "").strip(), "".join(filter(str.isdigit, request.POST.get("code", "")))
    limits.spend("phone", limits.caller(request))
    key = ""
    if PHONE.fullmatch(phone) and len(code) == CODE:
        limits.spend("number", normal("phone", phone))
        key = cases.ticket_by_phone(phone, code)
    if not key:
        wrong = _("Number and code do not go together. The code stands on the page of your report.")
        return page(request, "follow_phone", 422, phone=phone[:24], phone_error=wrong)
    return HttpResponseRedirect(f"/t/{key}", status=303)
