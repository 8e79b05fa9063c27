"""What programs subscribed to, and the stream of readings as it is watched for them: only while somebody listens."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

import nats
import numpy as np
from nats.js.errors import APIError

from linli.telemetry import batch, stream

log = logging.getLogger("linli.gateway")
MAX_SERIES = 200_000  # that are listened to at one gateway, counted once a subscription
SEEN = 50_000


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
    def __init__(self) -> None:
        self.subscriptions: dict[Subscription, None] = {}
        self.series = 0
        self.told = 0
        self._readings: dict[bytes, dict[str, tuple[int, list[Subscription]]]] = {}
        self._rows: dict[int, list[Subscription]] = {}
        self._features: dict[int, list[Subscription]] = {}
        self._new: set[Any] = set()
        self._old: set[Any] = set()
        self._nc: Any = None
        self._watch: asyncio.Task[None] | None = None
        self._opening = asyncio.Lock()

    def open(self, nc: Any) -> None:
        self._nc = nc

    async def watch(self) -> None:
        """From here on nothing is missed. Before a subscription is confirmed."""
        async with self._opening:
            if self._watch is None or self._watch.done():
                try:
                    _, last = await stream.bounds(self._nc)
                except (nats.errors.Error, APIError) as error:
                    raise ConnectionError("the stream does not answer") from error
                self._watch = asyncio.get_running_loop().create_task(self._run(last + 1))

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
            self._watch = None

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

    async def _run(self, start: int) -> None:
        async for entries in stream.Reader(self._nc, start=start):
            for entry in entries:
                try:
                    self.match(batch.decode(entry.data))
                except batch.BadBatch as error:
                    log.warning("a batch of the stream cannot be read: %s", error)
                await asyncio.sleep(0)  # devices first

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
        key = (what.stream, what.t, what.value)
        if key in self._new or key in self._old:
            return
        self._new.add(key)
        if len(self._new) > SEEN:
            self._old, self._new = self._new, set()
        for one in list(to):
            self.told += 1
            one.program.tell(one, what)

    def rows(self, event: str, datastream: int, told: Iterable[tuple[str, int | None]]) -> None:
        """Observations that are more than a reading: (id, feature). An event may come twice."""
        if event in self._new or event in self._old:
            return
        self._new.add(event)
        for key, feature in told:
            for one in [*self._rows.get(datastream, ()), *(self._features.get(feature, ()) if feature else ())]:
                self.told += 1
                one.program.tell(one, key)


def _without(many: dict[int, list[Subscription]], key: int, one: Subscription) -> None:
    many[key].remove(one)
    if not many[key]:
        del many[key]
