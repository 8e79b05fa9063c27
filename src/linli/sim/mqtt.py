"""A small asyncio MQTT 3.1.1 client for many simulated devices in one process (OASIS MQTT 3.1.1, sections 2-4).

QoS 1 publishes wait for their PUBACK; a lost connection is made anew and unacknowledged messages are sent again
with DUP, as a real device would.
"""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import orjson


class Refused(Exception):
    """The server refused the connection; `code` is the CONNACK return code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"CONNACK return code {code}")
        self.code = code


def _string(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("!H", len(raw)) + raw


def _packet(first: int, body: bytes) -> bytes:
    length, head = len(body), bytearray([first])
    while True:
        length, digit = divmod(length, 128)
        head.append(digit | (0x80 if length else 0))
        if not length:
            return bytes(head) + body


class Device:
    """One device's connection. `publish` returns when the platform has acknowledged (QoS 1)."""

    def __init__(self, host: str, port: int, token: str, *, keep_alive: int = 120, client_id: str = "") -> None:
        self.host, self.port, self.token = host, port, token
        self.keep_alive, self.client_id = keep_alive, client_id
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._listener: asyncio.Task[None] | None = None
        self._waiting: dict[int, tuple[asyncio.Future[None], bytes]] = {}
        self._next = 0
        self._lock = asyncio.Lock()

    @property
    def connected(self) -> bool:
        return self._writer is not None and not self._writer.is_closing()

    async def connect(self) -> None:
        self._reader, self._writer = await asyncio.open_connection(self.host, self.port)
        body = _string("MQTT") + bytes([4, 0x82]) + struct.pack("!H", self.keep_alive)
        self._writer.write(_packet(0x10, body + _string(self.client_id) + _string(self.token)))
        async with asyncio.timeout(10):
            answer = await self._reader.readexactly(4)
        if answer[0] != 0x20 or answer[3] != 0:
            self._writer.close()
            self._writer = None
            raise Refused(answer[3])
        self._listener = asyncio.create_task(self._listen(self._reader))
        for _, packet in list(self._waiting.values()):
            self._writer.write(bytes([packet[0] | 0x08]) + packet[1:])

    async def publish(self, topic: str, payload: Any, *, timeout: float = 60) -> None:
        """Publish JSON (or bytes) with QoS 1; connects anew as often as needed until `timeout` seconds are over."""
        self._next = self._next % 65535 + 1
        body = payload if isinstance(payload, bytes) else orjson.dumps(payload)
        packet = _packet(0x32, _string(topic) + struct.pack("!H", self._next) + body)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        mid = self._next
        self._waiting[mid] = (done, packet)
        try:
            async with asyncio.timeout(timeout):
                await self._send(packet)
                while True:
                    finished, _ = await asyncio.wait({done}, timeout=1)
                    if finished:
                        return
                    if not self.connected:
                        await self._reconnect()
        finally:
            self._waiting.pop(mid, None)

    async def telemetry(self, values: Any, *, timeout: float = 60) -> None:
        await self.publish("v1/devices/me/telemetry", values, timeout=timeout)

    async def _send(self, packet: bytes) -> None:
        if self.connected and self._writer is not None:
            self._writer.write(packet)
        else:
            await self._reconnect()

    async def _reconnect(self) -> None:
        async with self._lock:
            if self.connected:
                return
            try:
                await self.connect()
            except (OSError, asyncio.IncompleteReadError, TimeoutError):
                await asyncio.sleep(0.5)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                first = (await reader.readexactly(1))[0]
                length = shift = 0
                while True:
                    digit = (await reader.readexactly(1))[0]
                    length |= (digit & 0x7F) << shift
                    shift += 7
                    if not digit & 0x80:
                        break
                body = await reader.readexactly(length)
                if first == 0x40:
                    waiting = self._waiting.get(struct.unpack("!H", body[:2])[0])
                    if waiting and not waiting[0].done():
                        waiting[0].set_result(None)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    async def ping(self) -> None:
        if self.connected and self._writer is not None:
            self._writer.write(b"\xc0\x00")

    async def close(self) -> None:
        if self.connected and self._writer is not None:
            self._writer.write(b"\xe0\x00")
            self._writer.close()
        if self._listener:
            self._listener.cancel()
