"""The keys of other systems, sealed: bound to their endpoint, so that a copied row is of no use to another."""

from __future__ import annotations

import secrets
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from linli.home import Home


def _cipher() -> AESGCM:
    return AESGCM(Home.current().secret("open311"))


def seal(key: str, endpoint_id: UUID) -> bytes:
    nonce = secrets.token_bytes(12)
    return nonce + _cipher().encrypt(nonce, key.encode(), str(endpoint_id).encode())


def unseal(sealed: bytes | None, endpoint_id: UUID) -> str:
    """The clear key; '' for none, and for one that was sealed with another district's secret."""
    if not sealed:
        return ""
    blob = bytes(sealed)
    try:
        return _cipher().decrypt(blob[:12], blob[12:], str(endpoint_id).encode()).decode()
    except InvalidTag:
        return ""
