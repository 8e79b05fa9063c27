"""Who comes to one gateway is gone from the others: a client id of a device has one line, whichever gateway it is at.

Each gateway tells the others who came in, many together and a few times a second. Whose line is older parts from it, as
if it were taken over here. What was told while NATS was away is lost, and an old line then ends by its keep-alive.

Which is older is told by the machine's monotonic clock, which gateways of one machine share. Those of two machines have
the district's time only, which agrees to some hundred milliseconds: a line must be older by more than that.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

import orjson

from linli.kernel.steady import SteadyClock
from linli.telemetry.gateway import frames
from linli.telemetry.gateway.mqtt import TAKEN, Connection
from linli.telemetry.gateway.registry import Registry

log = logging.getLogger("linli.gateway")
SUBJECT = "gateway.entered"
SOON_S = 0.05
AT_ONCE = 2_000  # in one message
APART_MS = 500.0  # two machines' clocks may be
_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Hub(Protocol):
    """What is asked of the gateway."""

    registry: Registry
    clock: SteadyClock


def machine() -> str:
    """The same for all processes that share a monotonic clock."""
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return secrets.token_hex(8)


class Arrivals:
    def __init__(self, gateway: Hub) -> None:
        self.gateway = gateway
        self.id, self.machine = secrets.token_hex(8), machine()
        self.parted = 0
        self._coming: list[tuple[str, str, float]] = []
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
                    await nc.publish(SUBJECT, orjson.dumps([self.id, self.machine, self._ahead(), part]))

    async def _heard(self, msg: Any) -> None:
        with contextlib.suppress(ValueError, TypeError, AttributeError):
            by, where, ahead, came = orjson.loads(msg.data)
            # From its clock to ours; of another machine, whoever came a little later may have come a little earlier.
            shift = 0.0 if where == self.machine else ahead - self._ahead() - APART_MS
            for device, client_id, at in came if by != self.id else ():
                self._part(UUID(device).bytes, client_id, at + shift)

    def _ahead(self) -> float:
        """The district's time less the monotonic clock (ms)."""
        return self.gateway.clock.now_ms() - time.monotonic() * 1000

    def _part(self, device_id: bytes, client_id: str, at: float) -> None:
        device = self.gateway.registry.devices.get(device_id)
        old = device.sessions.get(client_id) if device is not None else None
        if device is not None and isinstance(old, Connection) and old.since < at:
            del device.sessions[client_id]  # so nobody notes that the device is off line, which it is not
            self.parted += 1
            old.part(frames.TAKEN_OVER, TAKEN)
            old.close()
