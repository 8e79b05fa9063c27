"""Signed links of letters: they name a row and what may be done with it, so that no token has to be stored."""

from __future__ import annotations

import base64
import hashlib
import hmac
from uuid import UUID

from linli.home import Home
from linli.kernel.errors import NotFound


def _mac(act: str, row: UUID) -> bytes:
    return hmac.new(Home.current().secret("portal"), f"link\0{act}\0{row}".encode(), hashlib.sha256).digest()[:16]


def link(act: str, row: UUID) -> str:
    return base64.urlsafe_b64encode(row.bytes + _mac(act, row)).decode().rstrip("=")


def opened(act: str, token: str) -> UUID:
    """The row of a link made for this act; NotFound for anything else."""
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        raise NotFound() from None
    if len(raw) != 32 or not hmac.compare_digest(_mac(act, UUID(bytes=raw[:16])), raw[16:]):
        raise NotFound()
    return UUID(bytes=raw[:16])
