"""Identifiers: UUID version 7 (RFC 9562), ordered by the time of their making."""

from __future__ import annotations

import uuid

import uuid_utils


def new_id() -> uuid.UUID:
    return uuid.UUID(bytes=uuid_utils.uuid7().bytes)
