"""Durable pull consumers of the stream EVENTS: one per registered `events.consumer`, run inside the process `jobs`."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import nats
import orjson
from django.db import close_old_connections
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.errors import NotFoundError

from linli.kernel import inbox, metrics, stream
from linli.kernel.events import CONSUMERS
from linli.kernel.waiting import wait

log = logging.getLogger("linli.consumers")
BATCH, WAIT, ACK_WAIT, MAX_DELAY = 20, 5.0, 60.0, 60.0


class Consumers:
    """Runs until `stop()`; survives a lost NATS or PostgreSQL by trying again."""

    def __init__(self, url: str, names: list[str] | None = None, workers: int = 4) -> None:
        self.url, self.names = url, names or sorted(CONSUMERS)
        self.connected = False
        self._stopping = asyncio.Event()
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="consumer")

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        while not self._stopping.is_set():
            try:
                await self._session()
            except asyncio.CancelledError:
                raise
            except Exception as error:
                log.warning("stream of events is away", extra={"why": f"{type(error).__name__}: {error}"})
                self.connected = False
                await wait(self._stopping, 1.0)
        self._threads.shutdown(wait=True)

    async def _session(self) -> None:
        client = await nats.connect(
            stream.servers(self.url), name="jobs", max_reconnect_attempts=-1, reconnect_time_wait=0.5,
            connect_timeout=5, error_cb=_quiet,
        )  # fmt: skip
        try:
            js = client.jetstream()
            await stream.ensure(js)
            self.connected = True
            async with asyncio.TaskGroup() as group:
                for name in self.names:
                    group.create_task(self._follow(js, name))
                group.create_task(self._stopping.wait())
        finally:
            self.connected = False
            await client.close()

    async def _follow(self, js: Any, name: str) -> None:
        durable = name.replace(".", "-")
        config = ConsumerConfig(
            durable_name=durable, filter_subjects=sorted(_subject(t) for t in CONSUMERS[name].types),
            ack_policy=AckPolicy.EXPLICIT, ack_wait=ACK_WAIT, max_deliver=-1, max_ack_pending=BATCH * 10,
        )  # fmt: skip
        await js.add_consumer(stream.EVENTS, config=config)
        subscription = await js.pull_subscribe_bind(durable=durable, stream=stream.EVENTS)
        while not self._stopping.is_set():
            try:
                messages = await subscription.fetch(BATCH, timeout=WAIT)
            except (TimeoutError, nats.errors.TimeoutError):
                if not js._nc.is_connected:
                    await wait(self._stopping, 0.5)
                else:
                    await _still_there(js, durable)
                continue
            for message, data in await self._interesting(name, messages):
                await self._one(name, message, data)

    async def _interesting(self, name: str, messages: list[Msg]) -> list[tuple[Msg, dict[str, Any]]]:
        """The messages of a batch that the consumer wants; the others are done with, and leave no trace."""
        read = []
        for message in messages:
            try:
                read.append((message, orjson.loads(message.data)))
            except orjson.JSONDecodeError:
                await message.term()
        if CONSUMERS[name].interest is None:
            return read
        loop = asyncio.get_running_loop()
        wishes = await loop.run_in_executor(self._threads, _wanted, name, [data for _, data in read])
        for (message, _), wish in zip(read, wishes, strict=True):
            if not wish:
                await message.ack()
        return [one for one, wish in zip(read, wishes, strict=True) if wish]

    async def _one(self, name: str, message: Msg, data: dict[str, Any]) -> None:
        loop = asyncio.get_running_loop()
        delivered = message.metadata.num_delivered or 1
        try:
            await loop.run_in_executor(self._threads, _deliver, name, data)
        except Exception as error:
            metrics.EVENTS.labels(name, "failed").inc()
            log.warning("consumer failed", exc_info=error, extra={"consumer": name, "attempt": delivered})
            if delivered < inbox.ATTEMPTS or not await self._parked(name, data, error, delivered):
                await message.nak(delay=min(0.5 * 2**delivered, MAX_DELAY))
                return
        await message.ack()

    async def _parked(self, name: str, data: dict[str, Any], error: Exception, attempts: int) -> bool:
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, _park, name, data, error, attempts)
        except Exception:
            return False
        return True


async def _quiet(error: Exception) -> None:
    log.debug("nats: %s", error)


async def _still_there(js: Any, durable: str) -> None:
    """A consumer lost with its server's store must be made again: leave the session then."""
    try:
        await js.consumer_info(stream.EVENTS, durable)
    except NotFoundError as error:
        raise RuntimeError("the consumer is gone") from error


def _subject(event_type: str) -> str:
    return "evt.>" if event_type == "*" else f"evt.{event_type}"


def _wanted(name: str, batch: list[dict[str, Any]]) -> list[bool]:
    close_old_connections()
    try:
        return inbox.wanted(name, batch)
    finally:
        close_old_connections()


def _deliver(name: str, data: dict[str, Any]) -> None:
    close_old_connections()
    try:
        inbox.deliver(name, inbox.envelope_of(data))
    finally:
        close_old_connections()


def _park(name: str, data: dict[str, Any], error: Exception, attempts: int) -> None:
    try:
        inbox.park(name, data, error, attempts)
    finally:
        close_old_connections()
