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

    def refuse_publish(self, packet: bytes, code: int, reason: str) -> None:
        """MQTT 5 only: that one message is not taken, and why."""
        self.write(frames.reasoned(b"\x40", packet, code, reason if self.verbose else ""))

    def part(self, code: int, reason: str) -> None:
        """Before the line is cut: MQTT 5 hears why."""
        if self.five:
            self.write(frames.reasoned(b"\xe0", b"", code, reason if self.verbose else ""))

    def send(self, topic: str, payload: bytes, then: Callable[[], None] | None = None) -> None:
        """A message to the client: QoS 0, or with `then` QoS 1, which runs when the client has acknowledged it."""
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

    # --- what the district tells a device ---------------------------------------------------------------------------

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
        self.send(topics.ATTRIBUTES.decode(), orjson.dumps(values))
