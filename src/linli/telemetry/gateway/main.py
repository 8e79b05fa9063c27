"""The gateway process: ends device connections, decodes, and acknowledges what the stream has on disk."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import time
from functools import partial
from typing import Any
from uuid import UUID

import orjson
import psycopg
import uvloop

from linli.devices.contracts import TOKEN_KEY
from linli.home import Home
from linli.kernel import logs, ops_server
from linli.kernel.waiting import wait
from linli.telemetry import http1, mapping, payloads, stream
from linli.telemetry.codecs.all import ports
from linli.telemetry.gateway import frames, metrics
from linli.telemetry.gateway.device_http import DeviceDoor
from linli.telemetry.gateway.hub import MAX_BODY, Gateway, part
from linli.telemetry.gateway.mqtt import Connection
from linli.telemetry.gateway.notes import Notes
from linli.telemetry.gateway.registry import PostgresSource, Registry
from linli.telemetry.gateway.stations import Door, StationConnection
from linli.telemetry.gateway.tls import Trust, server_context
from linli.telemetry.gateway.web import Web
from linli.telemetry.sense.schedule import district

log = logging.getLogger("linli.gateway")
REFRESH_S = 60.0
LOOK_S = 1.0
CLOCK_S = 5.0
MAX_CHANGED = 10_000  # devices; when more have changed at a time, all are looked at


class News:
    """What other processes tell: devices, models, accounts that changed, attributes to pass on, commands that wait."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.changed: set[UUID] = set()
        self.everything = False
        self.wake = asyncio.Event()
        self.reconnects = 0

    def missed(self, nc: Any) -> bool:
        """Whether the connection was lost since it was asked last: nobody knows what was told meanwhile."""
        before, self.reconnects = self.reconnects, nc.stats["reconnects"]
        return bool(self.reconnects != before)

    async def follow(self, nc: Any) -> None:
        for subject, heard in (
            ("evt.device.changed", self.device), ("evt.model.changed", self.model),
            ("evt.command.changed", self.command), ("evt.account.changed", self.account),
            ("evt.session.revoked", self.account),
        ):  # fmt: skip
            await nc.subscribe(subject, cb=heard)

    async def device(self, msg: Any) -> None:
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
            event = orjson.loads(msg.data)
            if event["data"].get("change") == "attributes":
                self.gateway.firmware.forget(UUID(event["ref"]))
                self.gateway.talk.attributes_changed(UUID(event["ref"]), event["data"]["names"])
                return
            self.changed.add(UUID(event["ref"]))
        self.gateway.programs.changed = True
        self.wake.set()

    async def model(self, msg: Any) -> None:
        self.everything = self.gateway.programs.changed = True
        self.wake.set()

    async def account(self, msg: Any) -> None:
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
            self.gateway.programs.doubt(orjson.loads(msg.data)["data"]["account_id"])

    async def command(self, msg: Any) -> None:
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
            data = orjson.loads(msg.data)["data"]
            device = self.gateway.registry.devices.get(UUID(data["device_id"]).bytes)
            if data["state"] == "queued" and device is not None:
                self.gateway.talk.look([device], again=False)


async def keep_registry(gateway: Gateway, nc: Any) -> None:
    """Follow the news; compare everything once a minute, and after the connection to NATS was lost."""
    news = News(gateway)
    news.missed(nc)
    await news.follow(nc)
    last = float("-inf")  # what was told between the first registry and now
    while True:
        if await wait(news.wake, LOOK_S):
            await asyncio.sleep(0.1)
        news.wake.clear()
        if news.missed(nc):
            news.everything = True
            gateway.programs.missed()
        elif len(news.changed) > MAX_CHANGED or time.monotonic() - last >= REFRESH_S:
            news.everything = True
        try:
            last = await _follow_news(gateway, news) or last
        except (psycopg.Error, OSError) as error:
            log.warning("registry could not be read: %s", type(error).__name__)
            news.everything = True
            await asyncio.sleep(1)
            news.wake.set()


async def _follow_news(gateway: Gateway, news: News) -> float:
    """Take what is told; returns when a look at everything began, or 0."""
    began, ids = time.monotonic(), list(news.changed)
    news.changed.clear()
    if news.everything:
        news.everything = False
        await gateway.refresh()
        return began
    if ids:
        await gateway.refresh_some(ids)
    return 0.0


async def _sweep(gateway: Gateway, beat: ops_server.Beat) -> None:
    while True:
        await asyncio.sleep(1)
        gateway.sweep()
        beat.touch()


async def _keep_clock(gateway: Gateway, store: PostgresSource) -> None:
    """The district's time is PostgreSQL's: this machine's own may be set while devices speak."""
    while True:
        with contextlib.suppress(psycopg.Error, OSError):
            await store.agree(gateway.clock)
        await asyncio.sleep(CLOCK_S)


async def start_servers(gateway: Gateway, host: str, *, share: bool = False) -> list[Any]:
    """Open the ports the environment names; fails if one is taken."""
    loop = asyncio.get_running_loop()
    servers: list[Any] = []
    options: dict[str, Any] = {"backlog": 4096, "reuse_port": share or None}
    if port := os.environ.get("LINLI_MQTT_PORT"):
        servers.append(await loop.create_server(lambda: Connection(gateway), host, int(port), **options))
    if (port := os.environ.get("LINLI_MQTTS_PORT")) and (context := server_context()):
        gateway.trust = Trust(context, gateway.source)
        await gateway.trust.refresh()
        servers.append(await loop.create_server(lambda: Connection(gateway), host, int(port), ssl=context, **options))
    if port := os.environ.get("LINLI_DEVICE_PORT"):
        door = http1.Server(DeviceDoor(gateway).handle, max_body=MAX_BODY)
        await door.start(host, int(port), share=share)
        servers.append(door)
    return servers + await _stations(gateway, host, options)


async def _stations(gateway: Gateway, host: str, options: dict[str, Any]) -> list[Any]:
    """The ports of `LINLI_TCP_PORTS`."""
    wanted = ports(os.environ.get("LINLI_TCP_PORTS") or "")
    known = mapping.load() if wanted else {}
    servers = []
    for name, port in wanted.items():
        door = Door(gateway, name, known.get(name, mapping.Mapping(())))
        gateway.doors.append(door)
        factory = partial(StationConnection, door)
        servers.append(await asyncio.get_running_loop().create_server(factory, host, port, **options))
    return servers


async def serve() -> None:
    source = PostgresSource(os.environ["LINLI_DATABASE_URL"])
    nc = await stream.connect("gateway")
    await stream.ensure_stream(nc)
    publisher = stream.Publisher(nc)
    await publisher.start()
    registry = Registry(Home.current().secret(TOKEN_KEY), stream.PARTITIONS, payloads.of_models(district().zone))

    async def tell(text: bytes) -> None:
        with contextlib.suppress(Exception):
            await nc.publish("live.gateway", text)

    store = PostgresSource(os.environ["LINLI_DATABASE_URL"])
    gateway = Gateway(registry, source, publisher, Notes(registry, source.note, tell), store)
    beat = ops_server.Beat()
    close_ops = ops_server.serve_for(
        "gateway", lambda: {"ready": gateway.ready and nc.is_connected, "connections": len(gateway.connections)},
        metrics.registry(gateway), alive=beat.fresh,
    )  # fmt: skip
    await _first_registry(gateway, beat)
    host = os.environ.get("LINLI_DEVICE_HOST") or "127.0.0.1"
    servers = await start_servers(gateway, host, share=os.environ.get("LINLI_GATEWAY_SHARE") == "1")
    tasks = _work(gateway, nc, store, beat)
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


def _work(gateway: Gateway, nc: Any, store: PostgresSource, beat: ops_server.Beat) -> list[asyncio.Task[None]]:
    if web := os.environ.get("LINLI_WEB_URL"):
        gateway.programs.open(Web(web, os.environ.get("LINLI_PUBLIC_URL", "")), nc)
    running = (
        keep_registry(gateway, nc), _keep_clock(gateway, store), gateway.notes.run(), gateway.talk.run(),
        gateway.arrivals.run(nc), _sweep(gateway, beat), gateway.programs.run(),
    )  # fmt: skip
    return [asyncio.create_task(t) for t in running]


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
        part(connection, frames.STOPPING, "the district's gateway stops; come again")
        connection.close()
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    devices = list(gateway.registry.devices.values())
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(3):
            await gateway.notes.flush(devices)


def main() -> int:
    Home.current().load_env()
    logs.configure("gateway")
    uvloop.run(serve())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
