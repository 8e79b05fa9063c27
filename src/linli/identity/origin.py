"""Where a request comes from: the caller's address, and whether a browser sent it across sites."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest

from linli.kernel.errors import Forbidden

SAFE = {"GET", "HEAD", "OPTIONS"}


def address(request: HttpRequest) -> str:
    """The caller's address. The front door appends it to X-Forwarded-For; from anywhere else the header is ignored."""
    remote = request.META.get("REMOTE_ADDR", "")
    try:
        trusted = not remote or ipaddress.ip_address(remote).is_loopback
    except ValueError:
        trusted = True  # a unix socket
    forwarded = request.headers.get("X-Forwarded-For", "")
    if trusted and forwarded:
        remote = forwarded.rsplit(",", 1)[-1].strip()
    try:
        return str(ipaddress.ip_address(remote))
    except ValueError:
        return ""


def refuse_cross_site(request: HttpRequest) -> None:
    """Refuse an unsafe request that a browser made from another site.

    The cookie is SameSite=Lax; this also holds off sibling sub-domains and old browsers. Browsers always name the
    origin of an unsafe request, so one with none of the headers comes from a program, which no site can steer.
    """
    if request.method in SAFE:
        return
    origin = request.headers.get("Origin")
    if origin is not None:
        own = {f"{request.scheme}://{request.get_host()}".lower(), _origin(settings.PUBLIC_URL)}
        if origin.lower() in own:
            return
        raise Forbidden("a request from another site", code="cross-site")
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden("a request from another site", code="cross-site")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
