"""Envelope encryption and blind indexes for personal values. Keys live in the district's folder, never in the database.

A sealed value is self-contained: `version | key number | wrapped data key | nonce | ciphertext`. Each value has a data
key of its own (AES-256-GCM), wrapped by the key-encryption key (KEK) of that number: `secrets/kek` is number 1,
`secrets/kek-2` number 2 and so on. Rotation adds a number and re-wraps data keys; ciphertext stays.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from functools import lru_cache

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from linli.home import Home

VERSION = 1
NONCE, KEY, TAG = 12, 32, 16
WRAPPED = NONCE + KEY + TAG
HEAD = 2
BLIND_SIZE = 16


class Unreadable(Exception):
    """A sealed value that no key of this district opens: damaged, moved from another column, or of a lost key."""


def _name(number: int) -> str:
    return "kek" if number == 1 else f"kek-{number}"


@lru_cache(maxsize=16)
def _kek(home: str, number: int) -> AESGCM:
    path = Home(home).path / "secrets" / _name(number)
    if number > 1 and not path.exists():
        raise Unreadable(f"key-encryption key {number} is missing")
    return AESGCM(Home(home).secret(_name(number)))


def _home() -> str:
    return str(Home.current().path)


@lru_cache(maxsize=4)
def _current(home: str) -> int:
    found = [int(p.name[4:]) for p in (Home(home).path / "secrets").glob("kek-*") if p.name[4:].isdigit()]
    return max(found, default=1)


def current_key() -> int:
    """The number of the KEK that wraps new values."""
    return _current(_home())


def rotate() -> int:
    """Make the next KEK and use it from now on (running processes take it up at their next start)."""
    number = current_key() + 1
    Home.current().secret(_name(number))
    _current.cache_clear()
    return number


def seal(clear: bytes, context: bytes) -> bytes:
    """Encrypt `clear`; it opens only with the same `context` (the column it stands in)."""
    number = current_key()
    data_key = AESGCM.generate_key(256)
    wrap_nonce, nonce = os.urandom(NONCE), os.urandom(NONCE)
    head = bytes((VERSION, number))
    wrapped = wrap_nonce + _kek(_home(), number).encrypt(wrap_nonce, data_key, head + context)
    return head + wrapped + nonce + AESGCM(data_key).encrypt(nonce, clear, context)


def _unwrap(blob: bytes, context: bytes) -> bytes:
    if len(blob) < HEAD + WRAPPED + NONCE + TAG or blob[0] != VERSION:
        raise Unreadable("not a sealed value")
    wrapped = blob[HEAD : HEAD + WRAPPED]
    try:
        return _kek(_home(), blob[1]).decrypt(wrapped[:NONCE], wrapped[NONCE:], blob[:HEAD] + context)
    except Exception as error:
        raise Unreadable("the key does not open this value") from error


def open_sealed(blob: bytes, context: bytes) -> bytes:
    """The clear bytes of a sealed value. Only `kernel.personal` calls this."""
    data_key = _unwrap(blob, context)
    rest = blob[HEAD + WRAPPED :]
    try:
        return AESGCM(data_key).decrypt(rest[:NONCE], rest[NONCE:], context)
    except Exception as error:
        raise Unreadable("the value was altered") from error


def rewrap(blob: bytes, context: bytes) -> bytes:
    """The same ciphertext with its data key wrapped by the current KEK."""
    number = current_key()
    if blob[1] == number:
        return blob
    data_key = _unwrap(blob, context)
    head, nonce = bytes((VERSION, number)), os.urandom(NONCE)
    wrapped = nonce + _kek(_home(), number).encrypt(nonce, data_key, head + context)
    return head + wrapped + blob[HEAD + WRAPPED :]


@lru_cache(maxsize=4)
def _blind_key(home: str) -> bytes:
    return Home(home).secret("blind-index")


def fingerprint(data: bytes) -> str:
    """A keyed hash of anything, for telling whether two things are the same; says nothing without the key."""
    return hmac.new(_blind_key(_home()), b"fingerprint\0" + data, hashlib.sha256).hexdigest()


def blind(normal: str, context: bytes) -> bytes:
    """A keyed fingerprint for exact look-up; equal values in different columns have different ones."""
    digest = hmac.new(_blind_key(_home()), context + b"\0" + normal.encode(), hashlib.sha256).digest()
    return digest[:BLIND_SIZE]
