"""Pure rules of webhooks: who hears what, signatures by Standard Webhooks (standardwebhooks.com), when to try again."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

from linli.kernel import clock
from linli.kernel.actor import Actor, contains
from linli.kernel.envelope import Envelope

TYPE = re.compile(r"\*|[a-z][a-z0-9_]{0,30}\.(\*|[a-z][a-z0-9_]{0,30})")
# Two days in all; then a person looks.
WAITS = tuple(timedelta(seconds=s) for s in (5, 30, 120, 600, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 24 * 3600))
GIVE_UP = timedelta(days=5)  # an address that took nothing for so long is switched off
PREFIX = "whsec_"
SILENT = ("session.", "webhook.")
SLACK = timedelta(seconds=5)  # hosts of a district whose clocks differ


def asked(types: Sequence[str], event_type: str) -> bool:
    return bool({event_type, event_type.split(".")[0] + ".*", "*"} & set(types))


@dataclass(frozen=True, slots=True)
class Wish:
    """What a hook wants to hear. `permissions`: those of whoever entered it, perhaps by a key that may less than its
    account. `since`: it hears nothing older, should old events be told again; None: no such bound."""

    account_id: UUID
    types: Sequence[str]
    area: str
    permissions: Sequence[str]
    since: datetime | None


def wishes(wish: Wish, envelope: Envelope) -> bool:
    """Whether a hook wants an event. The public's copy of a staff event is not sent twice; what hooks themselves
    tell, and sessions, are nobody's news."""
    if envelope.type.startswith(SILENT) or not asked(wish.types, envelope.type):
        return False
    if wish.since and clock.parse(envelope.at) < wish.since - SLACK:
        return False
    if envelope.audience.startswith("account:"):
        return envelope.audience == f"account:{wish.account_id}"
    if envelope.audience != "staff" or envelope.permission not in wish.permissions:
        return False
    return contains(wish.area, envelope.area)


def hears(actor: Actor, envelope: Envelope) -> bool:
    """Whether the hook's account may hear an event now, as the live stream decides it: default deny."""
    if envelope.audience.startswith("account:"):
        return actor.account_id is not None and envelope.audience == f"account:{actor.account_id}"
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
