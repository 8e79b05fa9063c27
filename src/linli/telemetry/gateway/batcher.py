"""Cuts micro-batches per partition and acknowledges devices only when the stream has their readings on disk."""

from __future__ import annotations

import asyncio
import os
import time
from array import array
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from linli.telemetry import batch
from linli.telemetry.gateway.registry import Device
from linli.telemetry.stream import Publisher

LINGER_S = float(os.environ.get("LINLI_GATEWAY_LINGER_MS") or 30) / 1000
IN_FLIGHT = 3
BUSY_MESSAGES = 4  # more than so many in one linger: under load
HIGH_POINTS = 200_000  # not yet durable; above this no socket is read
LOW_POINTS = 100_000

Ack = Callable[[], None]


class Part:
    """The batch that one partition is filling. Times and devices are kept per row of the message, not per point."""

    __slots__ = (
        "acks",
        "blocked",
        "device_of",
        "devices",
        "flags",
        "in_flight",
        "marks",
        "messages",
        "ns",
        "number",
        "prop",
        "props",
        "recv",
        "rows",
        "sealed",
        "ts",
        "value",
    )  # fmt: skip

    def __init__(self, number: int) -> None:
        self.number = number
        self.in_flight = 0
        self.blocked = False  # a flush found no free slot
        self.sealed: deque[tuple[batch.Batch, list[Any]]] = deque()
        self.clear()

    def clear(self) -> None:
        self.devices: list[bytes] = []
        self.device_of: dict[bytes, int] = {}
        self.props: dict[str, int] = {}
        self.rows, self.ns, self.ts, self.recv = array("I"), array("I"), array("q"), array("q")
        self.flags = array("B")
        self.prop, self.value = array("H"), array("d")
        self.marks: list[tuple[int, int]] = []
        self.acks: list[Any] = []

    def device_index(self, device: Device) -> int:
        at = self.device_of.get(device.id)
        if at is None:
            at = self.device_of[device.id] = len(self.devices)
            self.devices.append(device.id)
        return at

    def mark(self, flag: int) -> None:
        """Flag the point about to be added."""
        self.marks.append((len(self.value), flag))

    def row(self, device: int, ts: int, recv: int, points: int, flags: int) -> None:
        self.rows.append(device)
        self.ns.append(points)
        self.ts.append(ts)
        self.recv.append(recv)
        self.flags.append(flags)

    def seal(self) -> None:
        """Close the batch that is being filled and queue it for sending."""
        if self.acks or len(self.value):
            counts = np.frombuffer(self.ns, np.uint32) if self.ns else np.zeros(0, np.uint32)

            def spread(column: array[int], kind: Any) -> Any:
                return np.repeat(np.frombuffer(column, kind) if column else np.zeros(0, kind), counts)

            flags = spread(self.flags, np.uint8)
            for at, flag in self.marks:
                flags[at] |= flag
            done = batch.Batch(
                self.devices, list(self.props), spread(self.rows, np.uint32),
                np.frombuffer(self.prop, np.uint16) if self.prop else np.zeros(0, np.uint16),
                spread(self.ts, np.int64), spread(self.recv, np.int64),
                np.frombuffer(self.value, np.float64) if self.value else np.zeros(0, np.float64), flags,
            )  # fmt: skip
            self.sealed.append((done, self.acks))
            self.clear()


class Batcher:
    """All partitions of one gateway. `pressure(True|False)` is called when reading must stop or may go on."""

    def __init__(self, publisher: Publisher, partitions: int, pressure: Callable[[bool], None]) -> None:
        self.publisher = publisher
        self.parts = [Part(i) for i in range(partitions)]
        self.pressure = pressure
        self.pressed = False
        self.pending = 0  # points taken and not yet durable
        self.batches = 0
        self.stored_points = 0
        self.waits = deque[float](maxlen=500)  # seconds from seal to durable
        self._name = os.urandom(8).hex()
        self._scheduled = False
        self._since = 0  # messages since the last flush
        self._busy = False
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()

    def added(self, part: Part, points: int, ack: Any) -> None:
        """A message was filled into `part`; `ack` is (connection, packet id), a future, or None."""
        if ack is not None:
            part.acks.append(ack)
        self._since += 1
        self.pending += points
        if not self._scheduled:
            self._scheduled = True
            if self._busy:
                self._loop.call_later(LINGER_S, self._flush)
            else:
                self._loop.call_soon(self._flush)
        if self.pending > HIGH_POINTS and not self.pressed:
            self.pressed = True
            self.pressure(True)

    def _flush(self) -> None:
        self._scheduled = False
        self._busy = self._since > BUSY_MESSAGES
        self._since = 0
        for part in self.parts:
            if part.acks or part.value or part.sealed:
                self._push(part)

    def _push(self, part: Part) -> None:
        part.blocked = False
        while True:
            if part.in_flight >= IN_FLIGHT:
                part.blocked = True
                return
            if not part.sealed:
                part.seal()
            if not part.sealed:
                return
            ready, acks = part.sealed.popleft()
            part.in_flight += 1
            task = self._loop.create_task(self._send(part, ready, acks))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _send(self, part: Part, ready: batch.Batch, acks: list[Any]) -> None:
        started = time.monotonic()
        self.batches += 1
        try:
            if len(ready):
                message_id = f"{self._name}-{self.batches}"
                await self.publisher.publish(batch.subject_of(part.number), batch.encode(ready), message_id)
            self.waits.append(time.monotonic() - started)
            self.stored_points += len(ready)
            _acknowledge(acks)
        finally:
            part.in_flight -= 1
            self.pending -= len(ready)
            if part.blocked:  # else the linger goes on: answering each completion would make batches tiny
                self._push(part)
            if self.pressed and self.pending < LOW_POINTS:
                self.pressed = False
                self.pressure(False)

    async def drain(self, seconds: float) -> None:
        """At shut-down: send what was taken, so that fewer devices must resend."""
        self._flush()
        deadline = time.monotonic() + seconds
        while self._tasks and time.monotonic() < deadline:
            await asyncio.wait(list(self._tasks), timeout=0.1)


def _acknowledge(acks: list[Any]) -> None:
    """A device that is gone by now must not keep the others waiting."""
    for ack in acks:
        if type(ack) is tuple:
            connection, packet = ack
            connection.acknowledge(packet)
        elif not ack.done():
            ack.set_result(None)
