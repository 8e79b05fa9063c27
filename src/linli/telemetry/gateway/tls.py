"""TLS of the gateway: its own certificate, and those of devices.

A device's certificate is trusted by itself, whoever signed it: each that is registered is an anchor. Who it is for is
asked of the registry, by fingerprint; so one that was revoked opens nothing, though it stays an anchor until a restart.
"""

from __future__ import annotations

import logging
import os
import ssl
from typing import Protocol
from uuid import UUID

log = logging.getLogger("linli.gateway")


class Source(Protocol):
    async def certificates(self, ids: list[UUID] | None = None) -> list[bytes]: ...


class Trust:
    def __init__(self, context: ssl.SSLContext, source: Source) -> None:
        self.context = context
        self.source = source
        self.known: set[bytes] = set()
        context.verify_mode = ssl.CERT_OPTIONAL
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN

    async def refresh(self, ids: list[UUID] | None = None) -> None:
        """Take up what is new, of these devices or of all."""
        for der in await self.source.certificates(ids):
            if der not in self.known:
                self.known.add(der)
                try:
                    self.context.load_verify_locations(cadata=der)
                except ssl.SSLError as error:
                    log.warning("a device's certificate cannot be used: %s", error.reason)


def server_context() -> ssl.SSLContext | None:
    cert, key = os.environ.get("LINLI_TLS_CERT"), os.environ.get("LINLI_TLS_KEY")
    if not cert or not key:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


def peer_certificate(tls: ssl.SSLObject | None) -> bytes | None:
    """What the other side showed, if anything."""
    return tls.getpeercert(True) if tls is not None else None
