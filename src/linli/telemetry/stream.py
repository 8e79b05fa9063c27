"""The stream of readings on NATS JetStream: make it, publish to it durably, read it by sequence.

Retention: nothing is deleted by acknowledgement. History purges what it has stored and is older than two hours; when
the stream is full, publishing is refused (`discard: new`): devices stay unacknowledged instead of readings being lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import nats
import numpy as np
import numpy.typing as npt
import orjson
from nats.aio.client import Client
from nats.js import api
from nats.js.errors import APIError, NotFoundError

from linli.kernel.stream import life_of, servers
from linli.telemetry.batch import MAX_POINTS, STREAM, SUBJECT, Batch, partition_of

PARTITIONS = int(os.environ.get("LINLI_PARTITIONS") or 8)
MAX_BYTES = int(os.environ.get("LINLI_STREAM_BYTES") or 4 << 30)
DUPLICATE_WINDOW_S = 120
_HEARTBEAT_S = 2.0


async def _quiet(error: Exception) -> None:
    """Connection errors are seen as `is_connected`; nats-py prints a traceback for each unless told otherwise."""


async def connect(name: str, *, url: str | None = None, **options: Any) -> Client:
    """A connection that never gives up; what is published while it is down raises at once, nothing is buffered."""
    return await nats.connect(
        servers(url or os.environ["LINLI_NATS_URL"]),
        name=name, max_reconnect_attempts=-1, reconnect_time_wait=0.25, connect_timeout=3, ping_interval=5,
        max_outstanding_pings=2, pending_size=0, error_cb=_quiet, **options,
    )  # fmt: skip


async def ensure_stream(nc: Client) -> None:
    """Make the stream if it is missing. Waits for JetStream to be ready; never changes an operator's own settings."""
    js = nc.jetstream(timeout=5)
    config = api.StreamConfig(
        name=STREAM, subjects=[f"{SUBJECT}.*"], storage=api.StorageType.FILE, retention=api.RetentionPolicy.LIMITS,
        discard=api.DiscardPolicy.NEW, max_bytes=MAX_BYTES, duplicate_window=DUPLICATE_WINDOW_S,
        num_replicas=int(os.environ.get("LINLI_NATS_REPLICAS") or 1),
    )  # fmt: skip
    while True:
        try:
            await js.stream_info(STREAM)
            return
        except NotFoundError:
            with contextlib.suppress(APIError, nats.errors.Error, TimeoutError):
                await js.add_stream(config)
                return
        except (nats.errors.Error, APIError, TimeoutError):
            pass
        await asyncio.sleep(0.2)


class Publisher:
    """Publishes batches and resolves when the stream has them on disk.

    A batch is sent again, under the same Nats-Msg-Id, until it is stored: the stream drops the copy.
    """

    def __init__(self, nc: Client, *, timeout: float = 5.0) -> None:
        self.nc = nc
        self.timeout = timeout
        self.retries = 0
        self.last_error = ""
        self._waiting: dict[str, asyncio.Future[bytes]] = {}
        self._prefix = ""
        self._count = 0

    async def start(self) -> None:
        self._prefix = self.nc.new_inbox()
        await self.nc.subscribe(self._prefix + ".*", cb=self._acked)

    async def _acked(self, msg: Any) -> None:
        future = self._waiting.pop(msg.subject[len(self._prefix) + 1 :], None)
        if future is not None and not future.done():
            status = (msg.headers or {}).get("Status", "")
            future.set_result(b'{"error":{"description":"no stream"}}' if status == "503" else msg.data)

    async def publish(self, subject: str, data: bytes, message_id: str) -> int:
        """Stored: its sequence in the stream. Retries for ever, with back-off."""
        pause = 0.05
        headers = {"Nats-Msg-Id": message_id}
        while True:
            try:
                reply = orjson.loads(await self._once(subject, data, headers))
                if "seq" in reply:
                    return int(reply["seq"])
                self.last_error = str(reply.get("error", {}).get("description", "refused"))
            except (TimeoutError, nats.errors.Error, OSError) as error:
                self.last_error = type(error).__name__
            self.retries += 1
            await asyncio.sleep(pause)
            pause = min(1.0, pause * 2)

    async def _once(self, subject: str, data: bytes, headers: dict[str, str]) -> bytes:
        self._count += 1
        key = str(self._count)
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[key] = future
        try:
            await self.nc.publish(subject, data, reply=f"{self._prefix}.{key}", headers=headers)
            async with asyncio.timeout(self.timeout):
                return await future
        finally:
            self._waiting.pop(key, None)


@dataclass(slots=True)
class Entry:
    """One message of the stream."""

    sequence: int
    subject: str
    data: bytes
    pending: int  # how many more the stream holds after this one

    @property
    def partition(self) -> int:
        return int(self.subject.rpartition(".")[2])


class Reader:
    """Reads the stream in order from a sequence; survives the loss of connection, consumer or server.

    `async for entries in Reader(nc, start=17): ...` gives lists of what has arrived, never empty. Nothing is
    acknowledged: the reader keeps its own position. `subjects` limits it to some partitions.

    `name`: another stream than that of readings. `life`: the name of its life when `start` was asked for; with it, a
    stream that was made anew meanwhile is read from its first message, and `life` tells so.
    """

    def __init__(
        self, nc: Client, *, start: int = 1, subjects: list[str] | None = None, name: str = STREAM, life: str = ""
    ) -> None:
        self.nc = nc
        self.next = max(1, start)
        self.subjects = subjects
        self.name, self.life = name, life
        self.resets = 0
        self._closed = False

    def close(self) -> None:
        self._closed = True

    def __aiter__(self) -> AsyncIterator[list[Entry]]:
        return self._run()

    async def _run(self) -> AsyncIterator[list[Entry]]:
        while not self._closed:
            queue: asyncio.Queue[Any] = asyncio.Queue()
            inbox = self.nc.new_inbox()
            sub, name = None, ""
            try:
                sub = await self.nc.subscribe(inbox, cb=queue.put, pending_bytes_limit=0, pending_msgs_limit=0)
                name = await self._consumer(inbox)
                async for entries in self._receive(queue):
                    yield entries
            except (nats.errors.Error, APIError, TimeoutError, OSError):
                await asyncio.sleep(0.2)
            finally:
                if sub is not None:
                    with contextlib.suppress(Exception):
                        await sub.unsubscribe()
            self.resets += 1
            if name:
                with contextlib.suppress(Exception):
                    await self.nc.jetstream(timeout=1).delete_consumer(self.name, name)

    async def _consumer(self, inbox: str) -> str:
        js = self.nc.jetstream(timeout=3)
        if self.life and (life := life_of(await js.stream_info(self.name))) != self.life:
            self.next, self.life = 1, life
        config = api.ConsumerConfig(
            deliver_subject=inbox, deliver_policy=api.DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=self.next,
            ack_policy=api.AckPolicy.NONE, max_deliver=1, flow_control=True, idle_heartbeat=_HEARTBEAT_S,
            mem_storage=True, num_replicas=1, inactive_threshold=30, filter_subjects=self.subjects,
        )  # fmt: skip
        return (await js.add_consumer(self.name, config)).name

    async def _receive(self, queue: asyncio.Queue[Any]) -> AsyncIterator[list[Entry]]:
        """What arrives, until something is missing or nothing comes for three heartbeats."""
        expected = 1
        while not self._closed:
            try:
                async with asyncio.timeout(_HEARTBEAT_S * 3):
                    messages = [await queue.get()]
            except TimeoutError:
                return
            while not queue.empty():
                messages.append(queue.get_nowait())
            found, whole = [], True
            for msg in messages:
                if not msg.reply.startswith("$JS.ACK."):
                    whole = await self._control(msg, expected)
                elif (entry := _entry(msg, expected)) is not None:
                    found.append(entry)
                    expected += 1
                    self.next = entry.sequence + 1
                else:
                    whole = False
                if not whole:
                    break
            if found:
                yield found
            if not whole:
                return

    async def _control(self, msg: Any, expected: int) -> bool:
        """Answer flow control; a heartbeat tells whether something sent never arrived."""
        headers = msg.headers or {}
        reply = msg.reply or headers.get("Nats-Consumer-Stalled", "")
        if reply:
            await self.nc.publish(reply)
        last = headers.get("Nats-Last-Consumer")
        return last is None or int(last) < expected


def _entry(msg: Any, expected: int) -> Entry | None:
    """`$JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time>.<pending>` (or with a domain)."""
    tokens = msg.reply.split(".")
    if len(tokens) > 9:
        tokens = tokens[:11]
    if int(tokens[-3]) != expected:
        return None
    return Entry(int(tokens[-4]), msg.subject, msg.data, int(tokens[-1]))


def partitioned(batch: Batch) -> Iterator[Batch]:
    """A batch as several, each of one partition and of at most MAX_POINTS."""
    of = np.array([partition_of(d, PARTITIONS) for d in batch.devices], np.int64)[batch.device]
    for partition in np.unique(of).tolist():
        rows = np.flatnonzero(of == partition)
        for at in range(0, len(rows), MAX_POINTS):
            yield _part(batch, rows[at : at + MAX_POINTS])


def _part(batch: Batch, rows: npt.NDArray[np.int64]) -> Batch:
    used, device = np.unique(batch.device[rows], return_inverse=True)
    columns = (batch.prop[rows], batch.ts[rows], batch.recv[rows], batch.value[rows], batch.flags[rows])
    return Batch([batch.devices[i] for i in used.tolist()], batch.properties, device.astype(np.uint32), *columns)


async def bounds(nc: Client) -> tuple[int, int]:
    """(first, last) sequence the stream holds; first > last when it is empty."""
    state = (await nc.jetstream(timeout=5).stream_info(STREAM)).state
    return state.first_seq, state.last_seq
