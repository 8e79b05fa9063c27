"""What the gateway tells Postgres about devices: seen, connected, counters, refusals and attributes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import orjson

from linli.kernel.waiting import wait
from linli.telemetry.gateway.registry import Device, Registry

log = logging.getLogger("linli.gateway")
SOON_S, CHANGED_S, ALL_S = 0.2, 5.0, 30.0
Write = Callable[[str], Awaitable[None]]
Tell = Callable[[bytes], Awaitable[None]]


class Notes:
    """Writes increments; what could not be written stays and is written later. Attributes are written at once."""

    def __init__(
        self, registry: Registry, write: Write, tell: Callable[[bytes], Awaitable[None]] | None = None
    ) -> None:
        self.registry = registry
        self.write = write
        self.tell = tell
        self.failures = 0
        self._waiting: list[tuple[Device, Callable[[], None]]] = []
        self._wake = asyncio.Event()

    def attributes(self, device: Device, values: dict[str, Any], then: Callable[[], None]) -> None:
        """Keep `values`; `then` runs when Postgres has them."""
        device.attributes.update(values)
        self._waiting.append((device, then))
        self._wake.set()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        changed_at = all_at = loop.time()
        while True:
            if await wait(self._wake, CHANGED_S):
                await asyncio.sleep(SOON_S)
            self._wake.clear()
            now = loop.time()
            waiting, self._waiting = self._waiting, []
            devices = {d.id: d for d, _ in waiting}
            if now - changed_at >= CHANGED_S - 0.5:
                changed_at = now
                everyone = now - all_at >= ALL_S
                all_at = now if everyone else all_at
                devices.update({d.id: d for d in self.registry.devices.values() if d.state_changed or everyone})
            if not await self.flush(list(devices.values())):
                self._waiting = waiting + self._waiting
                if waiting:
                    await asyncio.sleep(1)
                    self._wake.set()
                continue
            for _, then in waiting:
                then()

    async def flush(self, devices: list[Device]) -> bool:
        rows = [(d, row) for d in devices if (row := _take(d))]
        for start in range(0, len(rows), 2_000):
            part = rows[start : start + 2_000]
            text = orjson.dumps([row for _, row in part])
            try:
                await self.write(text.decode())
            except Exception as error:
                self.failures += 1
                log.warning("noting %d devices failed: %s", len(part), type(error).__name__)
                for device, row in rows[start:]:
                    _give_back(device, row)
                return False
            if self.tell is not None:
                await self.tell(text)
        return True


def _take(device: Device) -> dict[str, Any] | None:
    """The increments since the last note, taken off the device."""
    if not (device.messages or device.state_changed or device.attributes):
        return None
    row = {
        "device_id": device.uuid, "last_seen": device.last_seen or None, "connected": bool(device.sessions),
        "messages": device.messages, "points": device.points, "bad": device.bad, "refused": device.refused,
        "late": device.late, "clamped": device.clamped, "error": device.error or None, "attributes": device.attributes,
    }  # fmt: skip
    device.messages = device.points = device.bad = device.refused = device.late = device.clamped = 0
    device.error, device.state_changed, device.attributes = "", False, {}
    return row


def _give_back(device: Device, row: dict[str, Any]) -> None:
    for name in ("messages", "points", "bad", "refused", "late", "clamped"):
        setattr(device, name, getattr(device, name) + row[name])
    device.error = device.error or row["error"] or ""
    device.attributes = {**row["attributes"], **device.attributes}
    device.state_changed = True
