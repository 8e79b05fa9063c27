"""How abuse is held off without hindering anybody: counts per address and hour, and proof of work only beyond them."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_network
from typing import Any
from urllib.parse import urlsplit

from altcha import v1 as altcha
from django.conf import settings
from django.db import connection
from django.http import HttpRequest

from linli.home import Home
from linli.identity import facade as identity
from linli.kernel import clock
from linli.kernel.errors import Forbidden, TooMany
from linli.portal import selectors

# A compound or an office may share one address: well over 50 honest reports an hour pass without any hurdle.
FREE = {"report": 120}
MOST = {"report": 600, "try": 600, "me-too": 120, "short": 120, "ticket": 300, "case": 300, "open311-read": 3600,
        "open311-write": 12_000, "alert": 30, "phone": 30, "number": 10,
        "intake-door": 12_000, "intake": 3600, "intake-sender": 60, "intake-bad": 60,
        "readings-door": 400_000, "readings": 36_000, "readings-bad": 120}  # fmt: skip
WORK = 60_000  # largest number to find: about a second on an old phone


def _secret() -> bytes:
    return Home.current().secret("portal")


def hour(at: datetime | None = None) -> datetime:
    return (at or clock.now()).replace(minute=0, second=0, microsecond=0)


def key_of(act: str, who: str) -> bytes:
    """The keyed hash under which something is counted; new every day, so that it cannot follow anybody."""
    day = clock.now().date().isoformat()
    return hmac.new(_secret(), f"{day}\0{act}\0{who}".encode(), hashlib.sha256).digest()[:16]


def caller(request: HttpRequest) -> str:
    """The caller's address; a whole IPv6 /64 counts as one."""
    found = identity.caller_address(request)
    if ":" not in found:
        return found
    known = IPv6Address(found)
    return str(known.ipv4_mapped or ip_network((known.packed, 64), strict=False))


def count(act: str, who: str) -> int:
    """Add one and tell how many there have been in this hour."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO portal_count (key, hour, count) VALUES (%s, %s, 1)"
            " ON CONFLICT (key, hour) DO UPDATE SET count = portal_count.count + 1 RETURNING count",
            [key_of(act, who), hour()],
        )
        return int(cursor.fetchone()[0])


def so_far(act: str, who: str) -> int:
    return selectors.count_of(key_of(act, who), hour())


def spend(act: str, who: str, most: int | None = None) -> None:
    """Count an act; TooMany beyond the most that one address may do in an hour, or beyond its own `most`."""
    if count(act, who) > (MOST[act] if most is None else most):
        raise TooMany(retry_after=seconds_left())


def seconds_left() -> int:
    return int((hour() + timedelta(hours=1) - clock.now()).total_seconds()) + 1


def needs_work(who: str) -> bool:
    """Whether the next report from this address has to bring a proof of work."""
    return so_far("report", who) >= FREE["report"]


def challenge() -> dict[str, Any]:
    return altcha.create_challenge(
        altcha.ChallengeOptions(
            algorithm="SHA-256", max_number=WORK, hmac_key=_secret().hex(), expires=clock.now() + timedelta(minutes=20)
        )
    ).to_dict()


def worked(payload: str) -> bool:
    """Whether a proof of work is right, in time, and not used before."""
    if not payload or len(payload) > 2000:
        return False
    try:
        ok, _ = altcha.verify_solution(payload, _secret().hex(), True)
    except Exception:  # whatever a stranger may put into it
        return False
    return bool(ok) and count("work", payload) == 1


def refuse_cross_site(request: HttpRequest) -> None:
    """Refuse a form that another site's page sent: nobody's browser shall report in their name."""
    origin = request.headers.get("Origin")
    if origin and origin != "null":
        own = {f"{request.scheme}://{request.get_host()}".lower(), _origin(settings.PUBLIC_URL)}
        if origin.lower() not in own:
            raise Forbidden("a request from another site", code="cross-site")
    elif request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
        raise Forbidden("a request from another site", code="cross-site")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
