"""What the connections of one gateway share: who speaks, what is taken, what is refused, what is acknowledged."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import Counter
from collections.abc import Collection, Iterable
from functools import partial
from typing import Any
from uuid import UUID

import orjson

from linli.kernel.steady import SteadyClock
from linli.telemetry import stream, tiers
from linli.telemetry.gateway import frames, topics
from linli.telemetry.gateway.arrivals import Arrivals
from linli.telemetry.gateway.batcher import Batcher, Part
from linli.telemetry.gateway.children import Children
from linli.telemetry.gateway.firmware import Firmware
from linli.telemetry.gateway.frames import BadFrame
from linli.telemetry.gateway.joining import Joining
from linli.telemetry.gateway.mqtt import Connection
from linli.telemetry.gateway.newcomers import Newcomers
from linli.telemetry.gateway.notes import Notes
from linli.telemetry.gateway.payload import (
    BadPayload,
    Message,
    answer_of,
    checked,
    decode,
    fill,
    leave_out,
    quick,
    split,
    translate,
    understood,
)
from linli.telemetry.gateway.program import Program
from linli.telemetry.gateway.programs import Programs
from linli.telemetry.gateway.registry import AT_ONCE, Device, Login, Registry, RegistrySource
from linli.telemetry.gateway.talk import Store, Talk, chosen, named
from linli.telemetry.gateway.tls import Trust

log = logging.getLogger("linli.gateway")
MAX_CONNECTIONS = int(os.environ.get("LINLI_GATEWAY_CONNECTIONS") or 20_000)
MAX_BODY = 256 * 1024
NOT_HELD = "the credential does not hold any more: it was revoked, replaced, or is over"
TOO_OLD = "too-old"
OUT_OF_SERVICE = "the device was taken out of service"
LIMITS = orjson.dumps(
    {
        "maxPayloadSize": MAX_BODY, "maxInflightMessages": 100,
        "rateLimits": {"messages": "2000:1,", "telemetryMessages": "2000:1,", "telemetryDataPoints": "2000:1,"},
        "gatewayRateLimits": {"messages": "2000:1,", "telemetryMessages": "2000:1,", "telemetryDataPoints": "2000:1,"},
    }
)  # fmt: skip


class Gateway:
    """Everything the connections share."""

    def __init__(
        self, registry: Registry, source: RegistrySource, publisher: stream.Publisher, notes: Notes, store: Store
    ) -> None:
        self.registry = registry
        self.source = source
        self.clock = SteadyClock()
        self.batcher = Batcher(publisher, registry.partitions, self._pressure)
        self.notes = notes
        self.talk = Talk(registry, store)
        self.children = Children(self)
        self.joining = Joining(self)
        self.newcomers = Newcomers(self)
        self.arrivals = Arrivals(self)
        self.firmware = Firmware(self)
        self.programs = Programs(self)
        self.connections: set[Any] = set()  # MQTT's, and those of the protocols over TCP
        self.trust: Trust | None = None  # in certificates of devices
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
        if getattr(connection, "children", None):
            self.children.left(connection)

    def entered(self, connection: Connection) -> None:
        """A device is on line by MQTT; an older line of its client id, at whichever gateway, parts."""
        assert connection.device is not None
        self.came(connection.device)
        connection.since = time.monotonic() * 1000
        self.arrivals.entered(connection)

    def came(self, device: Device) -> None:
        """A device is on line."""
        device.last_seen = self.clock.now_ms()
        device.state_changed = True

    def identify(self, user: str, password: str, client_id: str) -> Login | None:
        """The token is the user name, as with ThingsBoard; or user = the device's code and password = the token; or the
        two are a credential of their own, with the client id or without."""
        found = self.registry.token(user) if user else None
        if found is None and password:
            found = self.registry.token(password)
            if found is not None and found.device.code != user:
                found = None
            found = found or self.registry.basic(client_id, user, password)
        return found

    def certified(self, der: bytes) -> Login | None:
        return self.registry.certified(der)

    def welcome(self, connection: Connection) -> None:
        self.joining.welcome(connection)

    def hear_guest(self, connection: Connection, topic: bytes, payload: bytes, packet: bytes) -> None:
        self.joining.hear(connection, topic, payload, packet)

    def knock(self, connection: Connection, said: frames.Connect) -> bool:
        """No device has this token here. Whether it may be a program, or a device that others know: then it is answered
        later."""
        return self.programs.knock(connection, said) or self.newcomers.knock(connection, said)

    def refused(self, connection: Connection, error: ValueError) -> None:
        self.count_refusal(error.code if isinstance(error, BadPayload) else "bad-frame")
        if connection.device is not None:
            connection.device.refuse(str(error))
        elif isinstance(connection, Program):
            log.info("refused a program of %s: %s", connection.login.user, error)
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
                known = connection.device or isinstance(connection, Program)
                self.count_refusal("keep-alive" if known else "no-connect")
                part(connection, frames.SILENT, "nothing came for one and a half keep-alives")
                connection.close()

    # --- messages ---------------------------------------------------------------------------------------------------

    def take(self, device: Device, payload: bytes, ack: Any, *, backfill: bool = False) -> float:
        """Take a telemetry message; returns the seconds its sender must be held back. Raises BadPayload."""
        doc = decode(payload)
        now = self.clock.now_ms()
        part = self.batcher.parts[device.partition]
        if points := quick(part, device, doc, now):
            return self._count(device, part, points, now, ack)
        return self.take_message(device, understood(device, doc), ack, backfill=backfill)

    def take_message(self, device: Device, message: Message, ack: Any, *, backfill: bool = False) -> float:
        """As `take`, of a message that is read already."""
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
        now = self.clock.now_ms()
        part = self.batcher.parts[device.partition]
        if (since := tiers.now().raw) and (older := leave_out(message, since, now, backfill)):
            self.refusals[TOO_OLD] += older
            device.refuse(f"{older} values left out: the district keeps those since {tiers.day(since)}")
        points, clamped = fill(part, device, message, now, backfill=backfill, doubtful=doubtful)
        if clamped:
            self.clamped += clamped
            device.clamped += clamped
            device.refuse("clock is off by more than 10 minutes ahead or 400 days behind", bad=False)
        return self._count(device, part, points, now, ack)

    def _count(self, device: Device, part: Part, points: int, now: int, ack: Any) -> float:
        device.messages += 1
        device.points += points
        device.last_seen = now
        self.messages += 1
        self.points += points
        self.batcher.added(part, points, ack)
        return device.allow(points)

    def take_attributes(self, device: Device, payload: bytes, ack: Any) -> None:
        self.keep_attributes(device, decode(payload), ack)

    def keep_attributes(self, device: Device, doc: Any, ack: Any) -> None:
        values = checked(doc)
        self.batcher.pending += 1

        def then() -> None:
            self.batcher.pending -= 1
            device.messages += 1
            self.batcher.added(self.batcher.parts[device.partition], 0, ack)

        device.last_seen = self.clock.now_ms()
        self.notes.attributes(device, values, then)

    def take_will(self, device: Device, topic: bytes, payload: bytes) -> None:
        try:
            if topic in topics.ALL_ATTRIBUTES:
                self.take_attributes(device, payload, None)
            else:
                self.take(device, payload, None)
        except BadPayload as error:
            device.refuse(f"will: {error}")

    def hear(self, connection: Connection, topic: str, payload: bytes, packet: bytes) -> None:
        """ThingsBoard's topics besides readings and attributes; every other is forbidden."""
        device = connection.device
        assert device is not None
        if device.gateway and topic.startswith(topics.CHILDREN):
            self.children.hear(connection, topic[len(topics.CHILDREN) :], payload, packet)
            return
        if topic == topics.CLAIM:
            doc = decode(payload)
            self.joining.check_claim(doc)
            self.joining.hear_claim(connection, [(device, doc)], packet)
            return
        if topic.startswith(topics.CHUNKS):
            self.firmware.hear(connection, topic, payload, packet)
            return
        start, slash, number = topic.rpartition("/")
        start = start + slash if number.isascii() and number.isdigit() and len(number) < 19 else ""
        if start in topics.ANSWER_COMMAND:
            self.talk.answer(device, int(number), answer_of(payload), partial(connection.acknowledge, packet))
            return
        if start in topics.ASK_ATTRIBUTES:
            self._ask_attributes(connection, device, topics.ASK_ATTRIBUTES[start] + number, payload)
        elif start in topics.ASK_US:
            connection.send(topics.ASK_US[start] + number, self.ask_us(payload))
        else:
            raise BadFrame(f"topic {topic[:100]!r} is not this device's to publish to", frames.NOT_ALLOWED)
        connection.acknowledge(packet)

    def _ask_attributes(self, connection: Connection, device: Device, answer: str, payload: bytes) -> None:
        doc = decode(payload) if payload else {}
        if type(doc) is not dict:
            raise BadPayload("body", "must be an object", "bad-shape")

        def then(client: dict[str, Any], shared: dict[str, Any]) -> None:
            connection.send(answer, orjson.dumps(asked_attributes(doc, client, shared)))

        self.talk.ask(device, then)

    @staticmethod
    def ask_us(payload: bytes) -> bytes:
        """A device's own request. Only its limits are told; anything else gets an error to read."""
        doc = decode(payload)
        if type(doc) is not dict:
            raise BadPayload("body", "must be an object", "bad-shape")
        return LIMITS if doc.get("method") == "getSessionLimits" else b'{"error":"unknown method"}'

    def subscribed(self, connection: Connection) -> None:
        """What it is asked to do meanwhile is sent, also what went out over a connection that was lost."""
        if connection.device is not None:
            waiting = [s.device for s in (connection.children or {}).values()]
            self.talk.look([connection.device, *waiting], again=True)

    # --- registry ---------------------------------------------------------------------------------------------------

    async def refresh(self) -> None:
        """Compare the whole registry, and take what differs."""
        if self.trust is not None:
            await self.trust.refresh()
        self.registry.begin()
        async for page in self.source.stamps():
            await self._take_rows(self.registry.differing(page))
            await asyncio.sleep(0)  # devices first
        await self._take_rows(self.registry.unseen())
        self._expel(self.registry.end())
        self.talk.look(self.registry.devices.values(), again=False)  # should the news of one have been lost

    async def refresh_some(self, ids: list[UUID]) -> None:
        if self.trust is not None:
            await self.trust.refresh(ids)
        await self._take_rows(ids)

    async def _take_rows(self, ids: list[UUID]) -> None:
        for at in range(0, len(ids), AT_ONCE):
            part = ids[at : at + AT_ONCE]
            self._expel(self.registry.replace_some(part, await self.source.some(part)))
            await asyncio.sleep(0)

    @staticmethod
    def _expel(devices: Iterable[Device]) -> None:
        for device in devices:
            why = (frames.NOT_ALLOWED, NOT_HELD) if device.enabled else (frames.BY_DISTRICT, OUT_OF_SERVICE)
            for session in device.left_out():
                session.dismiss(*why)


def part(connection: Any, code: int, reason: str) -> None:
    """MQTT 5 hears why its line is cut; protocols over TCP have no word for it."""
    if isinstance(connection, Connection) and connection.named:  # nobody else may be told before its CONNACK
        connection.part(code, reason)


def asked_attributes(doc: dict[str, Any], client: dict[str, Any], shared: dict[str, Any]) -> dict[str, Any]:
    """ThingsBoard's answer to `clientKeys` and `sharedKeys`: who names nothing gets everything, and a side of which
    there is nothing is left out."""
    sides = {"client": (client, named(doc.get("clientKeys"))), "shared": (shared, named(doc.get("sharedKeys")))}
    every = not any(names for _, names in sides.values())
    found = {side: values if every else chosen(values, names) for side, (values, names) in sides.items()}
    return {side: values for side, values in found.items() if values}
