"""A small MQTT 3.1.1 client, as any device's would be: used by `linli replay`, the simulator and the bench."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import Any

from linli.telemetry.gateway.frames import encode_length


def _text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return len(raw).to_bytes(2, "big") + raw


def connect_packet(
    client_id: str, user: str, password: str = "", *, keep_alive: int = 60, will: tuple[str, bytes] | None = None
) -> bytes:
    flags = 2 | (0x80 if user else 0) | (0x40 if password else 0) | (4 if will else 0)
    body = _text("MQTT") + bytes((4, flags)) + keep_alive.to_bytes(2, "big") + _text(client_id)
    if will:
        body += _text(will[0]) + _text(will[1])
    body += (_text(user) if user else b"") + (_text(password) if password else b"")
    return b"\x10" + encode_length(len(body)) + body


def publish_packet(topic: str, payload: bytes, packet: int = 0) -> bytes:
    """QoS 1 with a packet identifier, else QoS 0."""
    body = _text(topic) + (packet.to_bytes(2, "big") if packet else b"") + payload
    return (b"\x32" if packet else b"\x30") + encode_length(len(body)) + body


def subscribe_packet(packet: int, *filters: str, qos: int = 1) -> bytes:
    body = packet.to_bytes(2, "big") + b"".join(_text(f) + bytes((qos,)) for f in filters)
    return b"\x82" + encode_length(len(body)) + body


class Refused(Exception):
    """The server said no, or closed the connection."""


class MqttClient:
    """One connection. `publish` returns when the server has acknowledged, at most `window` wait at once."""

    def __init__(self, host: str, port: int, token: str, *, client_id: str = "", window: int = 50) -> None:
        self.host, self.port, self.token = host, port, token
        self.client_id = client_id or f"linli-{id(self):x}"
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._next = 0
        self._slots = asyncio.Semaphore(window)
        self._reader: asyncio.Task[None] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self.messages: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self.closed = asyncio.Event()

    async def connect(self, *, tls: ssl.SSLContext | None = None, **options: Any) -> None:
        reader, self._writer = await asyncio.open_connection(self.host, self.port, ssl=tls)
        self._writer.write(connect_packet(self.client_id, self.token, **options))
        try:
            async with asyncio.timeout(20):
                answer = await reader.readexactly(4)
        except (asyncio.IncompleteReadError, OSError) as error:
            raise Refused("the server closed the connection") from error
        if answer[3]:
            raise Refused(f"the server refused the connection with code {answer[3]}")
        self._reader = asyncio.create_task(self._read(reader))

    async def publish(self, topic: str, payload: bytes) -> None:
        async with self._slots:
            if self.closed.is_set() or self._writer is None:
                raise Refused("the server closed the connection")
            self._next = self._next % 65_535 + 1
            future = self._waiting[self._next] = asyncio.get_running_loop().create_future()
            self._writer.write(publish_packet(topic, payload, self._next))
            await future

    def write(self, packet: bytes) -> None:
        assert self._writer is not None
        self._writer.write(packet)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                first = (await reader.readexactly(1))[0]
                length, shift = 0, 0
                while True:
                    byte = (await reader.readexactly(1))[0]
                    length |= (byte & 127) << shift
                    shift += 7
                    if byte < 128:
                        break
                self._packet(first, await reader.readexactly(length))
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self.closed.set()
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(Refused("the server closed the connection"))

    def _packet(self, first: int, body: bytes) -> None:
        if first >> 4 == 4:
            future = self._waiting.pop(int.from_bytes(body[:2], "big"), None)
            if future is not None and not future.done():
                future.set_result(None)
        elif first >> 4 == 3:
            size = int.from_bytes(body[:2], "big")
            self.messages.put_nowait((body[2 : 2 + size].decode(), body[2 + size :]))
        else:
            self.messages.put_nowait((f"packet {first >> 4}", body))

    async def close(self) -> None:
        if self._writer is not None:
            with contextlib.suppress(OSError):
                if not self.closed.is_set():
                    self._writer.write(b"\xe0\x00")
                    await self._writer.drain()
                self._writer.close()
        if self._reader is not None:
            self._reader.cancel()
