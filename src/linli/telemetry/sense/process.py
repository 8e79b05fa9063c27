"""The running process: leases, stream, clock, snapshots. One event loop; one lock around what moves state."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import time
from typing import Any
from uuid import UUID

import nats.errors
from nats.aio.client import Client
from nats.js.errors import APIError, NotFoundError

from linli.kernel.steady import SteadyClock
from linli.telemetry import batch, stream
from linli.telemetry.sense import live, metrics, snapshot
from linli.telemetry.sense.book import IDLE, PENDING, Book
from linli.telemetry.sense.judge import Judge, Op
from linli.telemetry.sense.registry import Registry
from linli.telemetry.sense.store import Fenced, Store

log = logging.getLogger("linli.sense")
LEASE_S, RENEW_S = 5.0, 1.5
TICK_S, LINGER_S = 0.2, 0.008
SNAPSHOT_S = 10.0
DOWN_MS = 60_000
STALL_S = 3.0
LIVE_S, LIVE_MANY = 0.2, 500


class Sense:
    """`await Sense(nc, store).run()` until cancelled."""

    def __init__(self, nc: Client, store: Store, *, partitions: int = stream.PARTITIONS) -> None:
        self.nc, self.store, self.partitions = nc, store, partitions
        self.book = Book(partitions)
        self.judge = Judge(self.book)
        self.lock = asyncio.Lock()
        self.clock = SteadyClock()
        self.epochs: dict[int, int] = {}
        self.done: dict[int, int] = {}  # last sequence judged, by partition
        self.goal: dict[int, int] = {}  # sequence at which a partition is caught up
        self.saved: dict[int, int] = {}
        self.heard = 0  # last sequence that the reader of now brought
        self.following: set[int] = set()  # partitions of others with devices that rules of ours look at
        self.backlog: dict[int, list[Op]] = {}  # decided, not yet written
        self.ticked = time.monotonic()
        self.stream_made = ""
        self.loaded = False
        self.registry = Registry(self.book, store, self.lock)
        self.reader: asyncio.Task[None] | None = None

    # --- start and stop ---------------------------------------------------------------------------------------------

    async def run(self) -> None:
        await stream.ensure_stream(self.nc)
        await self.registry.start(self.nc)
        self.loaded = True
        try:
            async with asyncio.TaskGroup() as group:
                for work in (self._keep_leases, self._tick, self._keep_snapshots, self.registry.keep, self._publish):
                    group.create_task(work(), name=work.__name__)
        finally:
            await self._stop()

    async def _stop(self) -> None:
        """Save and give back, so that another takes over at once."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(4), self.lock:
                if self.reader:
                    self.reader.cancel()
                await self._flush()
                for part in list(self.epochs):
                    await self._save(part)
                    await self.store.release(part)

    def ready(self) -> dict[str, Any]:
        """For /readyz."""
        mine = sorted(self.epochs)
        behind = [p for p in mine if not self.judge.ready[p]]
        return {"ready": self.loaded and bool(mine) and not behind and self.nc.is_connected, "partitions": mine,
                "catching_up": behind, "devices": len(self.book.devices), "rules": len(self.book.rules),
                "database_failures": self.store.failures}  # fmt: skip

    # --- leases -----------------------------------------------------------------------------------------------------

    async def _keep_leases(self) -> None:
        for count in itertools.count():
            await self.store.agree(self.clock)
            held = await self.store.leases(LEASE_S, self.partitions)
            async with self.lock:
                await self._adopt(held)
                if count % 5 == 4 and self.nc.is_connected:
                    await self._same_stream()
            await asyncio.sleep(RENEW_S)

    async def _same_stream(self) -> None:
        """A stream made anew (its server lost its disk) counts from one again: so do we."""
        before = self.stream_made
        made, last = await self._stream_state()
        if self.epochs and (made != before or last < max(self.done.values())):
            log.warning("the stream was made anew; reading it from its start")
            for part in self.epochs:
                self.done[part] = self.goal[part] = self.judge.seen[part] = 0
            await self._restart_reader()

    async def _adopt(self, held: dict[int, tuple[int, bool]]) -> None:
        before = dict(self.epochs)
        for part in [p for p, e in self.epochs.items() if held.get(p, (0,))[0] != e]:
            self._drop(part)
        for part, (epoch, surplus) in held.items():
            if surplus:
                await self._give_back(part)
            elif part not in self.epochs:
                await self._take(part, epoch)
        if self.epochs != before:
            log.info("partitions %s", sorted(self.epochs))
            await self._restart_reader()

    def _drop(self, part: int) -> None:
        """No longer ours: whatever we knew is the next owner's to know."""
        for known in (self.epochs, self.done, self.goal, self.saved, self.backlog):
            known.pop(part, None)
        self.judge.owned[part] = self.judge.ready[part] = False
        self.judge.out.pop(part, None)
        self.book.reset_partition(part)

    async def _give_back(self, part: int) -> None:
        if part in self.epochs:
            await self._save(part)
            self._drop(part)
        await self.store.release(part)

    async def _take(self, part: int, epoch: int) -> None:
        sequence, state = await self.store.snapshot(part)
        made, last = await self._stream_state()
        found = snapshot.load(self.judge, part, bytes(state) if state else None)
        if found["stream"] != made or sequence > last:
            sequence = 0
        if found["at"] and self.clock.now_ms() - found["at"] > DOWN_MS:
            self.judge.floor = max(self.judge.floor, self.clock.now_ms())
        self.epochs[part], self.done[part], self.saved[part] = epoch, sequence, sequence
        self.judge.owned[part] = True
        self.judge.ready[part] = False
        self.judge.seen[part] = sequence
        self.following = self.judge.followed()
        self.goal[part] = await self._goal_of(part)
        await self._warm(part)

    async def _warm(self, part: int) -> None:
        """The first alarm shall not wait for the database to prepare its functions: these operations concern nobody."""
        nobody = {k: str(UUID(int=0)) for k in ("alarm_id", "event_id", "device_id", "rule_id")} | {"started_at": 0}
        with contextlib.suppress(Fenced):
            both = [{"op": "raise", "raised_at": 0, "rule_version": 0}, {"op": "clear", "cleared_at": 0}]
            await self.store.apply(part, self.epochs[part], [nobody | one for one in both])

    async def _stream_state(self) -> tuple[str, int]:
        while True:
            try:
                info = await self.nc.jetstream(timeout=3).stream_info(batch.STREAM)
                self.stream_made = str(info.created)
                return self.stream_made, info.state.last_seq
            except (nats.errors.Error, APIError, TimeoutError):
                await asyncio.sleep(0.3)

    async def _goal_of(self, part: int) -> int:
        """Read so far a partition is caught up: with its own messages, and with those that its rules look at."""
        return max([await self._last_of(one) for one in {part, *self.following}])

    async def _last_of(self, part: int) -> int:
        while True:
            try:
                js = self.nc.jetstream(timeout=3)
                return (await js.get_last_msg(batch.STREAM, batch.subject_of(part))).seq or 0
            except NotFoundError:
                return 0
            except (nats.errors.Error, APIError, TimeoutError):
                await asyncio.sleep(0.3)

    # --- the stream -------------------------------------------------------------------------------------------------

    async def _restart_reader(self) -> None:
        if self.reader:
            self.reader.cancel()
            self.reader = None
        self.following, self.heard = self.judge.followed(), 0
        if self.epochs:
            self.reader = asyncio.create_task(self._read(), name="reader")

    async def _follow(self) -> None:
        """Read, besides ours, the partitions that our rules look at now. Ours were heard up to what came last."""
        if (self.book.places.looking or self.following) and self.judge.followed() != self.following:
            self.done = {part: max(sequence, self.heard) for part, sequence in self.done.items()}
            await self._restart_reader()

    async def _read(self) -> None:
        subjects = [batch.subject_of(p) for p in sorted({*self.epochs, *self.following})]
        reader = stream.Reader(self.nc, start=min(self.done.values()) + 1, subjects=subjects)
        metrics.RESETS.set_function(lambda: reader.resets)
        async for entries in reader:
            started = time.perf_counter()
            async with self.lock:
                if self.reader is not asyncio.current_task():
                    return  # another has begun elsewhere: what we jump over is not ours to call judged
                await self._take_entries(entries)
                await self._flush()
            metrics.PENDING.set(entries[-1].pending)
            spent = time.perf_counter() - started
            metrics.TICK.observe(spent)
            if spent < LINGER_S:
                await asyncio.sleep(LINGER_S - spent)

    async def _take_entries(self, entries: list[stream.Entry]) -> None:
        batches, done = [], dict(self.done)
        looking, low = self.book.places.looking, min(done.values(), default=1 << 62)
        for entry in entries:
            part = entry.partition
            if entry.sequence > done.get(part, 1 << 62):
                done[part] = entry.sequence
            elif not looking or entry.sequence <= low:
                continue
            try:
                batches.append(batch.decode(entry.data))
                batches[-1].sequence = entry.sequence
            except batch.BadBatch as error:
                metrics.BAD.inc()
                log.warning("message %s of the stream is not a batch: %s", entry.sequence, error)
        if looking:  # whoever looks at others has heard all until here, also what was not its own
            done = {part: max(sequence, entries[-1].sequence) for part, sequence in done.items()}
        await self.registry.meet(batches)
        self.done, self.heard = done, entries[-1].sequence
        self.judge.take(batches)
        for part, sequence in done.items():
            self.judge.seen[part] = sequence
        metrics.MESSAGES.inc(len(batches))

    async def _flush(self) -> None:
        """Write what was decided. Until it is written nothing more is judged and no snapshot is taken."""
        for part, operations in self.judge.drain().items():
            if part in self.epochs:
                self.backlog.setdefault(part, []).extend(operations)
        for part, operations in list(self.backlog.items()):
            started = time.perf_counter()
            try:
                changed = await self.store.apply(part, self.epochs[part], operations)
            except Fenced:
                log.warning("partition %s was taken by another process", part)
                self._drop(part)
                continue
            del self.backlog[part]
            metrics.APPLY.observe(time.perf_counter() - started)
            metrics.OPERATIONS.inc(len(operations))
            metrics.CHANGED.inc(changed)

    # --- the clock --------------------------------------------------------------------------------------------------

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            if not self.nc.is_connected:
                continue
            async with self.lock:
                if time.monotonic() - self.ticked > STALL_S:
                    await self._look_again()
                self.ticked = time.monotonic()
                await self._follow()
                await self._catch_up()
                now = self.clock.now_ms()
                self.judge.advance(now, clock=True)
                await self._flush()
                metrics.note(self.judge, now)
            if self.reader and self.reader.done():
                log.error("the reader ended: %r", self.reader.exception() if not self.reader.cancelled() else None)
                await self._restart_reader()

    async def _look_again(self) -> None:
        """After a pause of ours (stream or database away) the clock waits until the stream is read to its end."""
        for part in self.epochs:
            self.judge.ready[part] = False
            self.goal[part] = await self._goal_of(part)

    async def _catch_up(self) -> None:
        """Partitions that have reached the goal may follow the wall clock; what the database calls active is active."""
        fresh = [p for p in self.epochs if not self.judge.ready[p] and self.done[p] >= self.goal[p]]
        if not fresh:
            return
        for device_id, rule_id, started in await self.store.active_alarms():
            number = self.book.by_id.get(device_id.bytes, -1)
            slot = self.book.slot_of.get((number, rule_id), -1)
            if slot < 0 or int(self.book.dev.part[number]) not in fresh or not self.book.slot.live[slot]:
                continue
            if self.book.slot.state[slot] in (IDLE, PENDING):
                snapshot.activate(self.judge, slot, started)
        self.judge.ready[fresh] = True

    # --- snapshots and live values ----------------------------------------------------------------------------------

    async def _keep_snapshots(self) -> None:
        while True:
            for part in range(self.partitions):
                await asyncio.sleep(SNAPSHOT_S / self.partitions)
                if self.saved.get(part) != self.done.get(part):
                    async with self.lock:
                        await self._save(part)

    async def _save(self, part: int) -> None:
        if part not in self.epochs or self.judge.out.get(part) or part in self.backlog:
            return
        state = snapshot.save(self.judge, part, stream=self.stream_made, at=self.clock.now_ms())
        sequence = self.done[part]
        if await self.store.save(part, self.epochs[part], sequence, state):
            self.saved[part] = sequence
        else:
            self._drop(part)

    async def _publish(self) -> None:
        """Live values five times a second; once a second when very many change."""
        many = False
        while True:
            await asyncio.sleep(1.0 if many else LIVE_S)
            metrics.BEAT.touch()
            messages = live.collect(self.book)
            many = sum(len(m) for _, m in messages) > LIVE_MANY * 60
            if self.nc.is_connected:
                for subject, data in messages:
                    with contextlib.suppress(nats.errors.Error):
                        await self.nc.publish(subject, data)
