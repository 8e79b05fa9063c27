"""Second factor: time-based one-time passwords (RFC 6238, 30 s, 6 digits). Secrets are encrypted at rest."""

from __future__ import annotations

import base64
import hmac
import secrets
import struct
import time
from urllib.parse import quote

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from linli.home import Home

STEP = 30


def hotp(secret: bytes, counter: int) -> int:
    """RFC 4226."""
    mac = hmac.digest(secret, struct.pack(">Q", counter), "sha1")
    at = mac[-1] & 15
    return (struct.unpack(">I", mac[at : at + 4])[0] & 0x7FFFFFFF) % 1_000_000


def new_secret() -> bytes:
    return secrets.token_bytes(20)


def _cipher() -> AESGCM:
    return AESGCM(Home.current().secret("totp"))


def seal(secret: bytes, account_id: object) -> bytes:
    """`secret` encrypted and bound to its account, so that a copied row is of no use to another."""
    nonce = secrets.token_bytes(12)
    return nonce + _cipher().encrypt(nonce, secret, str(account_id).encode())


def unseal(sealed: bytes, account_id: object) -> bytes | None:
    sealed = bytes(sealed)
    try:
        return _cipher().decrypt(sealed[:12], sealed[12:], str(account_id).encode())
    except InvalidTag:
        return None


def uri(secret: bytes, username: str) -> str:
    """What an authenticator's QR code holds."""
    text = base64.b32encode(secret).decode().rstrip("=")
    return f"otpauth://totp/Linli:{quote(username)}?secret={text}&issuer=Linli&period={STEP}&digits=6"


def matching_step(secret: bytes, code: str, after: int, at: float | None = None) -> int | None:
    """The time step that `code` belongs to (now ± 1), if it is later than `after`: a code works once."""
    if not (len(code) == 6 and code.isascii() and code.isdigit()):
        return None
    present = int((time.time() if at is None else at) // STEP)
    found = None
    for step in (present - 1, present, present + 1):
        if secrets.compare_digest(f"{hotp(secret, step):06d}", code) and step > after:
            found = step
    return found


def code_now(secret: bytes, at: float | None = None) -> str:
    return f"{hotp(secret, int((time.time() if at is None else at) // STEP)):06d}"
