"""X.509 certificates by which devices say who they are; pure, for people and the gateway alike."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

MAX_PEM = 16_384


class Certificate(NamedTuple):
    """As it goes over the line, the SHA-256 of that in hex, and when it ends."""

    der: bytes
    fingerprint: str
    expires_at: datetime


def parse(pem: str) -> Certificate:
    """One certificate in PEM. ValueError says what is wrong."""
    if len(pem) > MAX_PEM or pem.count("-----BEGIN CERTIFICATE-----") != 1 or not pem.isascii():
        raise ValueError("must be one certificate in PEM")
    try:
        found = x509.load_pem_x509_certificate(pem.encode())
        public = found.public_key()
    except Exception as error:
        raise ValueError("is no certificate that can be read") from error
    strong = (isinstance(public, rsa.RSAPublicKey) and public.key_size >= 2048) or isinstance(
        public, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
    )
    if not strong:
        raise ValueError("needs an elliptic-curve key, or RSA of 2048 bits or more")
    if found.not_valid_after_utc <= datetime.now(UTC):
        raise ValueError("has expired")
    der = found.public_bytes(serialization.Encoding.DER)
    return Certificate(der, found.fingerprint(hashes.SHA256()).hex(), found.not_valid_after_utc)


class Described(NamedTuple):
    """What a certificate says of itself: SHA-256 in hex, whose it is and who signed it (RFC 4514)."""

    fingerprint: str
    subject: str
    issuer: str


def described(der: bytes) -> Described:
    """Of a certificate that was parsed before; one that cannot be read any more has empty names."""
    fingerprint = hashlib.sha256(der).hexdigest() if der else ""
    try:
        found = x509.load_der_x509_certificate(der)
        return Described(fingerprint, found.subject.rfc4514_string(), found.issuer.rfc4514_string())
    except Exception:  # whatever a name of its own form makes of the reader
        return Described(fingerprint, "", "")
