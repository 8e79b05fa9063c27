"""What programs subscribed to, and the streams of readings and events as they are watched for them: only while somebody
listens. Both are read by position: what came while NATS was away is read after it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import nats
import numpy as np
import orjson
from nats.js.errors import APIError, NotFoundError

from linli.kernel.stream import EVENTS, life_of
from linli.telemetry import batch, stream

log = logging.getLogger("linli.gateway")
MAX_SERIES = 200_000  # that are listened to at one gateway, counted once a subscription
SEEN = 50_000
KEPT = "evt.observation.kept"
SLACK_MS = 10_000  # so much earlier than somebody began to listen may be told what happened, when events come again


class Reading(NamedTuple):
    """An observation that is a reading and no more: datastream, time and arrival (ms), value, flags."""

    stream: int
    t: int
    recv: int
    value: float
    flags: int


class Listener(Protocol):
    def tell(self, to: Subscription, what: Reading | str) -> None: ...


class Subscription:
    """One topic of one program. `streams`: datastream → (device, property), or None where it has no readings."""

    __slots__ = ("feature", "on", "program", "qos", "select", "streams", "tag", "topic")

    def __init__(self, program: Listener, topic: str, qos: int) -> None:
        self.program, self.topic, self.qos = program, topic, qos
        self.select, self.tag = "", ""
        self.feature: int | None = None  # only what is of this feature
        self.streams: dict[int, tuple[bytes, str] | None] = {}
        self.on = True


class Feed:
    """`now`: the district's time in ms."""

    def __init__(self, now: Callable[[], int]) -> None:
        self.now = now
        self.subscriptions: dict[Subscription, None] = {}
        self.series = 0
        self.told = 0
        self._readings: dict[bytes, dict[str, tuple[int, list[Subscription]]]] = {}
        self._rows: dict[int, list[Subscription]] = {}
        self._features: dict[int, list[Subscription]] = {}
        self._new: set[Any] = set()
        self._old: set[Any] = set()
        self._nc: Any = None
        self._readers: tuple[stream.Reader, stream.Reader] | None = None  # of readings, of events
        self._began = 0
        self._life = ""
        self._watch: asyncio.Task[None] | None = None
        self._opening = asyncio.Lock()

    def open(self, nc: Any) -> None:
        self._nc = nc

    async def watch(self) -> None:
        """From here on nothing is missed. Before a subscription is confirmed."""
        async with self._opening:
            if self._readers is None:
                self._readers = await self._ends()
                self._began, self._life = self.now(), self._readers[1].life
            if self._watch is None or self._watch.done():
                self._watch = asyncio.get_running_loop().create_task(self._run(*self._readers))

    async def _ends(self) -> tuple[stream.Reader, stream.Reader]:
        """Readers of what comes from now on."""
        try:
            _, last = await stream.bounds(self._nc)
            start, life = await self._events()
        except (nats.errors.Error, APIError) as error:
            raise ConnectionError("the stream does not answer") from error
        readings = stream.Reader(self._nc, start=last + 1)
        return readings, stream.Reader(self._nc, start=start, subjects=[KEPT], name=EVENTS, life=life)

    async def _events(self) -> tuple[int, str]:
        """Where the next event will be, and in which stream; one that is not there yet has only news."""
        try:
            info = await self._nc.jetstream(timeout=5).stream_info(EVENTS)
        except NotFoundError:
            return 1, "none"
        return info.state.last_seq + 1, life_of(info)

    # --- who listens ------------------------------------------------------------------------------------------------

    def set(self, one: Subscription, streams: dict[int, tuple[bytes, str] | None]) -> None:
        self._unlink(one)
        one.streams = streams
        self.subscriptions[one] = None
        self.series += len(streams)
        for key, series in streams.items():
            if series is not None:
                own = self._readings.setdefault(series[0], {})
                own.setdefault(series[1], (key, []))[1].append(one)
            if one.feature is None:
                self._rows.setdefault(key, []).append(one)
        if one.feature is not None:
            self._features.setdefault(one.feature, []).append(one)

    def drop(self, one: Subscription) -> None:
        one.on = False
        self._unlink(one)
        if not self.subscriptions and self._watch is not None:
            self._watch.cancel()
            self._watch = self._readers = None

    def _unlink(self, one: Subscription) -> None:
        if one not in self.subscriptions:
            return
        del self.subscriptions[one]
        self.series -= len(one.streams)
        for key, series in one.streams.items():
            if series is not None:
                own = self._readings[series[0]]
                own[series[1]][1].remove(one)
                if not own[series[1]][1]:
                    del own[series[1]]
                if not own:
                    del self._readings[series[0]]
            if one.feature is None:
                _without(self._rows, key, one)
        if one.feature is not None:
            _without(self._features, one.feature, one)

    # --- what comes -------------------------------------------------------------------------------------------------

    async def _run(self, readings: stream.Reader, events: stream.Reader) -> None:
        """Until one of them fails; who calls `watch` again goes on where they were."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._read(readings))
            both.create_task(self._hear(events))

    async def _read(self, readings: stream.Reader) -> None:
        async for entries in readings:
            for entry in entries:
                try:
                    self.match(batch.decode(entry.data))
                except batch.BadBatch as error:
                    log.warning("a batch of the stream cannot be read: %s", error)
                await asyncio.sleep(0)  # devices first

    async def _hear(self, events: stream.Reader) -> None:
        async for entries in events:
            for entry in entries:
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    event = orjson.loads(entry.data)
                    if events.life == self._life or _at(event) >= self._began - SLACK_MS:
                        self.rows(event["id"], event["data"]["datastream"], event["data"]["observations"])
                await asyncio.sleep(0)

    def match(self, b: batch.Batch) -> None:
        for at, device in enumerate(b.devices):
            own = self._readings.get(device)
            if own is None:
                continue
            rows = np.flatnonzero((b.device == at) & ((b.flags & (batch.PRIVATE | batch.TOLD)) == 0))
            for row in rows.tolist():
                found = own.get(b.properties[b.prop[row]])
                if found is not None:
                    what = Reading(found[0], int(b.ts[row]), int(b.recv[row]), float(b.value[row]), int(b.flags[row]))
                    self._tell(found[1], what)

    def _tell(self, to: Iterable[Subscription], what: Reading) -> None:
        """What a device sends again was told already; what was changed since is told again."""
        if not self._is_new((what.stream, what.t, what.value)):
            return
        for one in list(to):
            self.told += 1
            one.program.tell(one, what)

    def _is_new(self, key: Any) -> bool:
        if key in self._new or key in self._old:
            return False
        self._new.add(key)
        if len(self._new) > SEEN:
            self._old, self._new = self._new, set()
        return True

    def rows(self, event: str, datastream: int, told: Iterable[tuple[str, int | None]]) -> None:
        """Observations that are more than a reading: (id, feature). An event may come twice."""
        if not self._is_new(event):
            return
        for key, feature in told:
            for one in [*self._rows.get(datastream, ()), *(self._features.get(feature, ()) if feature else ())]:
                self.told += 1
                one.program.tell(one, key)


def _at(event: dict[str, Any]) -> float:
    """When it happened (ms)."""
    return datetime.fromisoformat(event["at"]).timestamp() * 1000


def _without(many: dict[int, list[Subscription]], key: int, one: Subscription) -> None:
    many[key].remove(one)
    if not many[key]:
        del many[key]
