"""What comes from NATS: the stream EVENTS in order of sequence, and messages without storage (`live.>`)."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Any

import nats
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from linli.kernel import stream
from linli.kernel.waiting import wait
from linli.live.hub import Hub

log = logging.getLogger("linli.live")
CHECK = 5.0
BEFORE = timedelta(minutes=1)  # an event's time is that of its writing; it may commit a little later


class Gap(Exception):
    """The feed missed something: subscribe again from the last sequence."""


class Feed:
    """Follows the stream without a durable consumer: after any trouble it subscribes again where it stopped."""

    def __init__(self, url: str, hub: Hub) -> None:
        self.url, self.hub = url, hub
        self.connected = False
        self._stop = asyncio.Event()
        self._broken = asyncio.Event()
        self._expected = 1

    def stop(self) -> None:
        self._stop.set()
        self._broken.set()

    async def run(self) -> None:
        while not self._stop.is_set():
            try:
                await self._session()
            except (OSError, nats.errors.Error, TimeoutError, Gap) as error:
                log.warning("feed of events interrupted", extra={"why": f"{type(error).__name__}: {error}"[:200]})
                await wait(self._stop, 0.5)
            self.connected = False

    async def _session(self) -> None:
        self._broken.clear()
        client = await nats.connect(stream.servers(self.url), name="live", connect_timeout=3, allow_reconnect=False,
                                    max_reconnect_attempts=0, error_cb=self._quiet,
                                    disconnected_cb=self._lost, closed_cb=self._lost)  # fmt: skip
        try:
            js = client.jetstream(timeout=5)
            await client.subscribe("live.>", cb=self._passing)
            subscription = await self._follow(js)
            self.connected = True
            while not self._stop.is_set():
                if not await wait(self._broken, CHECK):
                    await self._check(subscription)
                    continue
                if not self._stop.is_set():
                    raise Gap("connection or order lost")
        finally:
            await client.close()

    async def _follow(self, js: Any) -> Any:
        info = await stream.ensure(js)
        epoch, state = stream.life_of(info), info.state
        oldest = max(state.first_seq, state.last_seq - (self.hub.ring.maxlen or 0) + 1, 1)
        start = self.hub.last + 1 if epoch == self.hub.epoch and self.hub.last + 1 >= oldest else oldest
        if epoch == self.hub.epoch and start > self.hub.last + 1:
            self.hub.epoch = "?"  # events fell out of the stream while we were away: a new beginning
        self.hub.begin(epoch, start, stream.created(info) - BEFORE)
        self._expected = 1
        config = ConsumerConfig(ack_policy=AckPolicy.NONE, deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
                                opt_start_seq=start, inactive_threshold=30.0, mem_storage=True,
                                num_replicas=1)  # fmt: skip
        return await js.subscribe("evt.>", stream=stream.EVENTS, cb=self._event, config=config,
                                  pending_msgs_limit=-1, pending_bytes_limit=-1)  # fmt: skip

    async def _event(self, message: Any) -> None:
        place = message.metadata.sequence
        if place.consumer != self._expected:
            self._broken.set()
            return
        self._expected += 1
        self.hub.event(place.stream, message.data)

    async def _passing(self, message: Any) -> None:
        name = message.subject.split(".")[1]
        if name == "value":
            self.hub.values(message.data)
        else:
            self.hub.passing(name, message.data)

    async def _check(self, subscription: Any) -> None:
        """Ask the server whether the consumer still is, and whether all it sent arrived."""
        expected = self._expected
        try:
            info = await subscription.consumer_info()
        except nats.js.errors.NotFoundError as error:
            raise Gap("the consumer is gone") from error
        if info.delivered and info.delivered.consumer_seq > self._expected - 1 and expected == self._expected:
            await asyncio.sleep(1)
            if expected == self._expected:
                raise Gap("messages were lost on the way")

    async def _quiet(self, error: Exception) -> None:
        log.debug("nats: %s", error)

    async def _lost(self) -> None:
        self._broken.set()
