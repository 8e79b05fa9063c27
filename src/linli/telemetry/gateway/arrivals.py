"""Who comes to one gateway is gone from the others: a client id of a device has one line, whichever gateway it is at.

Each gateway tells the others who came in, many together and a few times a second. Whose line is older parts from it, as
if it were taken over here. What was told while NATS was away is lost, and an old line then ends by its keep-alive.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from typing import Any, Protocol
from uuid import UUID

import orjson

from linli.telemetry.gateway import frames
from linli.telemetry.gateway.mqtt import TAKEN, Connection
from linli.telemetry.gateway.registry import Registry

log = logging.getLogger("linli.gateway")
SUBJECT = "gateway.entered"
SOON_S = 0.05
AT_ONCE = 2_000  # in one message


class Hub(Protocol):
    """What is asked of the gateway."""

    registry: Registry


class Arrivals:
    def __init__(self, gateway: Hub) -> None:
        self.gateway = gateway
        self.id = secrets.token_hex(8)
        self.parted = 0
        self._coming: list[tuple[str, str, int]] = []
        self._wake: asyncio.Event | None = None

    def entered(self, connection: Connection) -> None:
        if self._wake is not None and connection.device is not None:
            self._coming.append((connection.device.uuid, connection.client_id, connection.since))
            self._wake.set()

    async def run(self, nc: Any) -> None:
        """Tell, and hear; before this runs nobody is told of."""
        self._wake = asyncio.Event()
        await nc.subscribe(SUBJECT, cb=self._heard)
        while True:
            await self._wake.wait()
            await asyncio.sleep(SOON_S)
            self._wake.clear()
            while self._coming:
                part, self._coming = self._coming[:AT_ONCE], self._coming[AT_ONCE:]
                with contextlib.suppress(Exception):  # no connection: what is lost is no more than a keep-alive late
                    await nc.publish(SUBJECT, orjson.dumps([self.id, part]))

    async def _heard(self, msg: Any) -> None:
        with contextlib.suppress(ValueError, TypeError, AttributeError):
            by, came = orjson.loads(msg.data)
            if by != self.id:
                for device, client_id, at in came:
                    self._part(UUID(device).bytes, client_id, at)

    def _part(self, device_id: bytes, client_id: str, at: int) -> None:
        device = self.gateway.registry.devices.get(device_id)
        old = device.sessions.get(client_id) if device is not None else None
        if isinstance(old, Connection) and old.since < at:
            self.parted += 1
            old.part(frames.TAKEN_OVER, TAKEN)
            old.close()
