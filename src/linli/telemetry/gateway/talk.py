"""What devices and the district tell each other besides readings: attributes and commands.

One task does all that needs PostgreSQL, many devices in one statement: ten thousand that come back at once ask at once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple, Protocol
from uuid import UUID

import orjson
import psycopg

from linli.telemetry.gateway.payload import BadPayload
from linli.telemetry.gateway.registry import Device, Registry, Session

log = logging.getLogger("linli.gateway")
MAX_WAITING = 20_000
MAX_ANSWER = 65_536
PATIENCE_S = 10.0
_PART = 2_000


class Store(Protocol):
    """What is asked of PostgreSQL; `registry.PostgresSource` has it."""

    async def attributes(self, ids: list[UUID]) -> dict[UUID, tuple[dict[str, Any], dict[str, Any]]]: ...
    async def take_commands(self, ids: list[UUID], again: bool) -> list[Any]: ...
    async def settle_commands(self, told: str) -> None: ...
    async def child(self, gateway: UUID, name: str, kind: str) -> tuple[UUID | None, str]: ...
    async def provision(self, ask: dict[str, Any], secret: bytes, credential: bytes) -> tuple[str, Any]: ...
    async def firmware(self, device: UUID, kind: str) -> Any: ...
    async def claim(self, device: UUID, secret: bytes, holds_ms: int) -> bool: ...


class Ask(NamedTuple):
    """Somebody wants a device's attributes: (client, shared) come to `then`."""

    device: Device
    then: Callable[[dict[str, Any], dict[str, Any]], None]
    since: float


class Talk:
    def __init__(self, registry: Registry, store: Store) -> None:
        self.registry = registry
        self.store = store
        self.asks: list[Ask] = []
        self.takes: dict[bytes, bool] = {}  # device → also what was sent and never acknowledged
        self.told: list[tuple[dict[str, Any], Callable[[], None] | None]] = []
        self.pushes: dict[bytes, set[str]] = {}  # device → shared attributes that changed
        self.dropped = 0
        self._wake = asyncio.Event()

    # --- from devices -----------------------------------------------------------------------------------------------

    def ask(self, device: Device, then: Callable[[dict[str, Any], dict[str, Any]], None]) -> None:
        """`then(client, shared)` when PostgreSQL has answered; never when it stays away for ten seconds."""
        if len(self.asks) >= MAX_WAITING:
            self.dropped += 1
            return
        self.asks.append(Ask(device, then, time.monotonic()))
        self._wake.set()

    def answer(self, device: Device, number: int, result: Any, then: Callable[[], None]) -> None:
        """A device's reply to a command, any JSON; `then` runs when it is kept."""
        if len(orjson.dumps(result)) > MAX_ANSWER:
            raise BadPayload("body", f"an answer is longer than {MAX_ANSWER} bytes", "too-long")
        if not 0 < number < 2**63:
            raise BadPayload("id", "is no number of a command")
        failed = isinstance(result, dict) and "error" in result
        self._tell(device, number, "failed" if failed else "answered", result, then)

    def _tell(self, device: Device, number: int, state: str, result: Any, then: Callable[[], None] | None) -> None:
        row = {"number": number, "device_id": device.uuid, "state": state, "result": result}
        self.told.append((row, then))
        self._wake.set()

    # --- from the district ------------------------------------------------------------------------------------------

    def look(self, devices: Iterable[Device], *, again: bool) -> None:
        """Are there commands for these? Only those are asked for that listen here."""
        for device in devices:
            if device.sessions and any(s.wants_commands for s in device.sessions.values()):
                self.takes[device.id] = self.takes.get(device.id, False) or again
                self._wake.set()

    def attributes_changed(self, device_id: UUID, names: Iterable[str]) -> None:
        device = self.registry.devices.get(device_id.bytes)
        if device is not None and any(s.wants_attributes for s in device.sessions.values()):
            self.pushes.setdefault(device.id, set()).update(names)
            self._wake.set()

    # --- the one task -----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._settle()
                await self._take()
                await self._read()
            except (psycopg.Error, OSError) as error:
                log.warning("talking for devices failed: %s", type(error).__name__)
                await asyncio.sleep(1)
                self._wake.set()

    async def _settle(self) -> None:
        while self.told:
            part = self.told[:_PART]
            await self.store.settle_commands(orjson.dumps([row for row, _ in part]).decode())
            del self.told[: len(part)]
            for _, then in part:
                if then is not None:
                    then()

    async def _take(self) -> None:
        for again in (True, False):
            wanted = [i for i, known in self.takes.items() if known is again]
            for at in range(0, len(wanted), _PART):
                part = wanted[at : at + _PART]
                rows = await self.store.take_commands([UUID(bytes=i) for i in part], again)
                for i in part:
                    if self.takes.get(i) is again:
                        del self.takes[i]
                for row in sorted(rows, key=lambda r: r[0]):
                    self._send(*row)

    def _send(self, number: int, device_id: UUID, method: str, params: Any, one_way: bool) -> None:
        """To one session that listens. When none does any more, the next that comes asks for it again."""
        device = self.registry.devices.get(device_id.bytes)
        for session in device.sessions.values() if device is not None else ():
            if session.wants_commands:
                assert device is not None
                try:
                    session.command(
                        number, method, params, partial(self._tell, device, number, "delivered", None, None)
                    )
                except ValueError as error:  # it acknowledges nothing of what it is told
                    device.refuse(str(error))
                    session.close()
                return

    async def _read(self) -> None:
        late = time.monotonic() - PATIENCE_S
        self.asks = [a for a in self.asks if a.since > late]
        asks, pushes = self.asks[:_PART], dict(list(self.pushes.items())[:_PART])
        ids = {UUID(bytes=a.device.id) for a in asks} | {UUID(bytes=i) for i in pushes}
        if not ids:
            return
        found = await self.store.attributes(list(ids))
        del self.asks[: len(asks)]
        for i, names in pushes.items():
            del self.pushes[i]
            self._push(i, names, found)
        for ask in asks:
            client, shared = found.get(UUID(bytes=ask.device.id), ({}, {}))
            ask.then(client | ask.device.attributes, shared)
        if self.asks or self.pushes:
            self._wake.set()

    def _push(self, device_id: bytes, names: set[str], found: dict[UUID, Any]) -> None:
        device, shared = self.registry.devices.get(device_id), found.get(UUID(bytes=device_id), ({}, {}))[1]
        values = {n: shared[n] for n in sorted(names) if n in shared}
        gone = sorted(n for n in names if n not in shared)
        for session in list(device.sessions.values()) if device is not None else ():
            if session.wants_attributes:
                tell_changes(session, values, gone)


def tell_changes(session: Session, values: dict[str, Any], gone: list[str]) -> None:
    """As ThingsBoard does it: what changed, and apart what is no more."""
    if values:
        session.tell_attributes(values)
    if gone:
        session.tell_attributes({"deleted": gone})


def named(keys: Any) -> list[str]:
    """The names in a comma-separated text, or a list of them."""
    names = keys.split(",") if isinstance(keys, str) else keys if isinstance(keys, list) else []
    return [name for n in names if isinstance(n, str) and (name := n.strip())]


def chosen(values: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Those that are named and there."""
    return {n: values[n] for n in names if n in values}
