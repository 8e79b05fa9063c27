"""Pure rules of webhooks: who hears what, signatures by Standard Webhooks (standardwebhooks.com), when to try again."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import re
from datetime import timedelta
from urllib.parse import urlsplit

from linli.kernel.actor import Actor, contains
from linli.kernel.envelope import Envelope

TYPE = re.compile(r"\*|[a-z][a-z0-9_]{0,30}\.(\*|[a-z][a-z0-9_]{0,30})")
# Two days in all; then a person looks.
WAITS = tuple(timedelta(seconds=s) for s in (5, 30, 120, 600, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 24 * 3600))
GIVE_UP = timedelta(days=5)  # an address that took nothing for so long is switched off
PREFIX = "whsec_"


def asked(types: list[str], event_type: str) -> bool:
    return bool({event_type, event_type.split(".")[0] + ".*", "*"} & set(types))


def hears(actor: Actor, envelope: Envelope, area: str, permissions: list[str]) -> bool:
    """As the live stream decides it: default deny. `permissions`: those of whoever entered the hook, perhaps by a key
    that may less than its account. The public's copy of a staff event is not sent twice."""
    if envelope.audience.startswith("account:"):
        return actor.account_id is not None and envelope.audience == f"account:{actor.account_id}"
    if envelope.audience != "staff" or envelope.permission not in permissions:
        return False
    if area and not contains(area, envelope.area):
        return False
    return any(contains(own, envelope.area) for own in actor.areas(envelope.permission))


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature`: `v1,` and HMAC-SHA256 of `id.timestamp.body`, base64."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    digest = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def wait(attempts: int) -> timedelta | None:
    """How long after that many failed attempts the next one is made; None: no more."""
    return WAITS[attempts - 1] if attempts <= len(WAITS) else None


def wrong_url(url: str) -> str:
    """Why an address cannot be a hook's, or ''."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "is not an address"
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        return "must be an http or https address"
    if parts.username or parts.password or parts.fragment:
        return "must hold no name, password or fragment"
    return "has more than 500 characters" if len(url) > 500 else ""


def barred(address: str, loopback: bool) -> bool:
    """Addresses that are never asked: this machine's own, and those by which clouds tell secrets."""
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    if found.is_loopback:
        return not loopback
    return found.is_link_local or found.is_multicast or found.is_unspecified or found.is_reserved
