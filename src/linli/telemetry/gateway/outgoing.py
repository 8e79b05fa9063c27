"""What a connection writes to its client: acknowledgements, messages, refusals."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import orjson

from linli.telemetry.gateway import frames, topics
from linli.telemetry.gateway.frames import BadFrame, encode_length

MAX_WAITING = 1_000  # messages to a client that acknowledges none


class Outgoing:
    __slots__ = ("five", "in_flight", "largest", "packet", "receive_max", "topics", "transport", "verbose", "waiting")

    def __init__(self) -> None:
        self.transport: Any = None
        self.five = False  # speaks MQTT 5
        self.verbose = True  # wants reasons in words
        self.topics = self.packet = 0
        self.receive_max = 100
        self.largest = 0  # bytes of a packet that MQTT 5 takes; 0: any
        self.in_flight: dict[int, Callable[[], None]] | None = None
        self.waiting: deque[tuple[str, bytes, Callable[[], None]]] | None = None

    def write(self, data: bytes) -> None:
        if self.transport is not None:
            self.transport.write(data)

    def acknowledge(self, packet: bytes) -> None:
        """A message came, and is kept; one of QoS 0 has no packet identifier and is not answered."""
        transport = self.transport
        if packet and transport is not None and not transport.is_closing():
            transport.write(b"\x40\x02" + packet)

    def words(self, reason: str) -> str:
        """The reason, or nothing for who wants none or takes no packet that long."""
        fits = not self.largest or self.largest >= min(len(reason.encode()), frames.MAX_WORDS) + 16
        return reason if self.verbose and fits else ""

    def refuse_publish(self, packet: bytes, code: int, reason: str) -> None:
        """MQTT 5 only: that one message is not taken, and why."""
        self.write(frames.reasoned(b"\x40", packet, code, self.words(reason)))

    def part(self, code: int, reason: str) -> None:
        """Before the line is cut: MQTT 5 hears why."""
        if self.five:
            self.write(frames.reasoned(b"\xe0", b"", code, self.words(reason)))

    def too_large(self, topic: str) -> None:
        """A message is larger than the client takes: it is not sent."""

    def send(self, topic: str, payload: bytes, then: Callable[[], None] | None = None) -> None:
        """A message to the client: QoS 0, or with `then` QoS 1, which runs when the client has acknowledged it."""
        if self.largest and self._size(topic, payload, sure=then is not None) > self.largest:
            self.too_large(topic)
            return
        if then is None:
            self._send(topic, payload, b"")
            return
        if self.in_flight is None or self.waiting is None:
            self.in_flight, self.waiting = {}, deque()
        if len(self.in_flight) >= self.receive_max:
            if len(self.waiting) >= MAX_WAITING:
                raise BadFrame(f"more than {MAX_WAITING} messages are not acknowledged")
            self.waiting.append((topic, payload, then))
            return
        while not self.packet or self.packet in self.in_flight:
            self.packet = (self.packet + 1) & 0xFFFF
        self.in_flight[self.packet] = then
        self._send(topic, payload, self.packet.to_bytes(2, "big"))

    def _size(self, topic: str, payload: bytes, *, sure: bool) -> int:
        """Of the whole packet, to one who speaks MQTT 5."""
        body = len(topic.encode()) + len(payload) + (5 if sure else 3)
        return 1 + len(encode_length(body)) + body

    def _send(self, topic: str, payload: bytes, packet: bytes) -> None:
        name = topic.encode()
        body = len(name).to_bytes(2, "big") + name + packet + (b"\0" if self.five else b"") + payload
        self.write((b"\x32" if packet else b"\x30") + encode_length(len(body)) + body)

    def acked(self, data: bytes, at: int, end: int) -> None:
        """A PUBACK came. One that says no is not an acknowledgement, but its place is free again."""
        if end - at < 2 or (end - at > 2 and not self.five):
            raise BadFrame("PUBACK has a wrong length", frames.MALFORMED)
        refused = end - at > 2 and data[at + 2] >= 0x80
        if end - at > 3:
            frames.properties(data, at + 3, end, frames.OF_ANSWER)
        then = self.in_flight.pop(data[at] << 8 | data[at + 1], None) if self.in_flight else None
        if then is None:
            return
        if not refused:
            then()
        if self.waiting:
            self.send(*self.waiting.popleft())

    # --- what it listens to -----------------------------------------------------------------------------------------

    def take_up(self, wishes: list[frames.Wish], bits: list[int]) -> bytes:
        """Subscribe to what has a bit; a code for each. Who subscribes again has what it asked for last."""
        codes = bytearray()
        for (name, qos), bit in zip(wishes, bits, strict=True):
            if bit:
                self.topics = self.topics & ~(bit * topics.SURE) | bit | (bit * topics.SURE if qos else 0)
                codes.append(min(qos, 1))
            elif not self.five:
                codes.append(0x80)
            else:
                codes.append(frames.NO_SHARED if name.startswith(topics.SHARED) else frames.NOT_ALLOWED)
        return bytes(codes)

    def drop(self, bits: list[int]) -> bytes:
        codes = bytearray()
        for bit in bits:
            codes.append(frames.OK if self.topics & bit else frames.NONE_THERE)
            self.topics &= ~(bit | bit * topics.SURE)
        return bytes(codes)

    # --- what the district tells a device ---------------------------------------------------------------------------

    @property
    def wants_commands(self) -> bool:
        return bool(self.topics & topics.WANTS_COMMANDS)

    @property
    def wants_attributes(self) -> bool:
        return bool(self.topics & topics.WANTS_ATTRIBUTES)

    def command(self, number: int, method: str, params: Any, then: Callable[[], None]) -> None:
        """Once, in the first form that is subscribed to."""
        form = next(f for f in topics.FORMS if self.topics & f.commands_bit)
        sure = self.topics & form.commands_bit * topics.SURE
        body = orjson.dumps({"method": method, "params": params})
        self.send(f"{form.command}{number}", body, then if sure else None)

    def tell_attributes(self, values: dict[str, Any]) -> None:
        """In each form that is subscribed to: to the client these are different topics."""
        for form in topics.FORMS:
            if self.topics & form.attributes_bit:
                self.send(form.attributes, orjson.dumps(values))
