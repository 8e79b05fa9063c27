"""Keys and secrets shared with other systems, sealed and bound to their row: a copied one is of no use."""

from __future__ import annotations

import secrets
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from linli.home import Home


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
