"""What sense reads from and writes to PostgreSQL: registry, rules, leases, snapshots, alarms. One connection."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import orjson
import psycopg
from psycopg.rows import tuple_row

from linli.devices import contracts
from linli.devices.contracts import RegistryRow, RuleRow
from linli.kernel.steady import SteadyClock
from linli.telemetry import stamps

_PAGE = 1_000  # stamps


class Fenced(Exception):
    """Another process owns the partition by now."""


def own_name() -> str:
    """`host/pid namespace/pid/start`: whoever shares the first two can see whether we live."""
    with open(f"/proc/{os.getpid()}/stat", encoding="ascii") as source:
        started = source.read().rpartition(")")[2].split()[19]
    return f"{socket.gethostname()}/{os.readlink('/proc/self/ns/pid')}/{os.getpid()}/{started}"


def is_dead(owner: str, me: str) -> bool:
    """Whether an owner on this machine has ended; owners elsewhere are never called dead, their lease runs out."""
    parts, mine = owner.rsplit("/", 2), me.rsplit("/", 2)
    if len(parts) != 3 or parts[0] != mine[0]:
        return False
    try:
        with open(f"/proc/{int(parts[1])}/stat", encoding="ascii") as source:
            return source.read().rpartition(")")[2].split()[19] != parts[2]
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return True


class Store:
    """Calls retry for ever while the database is away: nothing is dropped, readings wait in the stream."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.me = own_name()
        self.failures = 0
        self._conn: psycopg.AsyncConnection[tuple[Any, ...]] | None = None
        self._lock = asyncio.Lock()

    async def rows(self, query: str, *params: Any) -> list[tuple[Any, ...]]:
        pause = 0.1
        while True:
            try:
                return await self._rows(query, params)
            except (psycopg.OperationalError, psycopg.InterfaceError, OSError):
                self.failures += 1
                await self.close()
                await asyncio.sleep(pause)
                pause = min(1.0, pause * 2)

    async def _rows(self, query: str, params: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        async with self._lock:
            if self._conn is None or self._conn.closed:
                self._conn = await psycopg.AsyncConnection.connect(
                    self.url, autocommit=True, row_factory=tuple_row, connect_timeout=3, prepare_threshold=2,
                    application_name="linli-sense",
                )  # fmt: skip
            cursor = await self._conn.execute(query, params)
            return await cursor.fetchall()

    async def close(self) -> None:
        async with self._lock:
            if self._conn is not None:
                with contextlib.suppress(Exception):
                    await self._conn.close()
                self._conn = None

    # --- named calls ------------------------------------------------------------------------------------------------

    async def registry(self, device_ids: list[UUID]) -> list[RegistryRow]:
        """Rows of these devices, each with its stamp."""
        return [RegistryRow(*row) for row in await self.rows(contracts.REGISTRY_STAMPED_SQL, device_ids, device_ids)]

    def stamps(self) -> AsyncIterator[stamps.Page]:
        """Of all devices; in small pages, for alarms share the connection and don't wait for all."""
        return stamps.pages(lambda after, size: self.rows(contracts.REGISTRY_STAMPS_SQL, after, size), _PAGE)

    async def rules(self) -> list[RuleRow]:
        return [RuleRow(*row) for row in await self.rows(contracts.RULES_SQL)]

    async def active_alarms(self) -> list[tuple[UUID, UUID, int]]:
        return await self.rows(contracts.ACTIVE_ALARMS_SQL)

    async def agree(self, clock: SteadyClock) -> None:
        """Bring `clock` to PostgreSQL's."""
        await clock.ask(self.rows)

    async def leases(self, ttl: float, partitions: int) -> dict[int, tuple[int, bool]]:
        """{partition: (epoch, surplus)} of what this process holds now."""
        owners = await self.rows(contracts.LEASE_OWNERS_SQL)
        dead = [o for (o,) in owners if o != self.me and is_dead(o, self.me)]
        found = await self.rows(contracts.LEASES_SQL, self.me, ttl, partitions, dead)
        return {p: (epoch, surplus) for p, epoch, surplus in found}

    async def release(self, part: int) -> None:
        await self.rows(contracts.RELEASE_SQL, self.me, part)

    async def snapshot(self, part: int) -> tuple[int, bytes | None]:
        found = await self.rows(contracts.SNAPSHOT_SQL, part)
        return (found[0][0], found[0][1]) if found else (0, None)

    async def save(self, part: int, epoch: int, sequence: int, state: bytes) -> bool:
        found = await self.rows(contracts.SNAPSHOT_SAVE_SQL, part, epoch, sequence, state)
        return bool(found and found[0][0])

    async def apply(self, part: int, epoch: int, operations: list[dict[str, Any]]) -> int:
        """How many of the operations changed something. Raises Fenced."""
        try:
            found = await self.rows(contracts.ALARMS_APPLY_SQL, epoch, part, orjson.dumps(operations).decode())
        except psycopg.Error as error:
            if error.sqlstate == contracts.FENCED:
                raise Fenced(part) from error
            raise
        return sum(1 for row in found if row[4])
