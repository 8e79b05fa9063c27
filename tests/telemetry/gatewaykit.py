"""A real gateway in the test's own loop, on real sockets and a real NATS; only its registry is a list of rows."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import uuid
import zlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from linli.devices.contracts import RegistryRow, station_hash, token_hash
from linli.engines.nats import Nats
from linli.engines.testing import some_port
from linli.telemetry import batch, stream
from linli.telemetry.gateway import hub, main
from linli.telemetry.gateway.notes import Notes
from linli.telemetry.gateway.registry import Registry
from linli.telemetry.payloads import Payload

KEY = b"k" * 32


def row(
    code: str, token: str, *, enabled: bool = True, properties: Any = None, model: str = "water-level",
    subject: str = "place", stations: Sequence[tuple[str, str, str]] = (), speaks: bool = False, of: str = "",
) -> RegistryRow:  # fmt: skip
    """`stations` are (protocol, number, secret); `speaks`: a gateway; `of`: the code of its gateway."""
    hashes = [token_hash(KEY, token), *(station_hash(KEY, *station) for station in stations)]
    return RegistryRow(
        uuid.uuid5(uuid.NAMESPACE_URL, code), code, model, subject, "340121", enabled,
        hashes, 60, properties if properties is not None else {"level": {"min": 0, "max": 10}}, None, "active", {},
        speaks, uuid.uuid5(uuid.NAMESPACE_URL, of) if of else None, code if of else "",
    )  # fmt: skip


def stamp_of(row: RegistryRow) -> int:
    return zlib.crc32(repr(row).encode())


class Rows:
    """A registry source that a test can change."""

    def __init__(self, rows: list[RegistryRow]) -> None:
        self.rows = rows
        self.told: dict[UUID, tuple[dict[str, Any], dict[str, Any]]] = {}
        self.commands: list[tuple[int, UUID, str, Any, bool]] = []
        self.settled: list[dict[str, Any]] = []

    async def stamps(self) -> AsyncIterator[list[tuple[UUID, int]]]:
        yield [(r.device_id, stamp_of(r)) for r in self.rows]

    async def some(self, ids: list[UUID]) -> list[RegistryRow]:
        wanted = set(ids)
        return [replace(r, stamp=stamp_of(r)) for r in self.rows if r.device_id in wanted]

    # What the gateway asks of PostgreSQL for the talk with devices; the SQL itself is tested in tests/devices.

    async def attributes(self, ids: list[UUID]) -> dict[UUID, tuple[dict[str, Any], dict[str, Any]]]:
        return {i: self.told.get(i, ({}, {})) for i in ids}

    async def take_commands(self, ids: list[UUID], again: bool) -> list[Any]:
        found = [c for c in self.commands if c[1] in ids]
        self.commands = [c for c in self.commands if c[1] not in ids]
        return found

    async def settle_commands(self, told: str) -> None:
        self.settled += json.loads(told)

    async def child(self, gateway: UUID, name: str, kind: str) -> tuple[UUID | None, str]:
        if name.startswith("no"):
            return None, ""
        of = next(r.code for r in self.rows if r.device_id == gateway)
        made = row(name, f"token-of-{name}", of=of, model=kind or "generic")
        if made.device_id not in {r.device_id for r in self.rows}:
            self.rows.append(made)
        return made.device_id, ""

    async def provision(self, ask: dict[str, Any], secret: bytes, credential: bytes) -> tuple[str, Any]:
        raise AssertionError("provisioning is tested with PostgreSQL")

    async def certificates(self, ids: list[UUID] | None = None) -> list[bytes]:
        return []

    async def whose(self, hashes: list[bytes]) -> list[UUID]:
        return [r.device_id for r in self.rows if set(hashes) & set(r.credential_hashes)]

    async def firmware(self, device: UUID, kind: str) -> Any:
        return None

    async def claim(self, device: UUID, secret: bytes, holds_ms: int) -> bool:
        raise AssertionError("claims are tested with PostgreSQL")


class Kit:
    def __init__(self, gateway: hub.Gateway, nc: Any, noted: list[dict[str, Any]], start: int) -> None:
        self.gateway, self.nc, self.noted, self.start = gateway, nc, noted, start
        self.mqtt = int(os.environ["LINLI_MQTT_PORT"])
        self.http = int(os.environ["LINLI_DEVICE_PORT"])

    async def stored(self, at_least: int, seconds: float = 10) -> list[tuple[str, str, int, float, int]]:
        """(device, property, ts, value, flags) of all readings in the stream since the kit began."""
        found: list[tuple[str, str, int, float, int]] = []
        names = {d.id: d.code for d in self.gateway.registry.devices.values()}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                async for entries in stream.Reader(self.nc, start=self.start):
                    for entry in entries:
                        b = batch.decode(entry.data)
                        found += [
                            (names[b.devices[d]], b.properties[p], int(t), float(v), int(f))
                            for d, p, t, v, f in zip(b.device, b.prop, b.ts, b.value, b.flags, strict=True)
                        ]
                    if len(found) >= at_least:
                        break
        return found


@contextlib.asynccontextmanager
async def gateway(
    broker: Nats, rows: list[RegistryRow], source: Any = None, key: bytes = KEY, *, follow: bool = False,
    payloads: dict[str, Payload] | None = None,
) -> AsyncIterator[Kit]:  # fmt: skip
    """`source`: PostgreSQL's instead of `rows`, with the key of its hashes. `follow`: it hears the news of NATS."""
    patch = pytest.MonkeyPatch()  # a district that a later test starts would take these for its operator's
    for name in ("LINLI_MQTT_PORT", "LINLI_DEVICE_PORT"):
        patch.setenv(name, str(some_port()))
    nc = await stream.connect("test-gateway", url=broker.url)
    await stream.ensure_stream(nc)
    publisher = stream.Publisher(nc, timeout=1)
    await publisher.start()
    registry = Registry(key, 4, payloads)
    noted: list[dict[str, Any]] = []

    async def write(text: str) -> None:
        noted.extend(json.loads(text))
        if source is not None:
            await source.note(text)

    store = source or Rows(rows)
    g = hub.Gateway(registry, store, publisher, Notes(registry, write), store)
    await g.refresh()
    servers = await main.start_servers(g, "127.0.0.1")
    tasks = [asyncio.create_task(g.notes.run()), asyncio.create_task(g.talk.run())]
    if follow:
        tasks += [asyncio.create_task(main.keep_registry(g, nc)), asyncio.create_task(g.arrivals.run(nc))]
    _, last = await stream.bounds(nc)
    try:
        yield Kit(g, nc, noted, last + 1)
    finally:
        await main._shut_down(g, servers, tasks)
        await nc.close()
        patch.undo()
