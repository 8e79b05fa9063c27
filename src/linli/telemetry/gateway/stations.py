"""Devices over TCP in the protocols of `telemetry.codecs`: one object a connection.

The codec says what a frame asks; here it gets its device, its properties and its durable place in the stream, and only
then its reply. What is refused is counted, told at the device if it is known, and answered if the protocol has words.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from dataclasses import dataclass, field
from typing import Any, cast

from linli.devices import contracts
from linli.telemetry.codecs.all import talk
from linli.telemetry.codecs.framing import Broken, Sample, Turn
from linli.telemetry.gateway.hub import Gateway
from linli.telemetry.gateway.payload import BadPayload, Message
from linli.telemetry.gateway.registry import Device
from linli.telemetry.mapping import Mapping

log = logging.getLogger("linli.gateway")
FIRST_S = 60.0  # to say who it is
IDLE_S = float(os.environ.get("LINLI_TCP_IDLE_S") or 900)
QUIET_S = 5.0  # a frame that stops for so long is not going on
BYTES_PER_S, BURST_BYTES = 32_768.0, 524_288.0
MAX_WAITING = 64  # turns that are not yet durable
MAX_STATIONS = 64  # of one connection
MAX_STRANGE = 5  # refused frames of a connection that never said anything else
TELL_AGAIN_S = 60.0


@dataclass(slots=True)
class Reply:
    """What is sent when all of a turn's readings are on disk."""

    data: bytes
    left: int
    close: bool = False


@dataclass(slots=True)
class Door:
    """One protocol's port: what its connections share."""

    gateway: Gateway
    protocol: str
    mapping: Mapping
    connections: int = 0
    frames: int = 0
    told: dict[str, float] = field(default_factory=dict)

    def code_for(self, number: str, secret: str) -> str:
        return contracts.station_code(self.gateway.registry.key, number, secret)

    def unknown(self, number: str, peer: str) -> None:
        """A stranger is in the log once a minute, by the end of its number: it may be a telephone's."""
        self.gateway.count_refusal("unknown-station")
        hint, now = "".join(c if c.isalnum() else "?" for c in number[-4:]), time.monotonic()
        if len(self.told) >= 1_000:
            self.told.clear()
        if now - self.told.get(hint, -TELL_AGAIN_S) >= TELL_AGAIN_S:
            self.told[hint] = now
            log.warning("refused: no enabled device has the %s number …%s (from %s)", self.protocol, hint, peer)


class StationConnection(asyncio.Protocol):
    """One client, from its first byte to its last. To the hub it is like a connection of MQTT,
    but none of these protocols takes commands of ours or hears of attributes."""

    wants_commands = wants_attributes = False
    credentials: tuple[bytes, ...] = ()  # each frame is looked up by its number

    def __init__(self, door: Door) -> None:
        self.door = door
        self.gateway = door.gateway
        self.talk = talk(door.protocol, door.gateway.clock.now_ms, door.code_for)
        self.device: Device | None = None  # who spoke last
        self.known: dict[str, str] = {}  # numbers that said who they are, with their secrets
        self.devices: dict[bytes, Device] = {}  # theirs
        self.strange = 0
        self.transport: asyncio.Transport | None = None
        self.keep_alive = FIRST_S / 1.5
        self.will = None
        self.heard = time.monotonic()
        self.paused = 0
        self.peer = ""
        self.waiting = 0
        self.full = False
        self.budget, self.stamp = BURST_BYTES, time.monotonic()
        self.timer: asyncio.TimerHandle | None = None

    # --- asyncio ----------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.peer = peer[0] if peer else ""
        self.door.connections += 1
        self.gateway.opened(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.transport = None
        self.door.connections -= 1
        self._stop_timer()
        self.gateway.closed(self)
        for device in self.devices.values():
            if device.sessions.get(self.door.protocol) is self:
                del device.sessions[self.door.protocol]
                device.state_changed = True

    def data_received(self, data: bytes) -> None:
        self.heard = self.gateway.tick
        self._stop_timer()
        self._items(self.talk.decoder.feed(data))
        if self.transport is not None and self.talk.decoder.waiting:
            self.timer = asyncio.get_running_loop().call_later(QUIET_S, self._quiet)
        if wait := self._allow(len(data)):
            self.gateway.slow_down(self, wait)

    def _quiet(self) -> None:
        self.timer = None
        self._items(self.talk.decoder.idle())

    def _stop_timer(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def _allow(self, size: int) -> float:
        """Take bytes from the connection's budget; returns the seconds to wait."""
        now = time.monotonic()
        self.budget = min(BURST_BYTES, self.budget + (now - self.stamp) * BYTES_PER_S) - size
        self.stamp = now
        return 0.0 if self.budget >= 0 else -self.budget / BYTES_PER_S

    # --- frames -----------------------------------------------------------------------------------------------------

    def _items(self, items: list[Any]) -> None:
        for item in items:
            if self.transport is None:
                return
            if isinstance(item, Broken):
                self.gateway.count_refusal(f"tcp-{item.code}")
                if self.device is not None:
                    self.device.refuse(f"{self.door.protocol}: {item.code}: {item.reason}")
            else:
                self.door.frames += 1
                self._turn(self.talk.turn(item))
        if self.talk.decoder.dead:
            log.info("closed a %s connection from %s: nothing but broken frames", self.door.protocol, self.peer)
            self.close()

    def _turn(self, turn: Turn) -> None:
        device = self._enter(turn)
        if device is None:
            self.door.unknown(turn.number, self.peer)
            self.write(turn.refusal)
            self.strange += 1
            if self.strange >= MAX_STRANGE and not self.known:
                self.close()
            return
        if turn.note or (turn.position and device.subject != "vehicle"):
            note = turn.note or "positions are taken only from a thing whose model is about a vehicle"
            self._refuse(device, turn, "tcp-not-read" if turn.note else "position-of-no-vehicle", note)
            return
        try:
            self._store(device, turn)
        except BadPayload as error:
            self._refuse(device, turn, error.code, str(error))

    def _refuse(self, device: Device, turn: Turn, code: str, note: str) -> None:
        self.gateway.count_refusal(code)
        device.refuse(f"{self.door.protocol}: {note}")
        self.write(turn.refusal)

    def _find(self, number: str, secret: str) -> Device | None:
        return self.gateway.registry.station(self.door.protocol, number, secret)

    def _enter(self, turn: Turn) -> Device | None:
        """The frame's device. It is looked up each time: a number that was given up just now no longer counts."""
        number = turn.number
        if not turn.enters and number not in self.known:
            return None
        secret = turn.secret if turn.enters else self.known[number]
        device = self._find(number, secret)
        if device is None:
            self.known.pop(number, None)
            return None
        if number not in self.known and len(self.known) >= MAX_STATIONS:
            return None
        self.device, self.known[number] = device, secret
        self.devices[device.id] = device
        self.keep_alive = IDLE_S / 1.5
        old = device.sessions.get(self.door.protocol)
        if old is not self:
            device.sessions[self.door.protocol] = self
            self.gateway.came(device)
            if old is not None:
                old.close()
        return device

    # --- readings ---------------------------------------------------------------------------------------------------

    def _store(self, device: Device, turn: Turn) -> None:
        """Fill the readings of the station and of its parts; the reply waits for all of them."""
        rows: dict[bytes, tuple[Device, Message, set[int]]] = {}
        for sample in turn.samples:
            self._sample(device, sample, rows)
        for owner, message, _ in rows.values():
            self.gateway.check(owner, message)
        device.last_seen = self.gateway.clock.now_ms()
        if not rows:
            self._answer(Reply(turn.reply, 1, turn.close))
            return
        reply = Reply(turn.reply, len(rows), turn.close)
        self.waiting += 1
        wait = 0.0
        for owner, message, doubtful in rows.values():
            wait = max(wait, self.gateway.store(owner, message, (self, reply), doubtful))
        if self.waiting >= MAX_WAITING and not self.full:
            self.full = True
            self.pause()
        if wait:
            self.gateway.slow_down(self, wait)

    def _sample(self, device: Device, sample: Sample, rows: dict[bytes, tuple[Device, Message, set[int]]]) -> None:
        owner = (self._find(sample.part, "") if sample.part else None) or device
        values, unknown = self.door.mapping.read(
            owner.model, sample.values, part=bool(sample.part) and owner is device
        )  # fmt: skip
        if unknown:
            self.gateway.count_refusal("tcp-no-mapping")
            owner.refuse(f"{self.door.protocol}: no mapping names {', '.join(unknown)}", bad=False)
        if not values:
            return
        _, message, doubtful = rows.setdefault(owner.id, (owner, [], set()))
        if sample.doubtful:
            doubtful.add(len(message))
        message.append((sample.ts, values, ""))

    def acknowledge(self, reply: Reply) -> None:
        """The batcher has readings of a turn on disk."""
        reply.left -= 1
        if reply.left:
            return
        self.waiting -= 1
        self._answer(reply)
        if self.full and self.waiting < MAX_WAITING // 2:
            self.full = False
            self.resume()

    def _answer(self, reply: Reply) -> None:
        self.write(reply.data)
        if reply.close:
            self.close()

    # --- out --------------------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        if data and self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def dismiss(self, code: int, reason: str) -> None:
        self.close()

    def close(self) -> None:
        self._stop_timer()
        transport, self.transport = self.transport, None
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
