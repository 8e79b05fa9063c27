"""The stream EVENTS of JetStream: its settings, made or updated by whoever comes first. Knows no Django."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Any

from nats.js.api import RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError

EVENTS = "EVENTS"
MAX_AGE = 7 * 24 * 3600.0
MAX_BYTES = 1 << 30
DUPLICATES = 600.0


def servers(url: str) -> list[str]:
    """The addresses of a broker's nodes; one of its own has one."""
    return [part.strip() for part in url.split(",")]


def config() -> StreamConfig:
    return StreamConfig(
        name=EVENTS, subjects=["evt.>"], retention=RetentionPolicy.LIMITS, storage=StorageType.FILE, max_age=MAX_AGE,
        max_bytes=MAX_BYTES, duplicate_window=DUPLICATES, allow_direct=True,
        num_replicas=int(os.environ.get("LINLI_NATS_REPLICAS", "1")),
    )  # fmt: skip


def created(info: Any) -> datetime:
    """When the stream was made: its identity, for one made anew under the same name is another one."""
    found = info.created
    return found if isinstance(found, datetime) else datetime.fromisoformat(str(found))


def life_of(info: Any) -> str:
    """The name of a stream's life."""
    return f"{int(created(info).timestamp() * 1000):x}"


async def ensure(js: Any) -> Any:
    """Make the stream, or bring its settings up to date; returns its info."""
    wanted = config()
    try:
        info = await js.stream_info(EVENTS)
    except NotFoundError:
        return await js.add_stream(wanted)
    have = info.config
    if any(getattr(have, k) != getattr(wanted, k) for k in ("subjects", "max_age", "max_bytes", "num_replicas")):
        return await js.update_stream(wanted)
    return info
