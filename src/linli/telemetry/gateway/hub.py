"""What the connections of one gateway share: who speaks, what is taken, what is refused, what is acknowledged."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import Counter
from collections.abc import Collection
from typing import Any
from uuid import UUID

import orjson

from linli.telemetry import stream
from linli.telemetry.gateway.batcher import Batcher
from linli.telemetry.gateway.mqtt import ATTRIBUTES, BadFrame, Connection
from linli.telemetry.gateway.notes import Notes
from linli.telemetry.gateway.payload import BadPayload, Message, fill, parse, split, translate
from linli.telemetry.gateway.registry import Device, Registry, RegistrySource

log = logging.getLogger("linli.gateway")
MAX_CONNECTIONS = int(os.environ.get("LINLI_GATEWAY_CONNECTIONS") or 20_000)
MAX_BODY = 256 * 1024
LIMITS = orjson.dumps(
    {
        "maxPayloadSize": MAX_BODY, "maxInflightMessages": 100,
        "rateLimits": {"messages": "2000:1,", "telemetryMessages": "2000:1,", "telemetryDataPoints": "2000:1,"},
        "gatewayRateLimits": {"messages": "2000:1,", "telemetryMessages": "2000:1,", "telemetryDataPoints": "2000:1,"},
    }
)  # fmt: skip


class Gateway:
    """Everything the connections share."""

    def __init__(self, registry: Registry, source: RegistrySource, publisher: stream.Publisher, notes: Notes) -> None:
        self.registry = registry
        self.source = source
        self.batcher = Batcher(publisher, registry.partitions, self._pressure)
        self.notes = notes
        self.connections: set[Any] = set()  # MQTT's, and those of the protocols over TCP
        self.doors: list[Any] = []  # of the protocols over TCP, for the metrics
        self.refusals: Counter[str] = Counter()
        self.messages = self.points = self.clamped = 0
        self.tick = time.monotonic()
        self._loop = asyncio.get_running_loop()

    @property
    def ready(self) -> bool:
        return self.registry.loaded

    # --- connections ------------------------------------------------------------------------------------------------

    def opened(self, connection: Connection) -> None:
        if len(self.connections) >= MAX_CONNECTIONS:
            self.count_refusal("too-many-connections")
            connection.close()
            return
        self.connections.add(connection)
        if self.batcher.pressed:
            connection.pause()

    def closed(self, connection: Connection) -> None:
        self.connections.discard(connection)

    def entered(self, connection: Connection) -> None:
        device = connection.device
        assert device is not None
        device.last_seen = int(time.time() * 1000)
        device.state_changed = True

    def identify(self, user: str, password: str) -> Device | None:
        """The token is the user name, as with ThingsBoard; or user = the device's code and password = the token."""
        device = self.registry.find(user) if user else None
        if device is None and password:
            device = self.registry.find(password)
            if device is not None and device.code != user:
                device = None
        return device

    def refused(self, connection: Connection, error: ValueError) -> None:
        self.count_refusal(error.code if isinstance(error, BadPayload) else "bad-frame")
        if connection.device is not None:
            connection.device.refuse(str(error))
        else:
            log.info("refused a client before it named itself: %s", error)

    def count_refusal(self, code: str) -> None:
        self.refusals[code] += 1

    def _pressure(self, on: bool) -> None:
        log.warning("reading %s", "stops: the stream is behind" if on else "goes on")
        for connection in list(self.connections):
            if on:
                connection.pause()
            else:
                connection.resume()

    def slow_down(self, connection: Connection, seconds: float) -> None:
        """One device sends too fast: only its own connection is not read for a while."""
        device = connection.device
        if device is not None and not connection.paused:
            device.refuse("slowed down: more values a second than one device may send", bad=False)
        self.count_refusal("slowed-down")
        connection.pause()
        self._loop.call_later(min(5.0, seconds), connection.resume)

    def sweep(self) -> None:
        """Drop who has been silent for one and a half keep-alives, or never said who it is."""
        self.tick = time.monotonic()
        for connection in list(self.connections):
            limit = connection.keep_alive * 1.5
            if limit and not connection.paused and self.tick - connection.heard > limit + 1:
                self.count_refusal("keep-alive" if connection.device else "no-connect")
                connection.close()

    # --- messages ---------------------------------------------------------------------------------------------------

    def take(self, device: Device, payload: bytes, ack: Any, *, backfill: bool = False) -> float:
        """Take a telemetry message; returns the seconds its sender must be held back. Raises BadPayload."""
        message = parse(payload)
        if device.translate:
            translate(device, message)
        attributes = split(device, message)
        if not attributes:
            return self._fill(device, message, ack, backfill)
        self.batcher.pending += 1

        def then() -> None:
            self.batcher.pending -= 1
            self._fill(device, message, ack, backfill)

        self.notes.attributes(device, attributes, then)
        return device.allow(len(attributes))

    def check(self, device: Device, message: Message) -> None:
        """Refuse a message of numbers and bools that cannot be stored, before any of it is. Raises BadPayload."""
        split(device, message)

    def store(self, device: Device, message: Message, ack: Any, doubtful: Collection[int] = ()) -> float:
        """Take a message that was checked; those of its rows are marked as no measurements by the device's own word."""
        return self._fill(device, message, ack, False, doubtful)

    def _fill(
        self, device: Device, message: Message, ack: Any, backfill: bool, doubtful: Collection[int] = ()
    ) -> float:
        now = time.time_ns() // 1_000_000
        part = self.batcher.parts[device.partition]
        points, clamped = fill(part, device, message, now, backfill=backfill, doubtful=doubtful)
        if clamped:
            self.clamped += clamped
            device.clamped += clamped
            device.refuse("clock is off by more than 10 minutes ahead or 400 days behind", bad=False)
        device.messages += 1
        device.points += points
        device.last_seen = now
        self.messages += 1
        self.points += points
        self.batcher.added(part, points, ack)
        return device.allow(points)

    def take_attributes(self, device: Device, payload: bytes, ack: Any) -> None:
        values = orjson_object(payload)
        self.batcher.pending += 1

        def then() -> None:
            self.batcher.pending -= 1
            device.messages += 1
            self.batcher.added(self.batcher.parts[device.partition], 0, ack)

        device.last_seen = time.time_ns() // 1_000_000
        self.notes.attributes(device, values, then)

    def take_will(self, device: Device, topic: bytes, payload: bytes) -> None:
        try:
            if topic == ATTRIBUTES:
                self.take_attributes(device, payload, None)
            else:
                self.take(device, payload, None)
        except BadPayload as error:
            device.refuse(f"will: {error}")

    def answer(self, device: Device, topic: str, payload: bytes) -> tuple[str, bytes] | None:
        """The reply to a ThingsBoard request, or None when the topic is not one."""
        start, _, number = topic.rpartition("/")
        if not number.isdigit():
            return None
        if start == "v1/devices/me/attributes/request":
            return f"v1/devices/me/attributes/response/{number}", b'{"client":{},"shared":{}}'
        if start == "v1/devices/me/rpc/request":
            try:
                method = orjson.loads(payload).get("method")
            except (orjson.JSONDecodeError, AttributeError):
                raise BadFrame("request is not a JSON object") from None
            reply = LIMITS if method == "getSessionLimits" else b'{"error":"unknown method"}'
            return f"v1/devices/me/rpc/response/{number}", reply
        return None

    # --- registry ---------------------------------------------------------------------------------------------------

    async def refresh(self) -> None:
        for device in self.registry.replace_all(await self.source.load()):
            self._expel(device)

    async def refresh_some(self, ids: list[UUID]) -> None:
        for device in self.registry.replace_some(ids, await self.source.some(ids)):
            self._expel(device)

    def _expel(self, device: Device) -> None:
        for connection in list(device.sessions.values()):
            connection.will = None
            connection.close()


def orjson_object(payload: bytes) -> dict[str, Any]:
    try:
        values = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise BadPayload("body", f"is not JSON: {error}", "bad-json") from None
    if type(values) is not dict:
        raise BadPayload("body", "must be an object", "bad-shape")
    if len(values) > 100 or len(payload) > 65_536:
        raise BadPayload("body", "more than 100 attributes or 64 KiB", "too-many-names")
    return {str(k)[:64]: v for k, v in values.items()}
