"""MQTT 3.1.1 and 5 by hand: one object a connection, tuned for one short publish per read.

A frame that breaks the protocol, a topic that is not the device's own or a payload that cannot be read closes the
connection of 3.1.1, which has no gentler way to say no that a device could see. MQTT 5 is told the reason: at QoS 1 in
the acknowledgement of that one message, else before the line is cut. Either way it is counted at the device.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import Any, NoReturn, Protocol, cast

from linli.kernel.steady import SteadyClock
from linli.telemetry.gateway import frames, tls, topics
from linli.telemetry.gateway.frames import (
    CONNECT,
    DISCONNECT,
    MAX_PACKET,
    PINGREQ,
    PUBACK,
    PUBLISH,
    SUBSCRIBE,
    UNSUBSCRIBE,
    BadFrame,
    Cut,
)
from linli.telemetry.gateway.outgoing import Outgoing
from linli.telemetry.gateway.payload import BadPayload
from linli.telemetry.gateway.registry import Device, Login
from linli.telemetry.gateway.topics import TELEMETRY

CONNECT_S = 10.0
GUEST = "provision"
MAX_SESSIONS = 4
TAKEN = "another connection has this client id"
_HERE = secrets.token_hex(4)  # no two gateways give the same name


class Hub(Protocol):
    """What a connection needs of the gateway behind it."""

    tick: float
    clock: SteadyClock

    @property
    def ready(self) -> bool: ...
    def opened(self, connection: Connection) -> None: ...
    def closed(self, connection: Connection) -> None: ...
    def entered(self, connection: Connection) -> None: ...
    def identify(self, user: str, password: str, client_id: str) -> Login | None: ...
    def certified(self, der: bytes) -> Login | None: ...
    def welcome(self, connection: Connection) -> None: ...
    def hear_guest(self, connection: Connection, topic: bytes, payload: bytes, packet: bytes) -> None: ...
    def knock(self, connection: Connection, said: frames.Connect) -> bool: ...
    def refused(self, connection: Connection, error: ValueError) -> None: ...
    def slow_down(self, connection: Connection, seconds: float) -> None: ...
    def take(self, device: Device, payload: bytes, ack: Any) -> float: ...
    def take_attributes(self, device: Device, payload: bytes, ack: Any) -> None: ...
    def take_will(self, device: Device, topic: bytes, payload: bytes) -> None: ...
    def hear(self, connection: Connection, topic: str, payload: bytes, packet: bytes) -> None: ...
    def subscribed(self, connection: Connection) -> None: ...


class Connection(Outgoing, asyncio.Protocol):
    """One client, from its first byte to its last."""

    __slots__ = ("asked", "certificate", "children", "client_id", "credentials", "device", "gateway", "heard",
                 "keep_alive", "loads", "own_topic", "paused", "peer", "rest", "since", "sizes", "will")  # fmt: skip

    def __init__(self, gateway: Hub) -> None:
        super().__init__()
        self.gateway = gateway
        self.device: Device | None = None
        self.rest = b""
        self.client_id = ""
        self.credentials: tuple[bytes, ...] = ()
        self.own_topic = b""
        self.keep_alive = CONNECT_S / 1.5
        self.will: tuple[bytes, bytes] | None = None
        self.heard = time.monotonic()
        self.since = 0.0  # when it came in, by the monotonic clock (ms)
        self.paused = 0  # how many reasons there are not to read
        self.peer = ""
        self.certificate: bytes | None = None
        self.children: dict[str, Any] | None = None
        self.loads: dict[str, Any] | None = None  # what it is loading: fw or sw → (its number, which file)
        self.sizes: dict[str, Any] | None = None  # of chunks: fw or sw → (number of the request, bytes)
        self.asked = -1  # requests of a guest, who is no device yet; -1: it is none

    @property
    def named(self) -> bool:
        """It said who it is, or that it is a guest."""
        return self.device is not None or self.asked >= 0

    # --- asyncio ----------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.peer = peer[0] if peer else ""
        self.certificate = tls.peer_certificate(transport.get_extra_info("ssl_object"))
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
                    length, head = frames.length(data, at + 1, end)
                    if length < 0:
                        break
                stop = head + length
                if length > MAX_PACKET:
                    raise BadFrame(f"packet of {length} bytes is larger than {MAX_PACKET}", frames.TOO_LARGE)
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
            self.part(error.code if isinstance(error, BadFrame) else frames.BAD_PAYLOAD, str(error))
            self.close()
            return
        if at < end:
            self.rest = data[at:]

    # --- packets ----------------------------------------------------------------------------------------------------

    def _publish(self, data: bytes, first: int, at: int, end: int) -> None:
        stop = at + 2
        if stop > end:
            raise Cut
        stop += data[at] << 8 | data[at + 1]
        topic = data[at + 2 : stop]
        qos = first & 6
        packet = b""
        if qos:
            if qos == 6:
                raise BadFrame("QoS 3 does not exist", frames.MALFORMED)
            if qos == 4:
                raise BadFrame("QoS 2 is not offered", frames.NO_QOS)
            packet = data[stop : stop + 2]
            stop += 2
            if packet == b"\0\0":
                raise BadFrame("packet identifier is 0")
        elif first & 8:
            raise BadFrame("DUP is set at QoS 0", frames.MALFORMED)
        if stop > end:
            raise Cut
        if self.five:
            if first & 1:
                raise BadFrame("retained messages are not offered", frames.NO_RETAIN)
            if stop < end and not data[stop]:
                stop += 1
            else:
                stop = self._publish_properties(data, stop, end)
            if packet:
                self._try(topic, data[stop:end], packet)
                return
        self._take(topic, data[stop:end], packet)

    def _publish_properties(self, data: bytes, at: int, end: int) -> int:
        found, at = frames.properties(data, at, end, frames.OF_PUBLISH)
        if frames.ALIAS in found:
            raise BadFrame("topic aliases are not offered", frames.BAD_ALIAS)
        frames.check_told(found)
        return at

    def _try(self, topic: bytes, payload: bytes, packet: bytes) -> None:
        """One message of MQTT 5 that is not taken leaves the line open; what breaks MQTT does not."""
        try:
            self._take(topic, payload, packet)
        except (BadFrame, BadPayload) as error:
            code = error.code if isinstance(error, BadFrame) else frames.BAD_PAYLOAD
            if code not in frames.OF_PUBACK:
                raise
            self.gateway.refused(self, error)
            self.refuse_publish(packet, code, str(error))

    def _take(self, topic: bytes, payload: bytes, packet: bytes) -> None:
        device = self.device
        if device is None:
            self.gateway.hear_guest(self, topic, payload, packet)
        elif topic == TELEMETRY or topic == self.own_topic or topic in topics.ALL_TELEMETRY:
            wait = self.gateway.take(device, payload, (self, packet) if packet else None)
            if wait:
                self.gateway.slow_down(self, wait)
        elif topic in topics.ALL_ATTRIBUTES:
            self.gateway.take_attributes(device, payload, (self, packet) if packet else None)
        else:
            self.gateway.hear(self, frames.published_to(topic), payload, packet)

    def _other(self, data: bytes, first: int, at: int, end: int) -> None:
        kind = first >> 4
        if kind != PUBLISH and first & 15 != frames.FLAGS.get(kind, 0):
            raise BadFrame("reserved flags are wrong", frames.MALFORMED)
        if kind == CONNECT:
            if self.named:
                raise BadFrame("second CONNECT")
            self._connect(data, at, end)
        elif not self.named:
            raise BadFrame("first packet is not CONNECT")
        elif kind == PUBLISH:
            self._publish(data, first, at, end)  # a guest's; those of devices took the short way
        elif kind == PINGREQ:
            if at != end:
                raise BadFrame("PINGREQ has a body", frames.MALFORMED)
            self.write(b"\xd0\x00")
        elif kind == PUBACK:
            self.acked(data, at, end)
        elif kind == DISCONNECT:
            self._disconnect(data, at, end)
        elif kind in (SUBSCRIBE, UNSUBSCRIBE):
            self._subscribe(kind, data, at, end)
        else:
            raise BadFrame(f"packet type {kind} is not for a server")

    def _disconnect(self, data: bytes, at: int, end: int) -> None:
        """The will is not published, unless MQTT 5 parts by another code than that all is well."""
        if end > at:
            if not self.five:
                raise BadFrame("DISCONNECT has a body", frames.MALFORMED)
            if end - at > 1:
                frames.properties(data, at + 1, end, frames.OF_DISCONNECT)
            if data[at]:
                self.close()
                return
        self.will = None
        self.close()

    def _connect(self, data: bytes, at: int, end: int) -> None:
        try:
            said = frames.parse_connect(data, at, end)
        except frames.WrongVersion as error:
            self.write(frames.connack(error.code, five=error.level > 5))
            raise
        except BadFrame as error:
            if frames.speaks_five(data, at):
                self.five = True
                self._no(error.code, str(error))
            raise
        self.five = said.level == 5
        self.verbose = said.asks.get(frames.PROBLEMS, 1) == 1
        self.receive_max = min(self.receive_max, said.asks.get(frames.RECEIVE_MAX, 0xFFFF))
        self.largest = said.asks.get(frames.LARGEST, 0)
        if frames.METHOD in said.asks:
            self._no(frames.BAD_METHOD, "no other authentication is offered")
        if not said.client_id and not said.clean and not self.five:
            self._no(frames.BAD_ID, "empty client id without a clean session")
        self._enter(said)

    def asked_for(self, said: frames.Connect) -> None:
        """Whoever this is may be known by now: CONNECT is looked at once more."""
        if self.transport is None:
            return
        try:
            self._enter(said, asked=True)
        except BadFrame as error:
            self.gateway.refused(self, error)
            self.close()

    def _enter(self, said: frames.Connect, *, asked: bool = False) -> None:
        if not self.gateway.ready:
            self._no(frames.UNAVAILABLE, "registry is not loaded yet")
        login = self.gateway.identify(said.user, said.password, said.client_id)
        if self.certificate is not None:
            login = self._shown(self.gateway.certified(self.certificate), login)
        elif login is None and GUEST in (said.user, said.client_id) and said.will is None:
            self.keep_alive = float(said.keep_alive)
            self.gateway.welcome(self)
            self._let_in(said)
            return
        if login is None:
            if asked or not self.gateway.knock(self, said):
                self._no(frames.NOT_ALLOWED if said.user else frames.BAD_LOGIN, "unknown token")
            return
        device, self.credentials = login
        own = f"linli/{device.code}/telemetry".encode()
        if said.will is not None and said.will[0] not in topics.ALL_TELEMETRY | topics.ALL_ATTRIBUTES | {own}:
            device.refuse("will topic is not this device's to publish to")
            self._no(frames.NOT_ALLOWED, "will topic is not allowed")
        self.device, self.own_topic, self.will = device, own, said.will
        self.client_id = said.client_id or self._name()
        self.keep_alive = float(said.keep_alive)
        self._take_over(device)
        self.gateway.entered(self)
        self._let_in(said)

    def _shown(self, shown: Login | None, login: Login | None) -> Login | None:
        """By its certificate; a token besides is of the same device, and then both must hold."""
        if login is None:
            return shown
        if shown is None or shown.device is not login.device:
            self._no(frames.NOT_ALLOWED, "the certificate is another's than the token")
        return Login(shown.device, shown.credentials + login.credentials)

    def _let_in(self, said: frames.Connect) -> None:
        told = frames.welcome(said.asks, "" if said.client_id else self._name()) if self.five else b""
        self.write(frames.connack(frames.OK, five=self.five, said=told))

    def _name(self) -> str:
        return f"-{_HERE}-{id(self):x}"

    def _no(self, code: int, reason: str) -> NoReturn:
        said = frames.in_words(self.words(reason)) if self.five else b""
        self.write(frames.connack(code, five=self.five, said=said))
        self.five = False  # that was the last word
        raise BadFrame(reason, code)

    def turn_away(self, code: int, reason: str) -> None:
        """An answer to CONNECT that took its time, and is no."""
        if self.transport is None:
            return
        try:
            self._no(code, reason)
        except BadFrame as error:
            self.gateway.refused(self, error)
            self.close()

    def _take_over(self, device: Device) -> None:
        """One connection a client id; a device has few, so that a stuck one cannot pile them up."""
        old = device.sessions.pop(self.client_id, None)
        if old is None and len(device.sessions) >= MAX_SESSIONS:
            old = device.sessions.pop(next(iter(device.sessions)))
        if old is not None:
            if isinstance(old, Connection):
                old.part(frames.TAKEN_OVER, TAKEN)
            old.close()
        device.sessions[self.client_id] = self

    def _subscribe(self, kind: int, data: bytes, at: int, end: int) -> None:
        packet, wishes = frames.parse_filters(kind, data, at, end, five=self.five)
        device = self.device
        bits = [
            topics.wish(w.name, gateway=device is not None and device.gateway, guest=device is None) for w in wishes
        ]
        codes = self.drop(bits) if kind == UNSUBSCRIBE else self.take_up(wishes, bits)
        for wish, bit in zip(wishes, bits, strict=True):
            if kind == SUBSCRIBE and not bit and device is not None:
                device.refuse(f"topic {wish.name[:100]!r} may not be subscribed to", bad=False)
        body = packet + (b"\0" if self.five else b"")
        if kind == SUBSCRIBE or self.five:
            body += codes
        self.write((b"\x90" if kind == SUBSCRIBE else b"\xb0") + frames.encode_length(len(body)) + body)
        self.gateway.subscribed(self)

    # --- out --------------------------------------------------------------------------------------------------------

    def too_large(self, topic: str) -> None:
        if self.device is not None:
            self.device.refuse(f"its client takes no packet as large as that to {topic}", bad=False)

    def dismiss(self, code: int, reason: str) -> None:
        self.will = None
        self.part(code, reason)
        self.close()

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
