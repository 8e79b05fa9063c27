"""The gateway process: ends device connections, decodes, and acknowledges what the stream has on disk."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import ssl
import time
from collections import Counter
from typing import Any
from uuid import UUID

import orjson
import psycopg
import uvloop

from linli.devices.contracts import TOKEN_KEY
from linli.home import Home
from linli.kernel import logs, ops_server
from linli.telemetry import http1, stream
from linli.telemetry.gateway import metrics
from linli.telemetry.gateway.batcher import Batcher
from linli.telemetry.gateway.device_http import MAX_BODY, DeviceDoor
from linli.telemetry.gateway.mqtt import ATTRIBUTES, BadFrame, Connection
from linli.telemetry.gateway.notes import Notes
from linli.telemetry.gateway.payload import BadPayload, Message, fill, parse, split
from linli.telemetry.gateway.registry import Device, PostgresSource, Registry, RegistrySource

log = logging.getLogger("linli.gateway")
MAX_CONNECTIONS = int(os.environ.get("LINLI_GATEWAY_CONNECTIONS") or 20_000)
REFRESH_S = 60.0
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
        self.connections: set[Connection] = set()
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
        attributes = split(device, message)
        if not attributes:
            return self._fill(device, message, ack, backfill)
        self.batcher.pending += 1

        def then() -> None:
            self.batcher.pending -= 1
            self._fill(device, message, ack, backfill)

        self.notes.attributes(device, attributes, then)
        return device.allow(len(attributes))

    def _fill(self, device: Device, message: Message, ack: Any, backfill: bool) -> float:
        now = time.time_ns() // 1_000_000
        part = self.batcher.parts[device.partition]
        points, clamped = fill(part, device, message, now, backfill=backfill)
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


async def _keep_registry(gateway: Gateway, nc: Any) -> None:
    """Follow `device.changed` and `model.changed`; read everything once a minute."""
    changed: set[UUID] = set()
    wake = asyncio.Event()
    everything = False

    async def heard(msg: Any) -> None:
        nonlocal everything
        if msg.subject == "evt.device.changed":
            with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
                changed.add(UUID(orjson.loads(msg.data)["ref"]))
        else:
            everything = True
        wake.set()

    for subject in ("evt.device.changed", "evt.model.changed"):
        await nc.subscribe(subject, cb=heard)
    last = time.monotonic()
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(wake.wait(), REFRESH_S)
        await asyncio.sleep(0.1)
        wake.clear()
        try:
            if everything or len(changed) > 500 or time.monotonic() - last >= REFRESH_S:
                everything = False
                changed.clear()
                await gateway.refresh()
                last = time.monotonic()
            elif changed:
                ids = list(changed)
                changed.clear()
                await gateway.refresh_some(ids)
        except (psycopg.Error, OSError) as error:
            log.warning("registry could not be read: %s", type(error).__name__)
            everything = True
            await asyncio.sleep(1)
            wake.set()


async def _sweep(gateway: Gateway, beat: ops_server.Beat) -> None:
    while True:
        await asyncio.sleep(1)
        gateway.sweep()
        beat.touch()


def _tls() -> ssl.SSLContext | None:
    cert, key = os.environ.get("LINLI_TLS_CERT"), os.environ.get("LINLI_TLS_KEY")
    if not cert or not key:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


async def start_servers(gateway: Gateway, host: str, *, share: bool = False) -> list[Any]:
    """Open the ports the environment names; fails if one is taken."""
    loop = asyncio.get_running_loop()
    servers: list[Any] = []
    options: dict[str, Any] = {"backlog": 4096, "reuse_port": share or None}
    if port := os.environ.get("LINLI_MQTT_PORT"):
        servers.append(await loop.create_server(lambda: Connection(gateway), host, int(port), **options))
    if (port := os.environ.get("LINLI_MQTTS_PORT")) and (tls := _tls()):
        servers.append(await loop.create_server(lambda: Connection(gateway), host, int(port), ssl=tls, **options))
    if port := os.environ.get("LINLI_DEVICE_PORT"):
        door = http1.Server(DeviceDoor(gateway).handle, max_body=MAX_BODY)
        await door.start(host, int(port), share=share)
        servers.append(door)
    return servers


async def serve() -> None:
    home = Home.current()
    source = PostgresSource(os.environ["LINLI_DATABASE_URL"])
    nc = await stream.connect("gateway")
    await stream.ensure_stream(nc)
    publisher = stream.Publisher(nc)
    await publisher.start()
    registry = Registry(home.secret(TOKEN_KEY), stream.PARTITIONS)

    async def tell(text: bytes) -> None:
        with contextlib.suppress(Exception):
            await nc.publish("live.gateway", text)

    gateway = Gateway(registry, source, publisher, Notes(registry, source.note, tell))
    beat = ops_server.Beat()
    close_ops = ops_server.serve_for(
        "gateway", lambda: {"ready": gateway.ready and nc.is_connected, "connections": len(gateway.connections)},
        metrics.registry(gateway), alive=beat.fresh,
    )  # fmt: skip
    await _first_registry(gateway, beat)
    host = os.environ.get("LINLI_DEVICE_HOST") or "127.0.0.1"
    servers = await start_servers(gateway, host, share=os.environ.get("LINLI_GATEWAY_SHARE") == "1")
    tasks = [asyncio.create_task(t) for t in (_keep_registry(gateway, nc), gateway.notes.run(), _sweep(gateway, beat))]
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    log.info("gateway is up: %d devices, %d partitions", len(registry.devices), stream.PARTITIONS)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
    await _shut_down(gateway, servers, tasks)
    close_ops()
    await nc.close()
    for task in tasks:
        if task.done() and not task.cancelled() and task.exception() is not None:
            raise SystemExit(f"gateway: {task.exception()!r}")


async def _first_registry(gateway: Gateway, beat: ops_server.Beat) -> None:
    """Nobody is let in before the devices are known."""
    while not gateway.ready:
        try:
            await gateway.refresh()
        except (psycopg.Error, OSError) as error:
            log.warning("waiting for the registry: %s", type(error).__name__)
            await asyncio.sleep(0.5)
            beat.touch()


async def _shut_down(gateway: Gateway, servers: list[Any], tasks: list[asyncio.Task[None]]) -> None:
    for server in servers:
        if isinstance(server, http1.Server):
            await server.stop()
        else:
            server.close()
    for connection in list(gateway.connections):
        connection.pause()
    await gateway.batcher.drain(5)
    for connection in list(gateway.connections):
        connection.will = None
        connection.close()
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    devices = list(gateway.registry.devices.values())
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(gateway.notes.flush(devices), 3)


def main() -> int:
    Home.current().load_env()
    logs.configure("gateway")
    uvloop.run(serve())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
