"""Waiting for an event of asyncio with an end. Knows no Django."""

from __future__ import annotations

import asyncio


async def wait(event: asyncio.Event, seconds: float) -> bool:
    """Until `event` is set, at most so many seconds; whether it is set. A cancellation ends it at once, always."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
