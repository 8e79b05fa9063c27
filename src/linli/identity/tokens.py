"""Session tokens and API keys: random, ≥ 192 bits, stored only as SHA-256 (a slow hash protects nothing here)."""

from __future__ import annotations

import hashlib
import secrets
from typing import NamedTuple

from linli.identity.contracts import KEY_START


class NewKey(NamedTuple):
    prefix: str
    text: str
    secret_hash: bytes


def digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def new_session_token() -> str:
    return secrets.token_urlsafe(32)


def new_key() -> NewKey:
    """A new API key `linli_<prefix>_<secret>`; `prefix` names it in lists and logs."""
    prefix, secret = secrets.token_hex(6), secrets.token_hex(24)
    return NewKey(prefix, f"{KEY_START}{prefix}_{secret}", digest(secret))


def split_key(text: str) -> tuple[str, bytes] | None:
    """(prefix, secret hash) of a key's text, or None if it is not one."""
    parts = text.split("_")
    if len(parts) != 3 or parts[0] + "_" != KEY_START or not parts[1] or not parts[2]:
        return None
    return parts[1], digest(parts[2])
