"""Firmware for devices, as ThingsBoard has it: a device asks for a part of what its campaign brings and gets just that.

Files are read whole from the store, each once, into a cache of bounded size; what is written to slow lines at one time
is bounded, too, and a device has a pace.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import NamedTuple, Protocol
from uuid import UUID

import psycopg

from linli.kernel import storage
from linli.telemetry.gateway import frames, topics
from linli.telemetry.gateway.frames import BadFrame
from linli.telemetry.gateway.mqtt import Connection
from linli.telemetry.gateway.payload import BadPayload
from linli.telemetry.gateway.registry import Device
from linli.telemetry.gateway.talk import Talk

log = logging.getLogger("linli.gateway")
KINDS = {"fw": "firmware", "sw": "software"}
CACHE = 64 << 20
SMALL = 64 << 10  # what is written without waiting for a place
PLACES = 8  # large parts on their way at a time
SLOW_S = 120.0
NOTHING_S = 0.5
KNOWN_S = 5.0  # how long it is remembered what a device is to load: so long a paused campaign still gives
BYTES_PER_S, BURST = float(4 << 20), float(32 << 20)
MAX_TASKS = 20_000


class Load(NamedTuple):
    """What a device is to load."""

    id: UUID
    key: str
    size: int
    title: str
    version: str


class Hub(Protocol):
    """What is asked of the gateway."""

    talk: Talk

    def refused(self, connection: Connection, error: ValueError) -> None: ...
    def count_refusal(self, code: str) -> None: ...


class Firmware:
    def __init__(self, gateway: Hub) -> None:
        self.gateway = gateway
        self.files: OrderedDict[str, bytes] = OrderedDict()
        self.known: dict[tuple[bytes, str], tuple[float, Load | None]] = {}
        self.paces: dict[bytes, tuple[float, float]] = {}
        self.places = asyncio.Semaphore(PLACES)
        self.reading = asyncio.Lock()
        self.sent = 0
        self._tasks: set[asyncio.Task[None]] = set()

    # --- what a device gets -----------------------------------------------------------------------------------------

    async def part(self, device: Device, kind: str, size: int, number: int) -> tuple[Load, memoryview]:
        """Chunk `number` of `size` bytes (0: all of it), empty beyond the end. Raises BadPayload and of the store."""
        load = await self.load(device, kind)
        if load is None:
            raise BadPayload(kind, "nothing is to be loaded by this device now", "no-firmware")
        data = memoryview(await self._bytes(load))
        return load, data[number * size : (number + 1) * size] if size else data[: 0 if number else load.size]

    async def load(self, device: Device, kind: str) -> Load | None:
        now = time.monotonic()
        until, found = self.known.get((device.id, kind), (0.0, None))
        if until < now:
            row = await self.gateway.talk.store.firmware(device.uid, kind)
            found = Load(*row) if row is not None else None
            if len(self.known) > MAX_TASKS:
                self.known.clear()
            self.known[device.id, kind] = (now + (KNOWN_S if found else NOTHING_S), found)
        return found

    def forget(self, device_id: UUID) -> None:
        """It was told something else: what is remembered of it does not hold."""
        for kind in KINDS.values():
            self.known.pop((device_id.bytes, kind), None)

    async def _bytes(self, load: Load) -> bytes:
        """One file is read at a time, so that a thousand who ask for it wait for one reading."""
        if (data := self.files.get(load.key)) is not None:
            self.files.move_to_end(load.key)
            return data
        async with self.reading:
            data = self.files.get(load.key)
            if data is None:
                try:
                    data = await asyncio.to_thread(storage.store().get, load.key)
                except storage.Missing:
                    raise BadPayload("firmware", "its file is gone", "no-firmware") from None
                self.files[load.key] = data
                while sum(map(len, self.files.values())) > CACHE and len(self.files) > 1:
                    self.files.popitem(last=False)
            self.files.move_to_end(load.key)
            return data

    def pace(self, device: Device, size: int) -> float:
        """Take `size` bytes from the device's budget; the seconds until it has some again."""
        now = time.monotonic()
        budget, stamp = self.paces.get(device.id, (BURST, now))
        budget = min(BURST, budget + (now - stamp) * BYTES_PER_S) - size
        if len(self.paces) > MAX_TASKS:
            self.paces.clear()
        self.paces[device.id] = (budget, now)
        self.sent += size
        return max(0.0, -budget / BYTES_PER_S)

    # --- over MQTT --------------------------------------------------------------------------------------------------

    def hear(self, connection: Connection, topic: str, payload: bytes, packet: bytes) -> None:
        """`v2/fw/request/N/chunk/I`, the payload is the size of a chunk; when none was said under N: all at once."""
        asked = topics.CHUNK.fullmatch(topic)
        text = payload.decode("ascii", "replace").strip()
        if asked is None or (text and not (text.isascii() and text.isdigit() and len(text) < 10)):
            raise BadFrame(f"topic {topic[:100]!r} or the size of a chunk is not right", frames.BAD_TOPIC)
        size = self._size(connection, asked[1], asked[2], int(text or 0))
        connection.pause()  # one part at a time: who asks for a hundred waits for the first
        work = self._answer(connection, asked[1], asked[2], int(asked[3]), size, packet)
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @staticmethod
    def _size(connection: Connection, word: str, request: str, size: int) -> int:
        """Of a chunk; who does not say it again means the size that it said under this number."""
        sizes = connection.sizes = connection.sizes if connection.sizes is not None else {}
        number, before = sizes.get(word, ("", 0))
        size = size or (before if number == request else 0)
        sizes[word] = (request, size)
        return size

    async def _answer(
        self, connection: Connection, word: str, request: str, number: int, size: int, packet: bytes
    ) -> None:
        device = connection.device
        assert device is not None
        try:
            load, data = await self.part(device, KINDS[word], size, number)
            self._same(connection, word, request, load)
            if connection.largest and len(data) + 64 > connection.largest:
                raise BadPayload("size", f"the client takes no packet above {connection.largest} bytes", "too-long")
            connection.acknowledge(packet)
            await self._send(connection, f"v2/{word}/response/{request}/chunk/{number}", data)
            if wait := self.pace(device, len(data)):
                await asyncio.sleep(wait)
        except BadPayload as error:
            self._refuse(connection, word, error, packet)
        except (psycopg.Error, OSError) as error:
            log.warning("a part of a firmware could not be read: %s", type(error).__name__)
            self._refuse(connection, word, BadPayload(word, "cannot be read at the moment; ask again"), packet)
        finally:
            connection.resume()

    @staticmethod
    def _same(connection: Connection, word: str, request: str, load: Load) -> None:
        """Under one number a device gets parts of one file, also when it is given another meanwhile."""
        held = connection.loads = connection.loads if connection.loads is not None else {}
        if held.get(word, ("", None))[0] != request:
            held[word] = (request, load.id)
        elif held[word][1] != load.id:
            raise BadPayload(word, "is another one by now; begin again under a new number", "other-firmware")

    def _refuse(self, connection: Connection, word: str, error: BadPayload, packet: bytes) -> None:
        """The line stays: the campaign may be paused for a while."""
        self.gateway.refused(connection, error)
        if connection.five and packet:
            connection.refuse_publish(packet, frames.NOT_ALLOWED, str(error))
        else:
            connection.acknowledge(packet)
        if connection.topics & topics.ERRORS[word]:
            connection.send(f"v2/{word}/error", str(error).encode())

    async def _send(self, connection: Connection, topic: str, data: memoryview) -> None:
        """Large parts wait for a place, and hold it until they are written; a line that takes too long is cut."""
        if len(data) <= SMALL:
            connection.send(topic, bytes(data))
            await self._written(connection)
            return
        async with self.places:
            connection.send(topic, bytes(data))
            await self._written(connection)

    @staticmethod
    async def _written(connection: Connection) -> None:
        end = time.monotonic() + SLOW_S
        while connection.transport is not None and connection.transport.get_write_buffer_size() > SMALL:
            if time.monotonic() > end:
                transport = connection.transport
                connection.close()
                transport.abort()
                return
            await asyncio.sleep(0.02)

    # --- over HTTP --------------------------------------------------------------------------------------------------

    async def asked(self, device: Device, kind: str, query: dict[str, str]) -> bytes | AsyncIterator[bytes]:
        """The body for `?title=&version=&size=&chunk=`. Raises BadPayload, also for what the device is not to load."""
        size, number = (_number(query.get(name) or "0", name) for name in ("size", "chunk"))
        load, data = await self.part(device, kind, size, number)
        for name, mine in (("title", load.title), ("version", load.version)):
            if query.get(name, mine) != mine:
                raise BadPayload(name, "is not what this device is to load", "other-firmware")
        if wait := self.pace(device, len(data)):
            await asyncio.sleep(min(wait, 10.0))
        return bytes(data) if len(data) <= 4 * SMALL else _slices(data)


async def _slices(data: memoryview) -> AsyncIterator[bytes]:
    """Piece by piece as the line takes it: nobody's copy of a whole file waits in memory."""
    for at in range(0, len(data), SMALL):
        yield bytes(data[at : at + SMALL])


def _number(text: str, name: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise BadPayload(name, "must be a whole number")
    return int(text)
