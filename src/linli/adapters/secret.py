"""Keys and secrets shared with other systems, sealed and bound to their row: a copied one is of no use."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from linli.home import Home
from linli.kernel import clock

OVERLAP = timedelta(days=1)


class Renewable(Protocol):
    """A row with a secret, and for a day beside it the one before."""

    id: UUID
    secret: bytes
    prior_secret: bytes | None
    prior_until: datetime | None
    version: int

    def save(self, *, update_fields: list[str]) -> None: ...


def _cipher() -> AESGCM:
    return AESGCM(Home.current().secret("open311"))


def seal(key: str, row_id: UUID) -> bytes:
    nonce = secrets.token_bytes(12)
    return nonce + _cipher().encrypt(nonce, key.encode(), str(row_id).encode())


def unseal(sealed: bytes | None, row_id: UUID) -> str:
    """The clear key; '' for none, and for one that was sealed with another district's secret."""
    if not sealed:
        return ""
    blob = bytes(sealed)
    try:
        return _cipher().decrypt(blob[:12], blob[12:], str(row_id).encode()).decode()
    except InvalidTag:
        return ""


def renew(row: Renewable, text: str) -> None:
    """A new secret from now on; for a day the one before counts, too. Saves the row as its next version."""
    row.prior_secret, row.prior_until = row.secret, clock.now() + OVERLAP
    row.secret = seal(text, row.id)
    row.version += 1
    row.save(update_fields=["secret", "prior_secret", "prior_until", "version"])


def valid(row: Renewable) -> list[str]:
    """The secrets that count now, the newest first, as far as this district can read them."""
    found = [unseal(row.secret, row.id)]
    if row.prior_until and row.prior_until > clock.now():
        found.append(unseal(row.prior_secret, row.id))
    return [one for one in found if one]
