"""MQTT 3.1.1 by hand: one object a connection, tuned for one short publish per read.

A frame that breaks the protocol, a topic that is not the device's own or a payload that cannot be read closes the
connection: version 3.1.1 has no gentler way to say no that a device could see. The reason is counted at the device.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Protocol, cast

import orjson

from linli.telemetry.gateway import topics
from linli.telemetry.gateway.payload import BadPayload
from linli.telemetry.gateway.registry import Device
from linli.telemetry.gateway.topics import ATTRIBUTES, TELEMETRY

MAX_PACKET = 256 * 1024
CONNECT_S = 10.0
MAX_SESSIONS = 4
MAX_IN_FLIGHT = 1_000  # messages to a device that it has not acknowledged
CONNECT, PUBLISH, PUBACK, SUBSCRIBE, UNSUBSCRIBE, PINGREQ, DISCONNECT = 1, 3, 4, 8, 10, 12, 14
REFUSED_VERSION, REFUSED_ID, UNAVAILABLE, BAD_LOGIN, NOT_ALLOWED = 1, 2, 3, 4, 5


class BadFrame(ValueError):
    """A packet that breaks MQTT 3.1.1; the text is the reason that is counted."""


class Cut(BadFrame):
    """The packet ends before its fields do."""


def _field(data: bytes, at: int, end: int) -> tuple[bytes, int]:
    """A length-prefixed field and where it ends."""
    if at + 2 > end:
        raise Cut("packet is cut short")
    stop = at + 2 + (data[at] << 8 | data[at + 1])
    if stop > end:
        raise Cut("packet is cut short")
    return data[at + 2 : stop], stop


def _text(raw: bytes) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise BadFrame("text is not UTF-8") from None
    if "\x00" in text:
        raise BadFrame("text holds U+0000")
    return text


class Hub(Protocol):
    """What a connection needs of the gateway behind it."""

    tick: float

    @property
    def ready(self) -> bool: ...
    def opened(self, connection: Connection) -> None: ...
    def closed(self, connection: Connection) -> None: ...
    def entered(self, connection: Connection) -> None: ...
    def identify(self, user: str, password: str) -> Device | None: ...
    def refused(self, connection: Connection, error: ValueError) -> None: ...
    def slow_down(self, connection: Connection, seconds: float) -> None: ...
    def take(self, device: Device, payload: bytes, ack: Any) -> float: ...
    def take_attributes(self, device: Device, payload: bytes, ack: Any) -> None: ...
    def take_will(self, device: Device, topic: bytes, payload: bytes) -> None: ...
    def hear(self, connection: Connection, topic: str, payload: bytes, packet: bytes) -> None: ...
    def subscribed(self, connection: Connection) -> None: ...


class Connection(asyncio.Protocol):
    """One client, from its first byte to its last."""

    __slots__ = ("children", "client_id", "device", "gateway", "heard", "in_flight", "keep_alive", "own_topic",
                 "packet", "paused", "peer", "rest", "topics", "transport", "waiting_since", "will")  # fmt: skip

    def __init__(self, gateway: Hub) -> None:
        self.gateway = gateway
        self.device: Device | None = None
        self.transport: Any = None
        self.rest = b""
        self.client_id = ""
        self.own_topic = b""
        self.keep_alive = CONNECT_S / 1.5
        self.will: tuple[bytes, bytes] | None = None
        self.heard = time.monotonic()
        self.paused = 0  # how many reasons there are not to read
        self.peer = ""
        self.topics = self.packet = 0
        self.in_flight: dict[int, Callable[[], None]] | None = None
        self.children: dict[str, Any] | None = None

    # --- asyncio ----------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.peer = peer[0] if peer else ""
        self.gateway.opened(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.transport = None
        device, will = self.device, self.will
        self.gateway.closed(self)
        if device is not None:
            if device.sessions.get(self.client_id) is self:
                del device.sessions[self.client_id]
                device.state_changed = True
            if will is not None:
                self.will = None
                self.gateway.take_will(device, *will)

    def data_received(self, data: bytes) -> None:
        if self.rest:
            data = self.rest + data
            self.rest = b""
        self.heard = self.gateway.tick
        at, end = 0, len(data)
        try:
            while end - at >= 2 and self.transport is not None:
                length, head = data[at + 1], at + 2
                if length > 127:
                    length, head = _length(data, at + 1, end)
                    if length < 0:
                        break
                stop = head + length
                if length > MAX_PACKET:
                    raise BadFrame(f"packet of {length} bytes is larger than {MAX_PACKET}")
                if stop > end:
                    break
                first = data[at]
                if first & 0xF0 == 0x30 and self.device is not None:
                    self._publish(data, first, head, stop)
                else:
                    self._other(data, first, head, stop)
                at = stop
                if self.paused and at < end:  # told to stop while more was in the same read
                    break
        except (BadFrame, BadPayload) as error:
            self.gateway.refused(self, error)
            self.close()
            return
        if at < end:
            self.rest = data[at:]

    # --- packets ----------------------------------------------------------------------------------------------------

    def _publish(self, data: bytes, first: int, at: int, end: int) -> None:
        stop = at + 2
        if stop > end:
            raise Cut("packet is cut short")
        stop += data[at] << 8 | data[at + 1]
        topic = data[at + 2 : stop]
        qos = first & 6
        packet = b""
        if qos:
            if qos != 2:
                raise BadFrame("QoS 2 is not offered" if qos == 4 else "QoS 3 does not exist")
            packet = data[stop : stop + 2]
            stop += 2
            if packet == b"\0\0":
                raise BadFrame("packet identifier is 0")
        if stop > end:
            raise Cut("packet is cut short")
        device = cast(Device, self.device)
        if topic == TELEMETRY or topic == self.own_topic:
            wait = self.gateway.take(device, data[stop:end], (self, packet) if qos else None)
            if wait:
                self.gateway.slow_down(self, wait)
        elif topic == ATTRIBUTES:
            self.gateway.take_attributes(device, data[stop:end], (self, packet) if qos else None)
        else:
            name = _text(topic)
            if "+" in name or "#" in name or not name:
                raise BadFrame("topic to publish to holds a wildcard or is empty")
            self.gateway.hear(self, name, data[stop:end], packet)

    def _other(self, data: bytes, first: int, at: int, end: int) -> None:
        kind, flags = first >> 4, first & 15
        if kind == CONNECT:
            if self.device is not None:
                raise BadFrame("second CONNECT")
            if flags:
                raise BadFrame("reserved flags are set")
            self._connect(data, at, end)
        elif self.device is None:
            raise BadFrame("first packet is not CONNECT")
        elif kind == PINGREQ and not flags:
            self.write(b"\xd0\x00")
        elif kind == PUBACK:
            self._acked(data[at:end])
        elif kind == DISCONNECT and not flags:
            self.will = None
            self.close()
        elif kind in (SUBSCRIBE, UNSUBSCRIBE):
            if flags != 2:
                raise BadFrame("reserved flags are wrong")
            self._subscribe(kind, data, at, end)
        else:
            raise BadFrame(f"packet type {kind} is not for a server")

    def _connect(self, data: bytes, at: int, end: int) -> None:
        protocol, at = _field(data, at, end)
        if at + 4 > end:
            raise Cut("packet is cut short")
        level, flags = data[at], data[at + 1]
        keep_alive = data[at + 2] << 8 | data[at + 3]
        at += 4
        if protocol != b"MQTT" or level != 4:
            self.write(b"\x20\x03\x00\x84\x00" if level == 5 else b"\x20\x02\x00\x01")
            raise BadFrame("only MQTT 3.1.1 is spoken here")
        if flags & 1:
            raise BadFrame("reserved CONNECT flag is set")
        client_id, at = _field(data, at, end)
        will = None
        if flags & 4:
            topic, at = _field(data, at, end)
            message, at = _field(data, at, end)
            will = (topic, message)
        user, at = _field(data, at, end) if flags & 0x80 else (b"", at)
        password, at = _field(data, at, end) if flags & 0x40 else (b"", at)
        if at != end:
            raise BadFrame("CONNECT has bytes left over")
        self._enter(_text(client_id), _text(user), _text(password), keep_alive, will, flags)

    def _enter(self, client_id: str, user: str, password: str, keep_alive: int, will: Any, flags: int) -> None:
        if not client_id and not flags & 2:
            self._connack(REFUSED_ID, "empty client id without a clean session")
        if not self.gateway.ready:
            self._connack(UNAVAILABLE, "registry is not loaded yet")
        device = self.gateway.identify(user, password)
        if device is None:
            self._connack(NOT_ALLOWED if user else BAD_LOGIN, "unknown token")
            return
        own = f"linli/{device.code}/telemetry".encode()
        if will is not None and will[0] not in (TELEMETRY, ATTRIBUTES, own):
            device.refuse("will topic is not this device's to publish to")
            self._connack(NOT_ALLOWED, "will topic is not allowed")
        self.device, self.own_topic, self.will = device, own, will
        self.client_id = client_id or f"-{id(self):x}"
        self.keep_alive = float(keep_alive)
        self._take_over(device)
        self.gateway.entered(self)
        self.write(b"\x20\x02\x00\x00")

    def _connack(self, code: int, reason: str) -> None:
        self.write(bytes((0x20, 2, 0, code)))
        raise BadFrame(reason)

    def _take_over(self, device: Device) -> None:
        """One connection a client id; a device has few, so that a stuck one cannot pile them up."""
        old = device.sessions.pop(self.client_id, None)
        if old is None and len(device.sessions) >= MAX_SESSIONS:
            old = device.sessions.pop(next(iter(device.sessions)))
        if old is not None:
            old.close()
        device.sessions[self.client_id] = self

    def _subscribe(self, kind: int, data: bytes, at: int, end: int) -> None:
        if at + 2 >= end:
            raise Cut("packet is cut short")
        packet, at = data[at : at + 2], at + 2
        codes, wishes = bytearray(), self.topics
        device = cast(Device, self.device)
        while at < end:
            raw, at = _field(data, at, end)
            if kind == SUBSCRIBE:
                if at >= end:
                    raise Cut("packet is cut short")
                qos, at = data[at], at + 1
                if qos > 2:
                    raise BadFrame("QoS 3 does not exist")
                if bits := topics.wish(name := _text(raw), qos, gateway=device.gateway):
                    codes.append(min(qos, 1))
                    wishes |= bits
                else:
                    codes.append(0x80)
                    device.refuse(f"topic {name[:100]!r} may not be subscribed to", bad=False)
            else:
                wishes &= ~topics.wish(_text(raw), 1, gateway=device.gateway)
        if kind == UNSUBSCRIBE:
            self.write(b"\xb0\x02" + packet)
        else:
            self.write(b"\x90" + _encode_length(2 + len(codes)) + packet + bytes(codes))
        self.topics = wishes
        self.gateway.subscribed(self)

    # --- out --------------------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        if self.transport is not None:
            self.transport.write(data)

    def send(self, topic: str, payload: bytes, then: Callable[[], None] | None = None) -> None:
        """A message to the device: QoS 0, or with `then` QoS 1, which runs when the device has acknowledged it."""
        name, number = topic.encode(), b""
        if then is not None:
            self.in_flight = {} if self.in_flight is None else self.in_flight
            if len(self.in_flight) >= MAX_IN_FLIGHT:
                raise BadFrame(f"more than {MAX_IN_FLIGHT} messages are not acknowledged")
            while not self.packet or self.packet in self.in_flight:
                self.packet = (self.packet + 1) & 0xFFFF
            self.in_flight[self.packet] = then
            number = self.packet.to_bytes(2, "big")
        body = len(name).to_bytes(2, "big") + name + number + payload
        self.write((b"\x32" if number else b"\x30") + _encode_length(len(body)) + body)

    def _acked(self, packet: bytes) -> None:
        then = self.in_flight.pop(int.from_bytes(packet, "big"), None) if self.in_flight else None
        if then is not None:
            then()

    @property
    def wants_commands(self) -> bool:
        return bool(self.topics & topics.WANTS_COMMANDS)

    @property
    def wants_attributes(self) -> bool:
        return bool(self.topics & topics.WANTS_ATTRIBUTES)

    def command(self, number: int, method: str, params: Any, then: Callable[[], None]) -> None:
        sure = self.topics & topics.WANTS_COMMANDS * topics.SURE
        body = orjson.dumps({"method": method, "params": params})
        self.send(f"{topics.RPC}{number}", body, then if sure else None)

    def tell_attributes(self, values: dict[str, Any]) -> None:
        self.send(ATTRIBUTES.decode(), orjson.dumps(values))

    def acknowledge(self, packet: bytes) -> None:
        transport = self.transport
        if transport is not None and not transport.is_closing():
            transport.write(b"\x40\x02" + packet)

    def close(self) -> None:
        transport, self.transport, self.rest = self.transport, None, b""
        if transport is not None:
            transport.close()

    def pause(self) -> None:
        self.paused += 1
        if self.paused == 1 and self.transport is not None and not self.transport.is_closing():
            self.transport.pause_reading()

    def resume(self) -> None:
        self.paused = max(0, self.paused - 1)
        if self.paused or self.transport is None or self.transport.is_closing():
            return
        self.heard = self.gateway.tick
        self.transport.resume_reading()
        if self.rest:  # whole packets may wait here since the pause
            self.data_received(b"")


def _length(data: bytes, at: int, end: int) -> tuple[int, int]:
    """(remaining length, where the packet's body starts); -1 when more bytes are needed."""
    value = 0
    for i in range(4):
        if at + i >= end:
            return -1, 0
        byte = data[at + i]
        value |= (byte & 127) << 7 * i
        if byte < 128:
            return value, at + i + 1
    raise BadFrame("remaining length has more than four bytes")


def _encode_length(value: int) -> bytes:
    out = bytearray()
    while True:
        value, byte = value >> 7, value & 127
        if not value:
            out.append(byte)
            return bytes(out)
        out.append(byte | 128)
