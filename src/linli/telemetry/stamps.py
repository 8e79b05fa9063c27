"""The stamps of all rows of the registry, page by page: for gateway and sense, who compare them with what they know."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

Page = list[tuple[UUID, int]]


async def pages(ask: Callable[[UUID, int], Awaitable[list[Any]]], size: int) -> AsyncIterator[Page]:
    """(device id, stamp of its row) of all devices. `ask` answers `contracts.REGISTRY_STAMPS_SQL`: after whom, and how
    many."""
    after = UUID(int=0)
    while page := await ask(after, size):
        yield page
        after = page[-1][0]
