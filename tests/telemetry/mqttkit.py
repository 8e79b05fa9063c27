"""Packets of MQTT 3.1.1 and 5 for fuzzing, and a connection that is fed with them without a socket."""

from __future__ import annotations

import random
from typing import Any

from tests.telemetry.gatewaykit import KEY, row

from linli.telemetry.gateway import topics
from linli.telemetry.gateway.frames import encode_length
from linli.telemetry.gateway.mqtt import MAX_PACKET, Connection
from linli.telemetry.gateway.payload import BadPayload, checked, decode, parse, split
from linli.telemetry.gateway.registry import Registry

TOPICS = (
    *topics.OWN, *topics.FOR_CHILDREN, "v1/devices/me/telemetry", "v1/devices/me/rpc/response/7",
    "v1/gateway/telemetry",
    "v1/devices/me/attributes/request/1", "linli/A/telemetry", "#", "x/y", "中",
    "/provision/request", "/provision/response", "v2/fw/request/1/chunk/0", "v1/devices/me/claim",
)  # fmt: skip
PAYLOADS = (
    b'{"level": 1}', b"[]", b"{}", b"nonsense", b'{"ts": 1, "values": {"level": 2.5}}', b'{"A": [{"level": 1}]}',
    b"\xff\xfe", b'{"level": {}}', b"",
)  # fmt: skip
TAKEN = ("v1/devices/me/telemetry", "linli/A/telemetry", "v1/devices/me/attributes")
GOOD = (
    b'{"level": 1}', b"[]", b"{}", b'{"ts": 1, "values": {"level": 2.5}}', b'{"level": "2.5", "open": true, "fw": "1"}',
    b'[{"ts": 1790000000000, "values": {"level": -1e3, "x": null}}, {"level": 3}]', '{"中": 1}'.encode(),
)  # fmt: skip
REGISTRY = Registry(KEY, 4)
REGISTRY.replace_some([], [row("A", "token-a", speaks=True)])
A = REGISTRY.by_code["A"]


class Line:
    """A transport that counts."""

    def __init__(self) -> None:
        self.written, self.closed, self.paused = 0, False, 0

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.written += len(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, name: str) -> Any:
        return None

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


class Ear:
    """What a connection needs of the gateway; payloads are read and judged as the gateway does it."""

    ready, tick = True, 0.0

    def __init__(self) -> None:
        self.taken = 0

    def opened(self, connection: Connection) -> None: ...
    def closed(self, connection: Connection) -> None: ...
    def entered(self, connection: Connection) -> None: ...
    def refused(self, connection: Connection, error: ValueError) -> None: ...
    def slow_down(self, connection: Connection, seconds: float) -> None: ...
    def subscribed(self, connection: Connection) -> None: ...

    def identify(self, user: str, password: str, client_id: str) -> Any:
        return REGISTRY.token(user)

    def certified(self, der: bytes) -> Any:
        return None

    def welcome(self, connection: Connection) -> None:
        connection.asked = 0

    def hear_guest(self, connection: Connection, topic: bytes, payload: bytes, packet: bytes) -> None:
        assert connection.device is None
        self.hear(connection, "v1/guest", payload, packet)

    def knock(self, connection: Connection, said: Any) -> bool:
        return False

    def take(self, device: Any, payload: bytes, ack: Any) -> float:
        split(device, parse(payload))
        self._take(ack)
        return 0.0

    def take_attributes(self, device: Any, payload: bytes, ack: Any) -> None:
        checked(decode(payload))
        self._take(ack)

    def take_will(self, device: Any, topic: bytes, payload: bytes) -> None: ...

    def hear(self, connection: Connection, topic: str, payload: bytes, packet: bytes) -> None:
        if not topic.startswith("v1/"):
            raise BadPayload("topic", "is not offered")
        connection.send(topic, payload, lambda: None)
        if packet:
            connection.acknowledge(packet)

    def _take(self, ack: Any) -> None:
        self.taken += 1
        if ack:
            ack[0].acknowledge(ack[1])


def _text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return len(raw).to_bytes(2, "big") + raw


def _properties(chance: random.Random, five: bool, *made: bytes) -> bytes:
    if not five:
        return b""
    body = b"".join(one for one in made if chance.random() < 0.3)
    return encode_length(len(body)) + body


def _pack(first: int, body: bytes) -> bytes:
    return bytes((first,)) + encode_length(len(body)) + body


def hello(chance: random.Random, five: bool) -> bytes:
    asks = _properties(chance, five, b"\x11\0\0\0\x09", b"\x21\0\x05", b"\x17\0", b"\x26\0\x01a\0\x01b", b"\x22\0\x05")
    will = chance.random() < 0.2
    body = _text("MQTT") + bytes((5 if five else 4, 0x82 | (4 if will else 0))) + b"\0\x3c" + asks + _text("abc")
    if will:
        body += _properties(chance, five, b"\x18\0\0\0\x01") + _text("v1/devices/me/telemetry") + _text(b'{"on": 0}')
    return _pack(0x10, body + _text(chance.choice(("token-a",) * 16 + ("provision",) * 3 + ("nobody",))))


def packet(chance: random.Random, five: bool) -> bytes:
    """One whole packet that a client may send."""
    kind, number = chance.random(), chance.randrange(1, 65536).to_bytes(2, "big")
    if kind < 0.5:
        usual = chance.random() < 0.5  # what a device says all day; else any topic with any payload
        topic, payload = chance.choice(TAKEN if usual else TOPICS), chance.choice(GOOD if usual else PAYLOADS)
        told = _properties(chance, five, b"\x01\x01", b"\x08\0\x01r", b"\x26\0\x01a\0\x01b")
        if chance.random() < 0.5:
            return _pack(0x32 | chance.choice((0, 1, 8)), _text(topic) + number + told + payload)
        return _pack(0x30, _text(topic) + told + payload)
    if kind < 0.7:
        wishes = b"".join(
            _text(chance.choice(TOPICS)) + bytes((chance.randrange(2),)) for _ in range(chance.randrange(1, 4))
        )
        return _pack(0x82, number + _properties(chance, five, b"\x26\0\x01a\0\x01b") + wishes)
    if kind < 0.8:
        return _pack(0xA2, number + _properties(chance, five) + _text(chance.choice(TOPICS)))
    if kind < 0.9:
        return _pack(0x40, chance.choice((b"\0\x01", number)))
    return b"\xc0\x00" if kind < 0.98 else _pack(0xE0, b"")


def piece(chance: random.Random, five: bool) -> tuple[bytes, bool]:
    """(a packet, or one that was changed or cut, or junk; whether it is whole)."""
    made, kind = packet(chance, five), chance.random()
    if kind < 0.4:
        changed = bytearray(made)
        for _ in range(chance.randrange(1, 4)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        return bytes(changed[: chance.randrange(1, len(changed) + 1)] if chance.random() < 0.3 else changed), False
    if kind < 0.46:
        return chance.randbytes(chance.randrange(1, 40)), False
    return made, True


def stream(chance: random.Random, most: int) -> tuple[bytes, int, int]:
    """(bytes of one connection, whole packets, pieces): a CONNECT, then packets, some of them changed, and junk."""
    five = chance.random() < 0.5
    parts, whole = [hello(chance, five)], 1
    for _ in range(chance.randrange(most)):
        made, good = piece(chance, five)
        parts.append(made)
        whole += good
    return b"".join(parts), whole, len(parts)


class Visitor:
    """A client that comes again whenever its line was closed, and leaves one that waits for the rest of a packet after
    three inputs: every input is read. `read`: inputs that it brought, `whole`: those that are whole packets, `lines`:
    how often it came."""

    def __init__(self) -> None:
        self.ear, self.line = Ear(), Line()
        self.line.closed = True
        self.connection: Connection | None = None
        self.read = self.whole = self.lines = self.behind = 0
        self.five = False

    def say(self, chance: random.Random) -> None:
        """One input, in one read or two."""
        while self.line.closed:
            self._come(chance)
        made, good = piece(chance, self.five)
        self.read += 1
        self.whole += good
        if chance.random() < 0.2:
            cut = chance.randrange(len(made) + 1)
            self._feed(made[:cut])
            made = made[cut:]
        self._feed(made)
        self.behind = self.behind + 1 if self.connection is not None and self.connection.rest else 0
        if self.behind == 3:
            self.line.closed = True

    def _come(self, chance: random.Random) -> None:
        self.leave()
        self.line, self.connection, self.five = Line(), Connection(self.ear), chance.random() < 0.5  # type: ignore[arg-type]
        self.lines, self.behind = self.lines + 1, 0
        self.connection.connection_made(self.line)  # type: ignore[arg-type]
        self._feed(hello(chance, self.five))

    def _feed(self, data: bytes) -> None:
        connection = self.connection
        if connection is not None and not self.line.closed:
            connection.data_received(data)
            assert len(connection.rest) <= MAX_PACKET + 5 and not (self.line.closed and connection.transport)

    def leave(self) -> None:
        if self.connection is not None:
            self.connection.connection_lost(None)
            self.connection = None
        A.sessions.clear()


def drink(data: bytes, cuts: list[int]) -> int:
    """Feeds a connection piece by piece; returns how many messages it took. Of bad bytes comes nothing but a close."""
    ear, line = Ear(), Line()
    connection = Connection(ear)  # type: ignore[arg-type]
    connection.connection_made(line)  # type: ignore[arg-type]
    for start, stop in zip([0, *cuts], [*cuts, len(data)], strict=True):
        if line.closed:
            break
        connection.data_received(data[start:stop])
        assert len(connection.rest) <= MAX_PACKET + 5 and not (line.closed and connection.transport)
    connection.connection_lost(None)
    A.sessions.clear()
    return ear.taken
