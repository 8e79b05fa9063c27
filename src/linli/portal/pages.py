"""What all pages share: rendering, headers, refusals as pages that keep what was typed."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import render
from django.utils.translation import gettext as _

from linli.kernel.errors import LinliError, NotFound, TooLarge, TooMany
from linli.kernel.http import problem_response
from linli.kernel.i18n import english

CSP = ("default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; connect-src 'self'; "
       "form-action 'self'; base-uri 'none'; frame-ancestors 'none'")  # fmt: skip
View = Callable[..., HttpResponse]


def page(
    request: HttpRequest, template: str, status: int = 200, *, private: bool = True, **context: Any
) -> HttpResponse:
    other = "zh-hans" if english() else "en"
    context |= {
        "english": english(), "other": other, "other_name": dict(settings.LANGUAGES)[other], "demo": settings.DEMO,
        "switch": f"/language/{other}?{urlencode({'next': request.path if status != 404 else '/'})}",
    }  # fmt: skip
    response = render(request, f"portal/{template}.html", context, status=status)
    response["Cache-Control"] = "private, no-store" if private else "public, max-age=30"
    response["Vary"] = "Accept-Language, Cookie"
    response["Content-Security-Policy"] = CSP
    response._has_been_logged = True  # type: ignore[attr-defined]  # a ticket's address is its key: keep it out of logs
    if private:
        response["X-Robots-Tag"] = "noindex"
    return response


def refusal(request: HttpRequest, error: LinliError) -> HttpResponse:
    """A refusal in plain words, with what to do next."""
    words = {
        404: (
            _("Not found"),
            _("This address does not exist, or no longer does. Check it, or start from the first page."),
        ),
        429: (
            _("Too many at once"),
            _("Many requests came from your network. Please try again later, or call the hotline."),
        ),
        413: (_("Too large"), _("What you sent is too large. Please send a smaller photo, or none.")),
    }
    title, advice = words.get(error.status, (_("That did not work"), _("Please go back and try again.")))
    response = page(request, "message", error.status, title=title, advice=advice)
    if isinstance(error, TooMany):
        response["Retry-After"] = str(error.retry_after)
    return response


def missing(request: HttpRequest, exception: Exception) -> HttpResponse:
    """An address that no module knows: for people a page in their language, for programs a problem."""
    return problem_response(NotFound()) if request.path.startswith("/api/") else refusal(request, NotFound())


def view(*methods: str) -> Callable[[View], View]:
    """A page for these methods, with refusals shown as pages."""

    def decorate(fn: View) -> View:
        @functools.wraps(fn)
        def shown(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            allowed = {*methods, *(("HEAD",) if "GET" in methods else ())}
            if request.method not in allowed:
                return HttpResponseNotAllowed(sorted(allowed))
            try:
                return fn(request, *args, **kwargs)
            except LinliError as error:
                return refusal(request, error)
            except RequestDataTooBig:
                return refusal(request, TooLarge())
            except (MultiPartParserError, TooManyFieldsSent, TooManyFilesSent, UnreadablePostError):
                return refusal(request, LinliError())

        return shown

    return decorate


def safe_next(request: HttpRequest) -> str:
    """Where to go after switching the language: an address of our own, never another site."""
    target = request.GET.get("next", "/")
    ok = target.startswith("/") and not target.startswith(("//", "/\\")) and "\n" not in target and "\r" not in target
    return target if ok and len(target) < 300 else "/"
