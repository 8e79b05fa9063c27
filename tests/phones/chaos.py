"""A bad line on loopback: it drops, delays, doubles and reorders requests and cuts answers off in the middle."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections import Counter

RESET = struct.pack("ii", 1, 0)
# what happens to a request → how often, of 100
FATES = {
    "passed": 48, "refused": 7, "request lost": 8, "answer lost": 10, "answer cut": 8, "doubled": 9,
    "doubled late": 4, "delayed": 6,
}  # fmt: skip


class Broken(ConnectionError):
    """The line was cut before the whole answer was there."""


async def read_message(reader: asyncio.StreamReader) -> bytes:
    """One HTTP/1.1 message with its body; Broken when it ends early."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line)
        if b"chunked" in fields.get(b"transfer-encoding", b""):
            body = b""
            while size := int(line := await reader.readline() or b"", 16):
                body += line + await reader.readexactly(size + 2)
            return head + body + line + await reader.readexactly(2)
        return head + await reader.readexactly(int(fields.get(b"content-length", b"0")))
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as error:
        raise Broken(str(error)) from error


async def ask(host: str, port: int, message: bytes) -> bytes:
    """Send one request on a connection of its own; returns the whole answer."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(message)
        await writer.drain()
        return await read_message(reader)
    finally:
        writer.close()


class Chaos:
    """`async with Chaos(host, port, seed) as line`: phones talk to `line.port`. `line.fates` counts what it did."""

    def __init__(self, host: str, port: int, seed: int = 7) -> None:
        self.host, self.server_port = host, port
        self.dice = random.Random(seed)
        self.fates: Counter[str] = Counter()
        self.open = True  # False: all further requests pass untouched
        self.later: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Chaos:
        self.door = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=2048)
        self.port = self.door.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        await asyncio.gather(*self.later)
        self.door.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, Broken):
            await self._one(reader, writer)
        with contextlib.suppress(OSError):
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fate = self.dice.choices([*FATES], [*FATES.values()])[0] if self.open else "passed"
        self.fates[fate] += 1
        if fate == "refused":
            _reset(writer)
            return
        message = await read_message(reader)
        if fate == "request lost":
            _reset(writer)
            return
        if fate == "delayed":  # those that came later overtake it
            await asyncio.sleep(self.dice.uniform(0.1, 1.5))
        if fate == "doubled":
            answers = await asyncio.gather(self._forward(message), self._forward(message))
            answer = answers[1]
        else:
            answer = await self._forward(message)
        if fate == "doubled late":
            self._again(message)
        if fate == "answer lost":
            _reset(writer)
            return
        writer.write(answer[: len(answer) // 2] if fate == "answer cut" else answer)
        await writer.drain()
        if fate == "answer cut":
            _reset(writer)

    async def _forward(self, message: bytes) -> bytes:
        return await ask(self.host, self.server_port, message)

    def _again(self, message: bytes) -> None:
        """The network delivers it once more, seconds later: perhaps after what followed it."""

        async def replay() -> None:
            await asyncio.sleep(self.dice.uniform(0.5, 4))
            with contextlib.suppress(OSError, Broken):
                await self._forward(message)

        task = asyncio.create_task(replay())
        self.later.add(task)
        task.add_done_callback(self.later.discard)


def _reset(writer: asyncio.StreamWriter) -> None:
    """An RST, as a dying mobile network gives."""
    found = writer.get_extra_info("socket")
    if isinstance(found, (socket.socket, asyncio.trsock.TransportSocket)):
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
