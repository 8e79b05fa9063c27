"""The history process: the stream of readings into the store, and the store's answers to named questions."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvloop
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from linli.home import Home
from linli.kernel import logs, ops_server
from linli.telemetry import http1, stream, tiers
from linli.telemetry.batch import STREAM, BadBatch, Batch, decode, encode, make, partition_of, subject_of
from linli.telemetry.history import backup, corrections
from linli.telemetry.history.door import Door
from linli.telemetry.history.journal import Intent, Journal
from linli.telemetry.history.newest import Newest
from linli.telemetry.history.store import of_environment
from linli.telemetry.history.writer import Writer

log = logging.getLogger("linli.history")
EVERY_S = float(os.environ.get("LINLI_HISTORY_EVERY_S") or 1.0)
BUSY_S = 5 * EVERY_S  # under load: an insert costs by its series, and many rows of them cost little more
BUSY_ROWS = 5_000
BLOCK_ROWS = 400_000
WRITER_NICE = 5
KEEP_S = 2 * 3600
KEEP_FULL_S = 15 * 60
RETRY_S = 2.0
EXPIRE_FIRST_S, EXPIRE_S = 600.0, 6 * 3600.0
MAX_BODY = 32 << 20  # a list of 300,000 series to ask about


class History:
    """Reads by sequence, writes by intent. The writer and its client live in one thread."""

    def __init__(self, nc: Any, journal: Journal, writer: Writer, thread: ThreadPoolExecutor) -> None:
        self.nc = nc
        self.journal = journal
        self.writer = writer
        self.thread = thread
        self.stored = 0  # the last sequence that is in the store
        self.caught_up = False
        self.newest_lag = 0.0
        self.bad_batches = 0
        self.blocks = 0
        self.busy = False
        self.publisher: stream.Publisher | None = None
        self.newest = Newest()
        self._hurry = asyncio.Event()  # somebody waits for what has arrived
        self._advanced = asyncio.Condition()
        self.beat = ops_server.Beat(90)

    async def recover(self) -> None:
        """Find our place in the stream; insert again, unchanged, what may have been cut off."""
        info = await self.nc.jetstream(timeout=5).stream_info(STREAM)
        identity = str(info.created).replace(" ", "T")
        last = info.state.last_seq
        if self.journal.set_stream(identity) or last + 1 < self.journal.next_sequence():
            if last + 1 < self.journal.next_sequence():
                self.journal.stream = ""
                self.journal.set_stream(identity)
            log.warning("reading a stream not seen before: epoch %d", self.journal.epoch)
        again = [i for i in self.journal.intents if i.epoch == self.journal.epoch] if self.journal.rebooted else []
        for intent in again:
            if intent.last >= info.state.first_seq:
                await self._replay(intent, done=False)
        if (open_intent := self.journal.open_intent) is not None:
            await self._replay(open_intent, done=True)
        self.stored = self.journal.next_sequence() - 1

    async def _replay(self, intent: Intent, *, done: bool) -> None:
        log.info("inserting %s again", intent.token)
        batches: list[Batch] = []
        reader = stream.Reader(self.nc, start=intent.first)
        async with asyncio.timeout(60):
            async for entries in reader:
                batches += self._decode([e for e in entries if e.sequence <= intent.last])
                if entries[-1].sequence >= intent.last:
                    break
        await self._in_thread(self.writer.write, intent, batches)
        if done:
            await self._in_thread(self.journal.done)

    async def run(self) -> None:
        """Blocks of about a second, five under load, or of 400,000 readings."""
        queue: asyncio.Queue[list[stream.Entry]] = asyncio.Queue(maxsize=64)
        feeding = asyncio.create_task(self._feed(queue))
        try:
            while True:
                entries = await self._block(queue)
                if entries:
                    await self._store(entries)
                if feeding.done():
                    feeding.result()
                    raise RuntimeError("the reader of the stream ended")
        finally:
            feeding.cancel()

    async def _feed(self, queue: asyncio.Queue[list[stream.Entry]]) -> None:
        async for entries in stream.Reader(self.nc, start=self.stored + 1):
            await queue.put(entries)

    async def _block(self, queue: asyncio.Queue[list[stream.Entry]]) -> list[stream.Entry]:
        self.beat.touch()
        self._hurry.clear()
        entries: list[stream.Entry] = []
        size, until = 0, time.monotonic() + (BUSY_S if self.busy else EVERY_S)
        while size < BLOCK_ROWS * 12 and (left := until - time.monotonic()) > 0:  # at least 12 bytes a reading
            if self._hurry.is_set() and entries:
                break
            try:
                async with asyncio.timeout(min(left, 0.25)):
                    more = await queue.get()
            except TimeoutError:
                continue
            entries += more
            size += sum(len(e.data) for e in more)
        return entries

    async def _store(self, entries: list[stream.Entry]) -> None:
        """One insert a block; what the reader gave in one piece may be several blocks."""
        decoded = self._decode(entries)
        self.busy = sum(len(b) for b in decoded) > BUSY_ROWS
        at = 0
        while at < len(entries):
            stop, rows = at, 0
            while stop < len(entries) and rows < BLOCK_ROWS:
                rows += len(decoded[stop])
                stop += 1
            await self._insert(entries[at].sequence, entries[stop - 1].sequence, decoded[at:stop])
            at = stop
        self.caught_up = entries[-1].pending == 0 or self.caught_up

    async def _insert(self, first: int, last: int, batches: list[Batch]) -> None:
        intent = await self._in_thread(self.journal.intend, first, last)
        self.newest.begin()
        while True:
            try:
                await self._in_thread(self.writer.write, intent, batches)
                break
            except Exception:
                log.exception("the store did not take %s; again in %.0f s", intent.token, RETRY_S)
                await asyncio.sleep(RETRY_S)
        self.newest.stored(batches)
        await self._in_thread(self.journal.done)
        self.blocks += 1
        newest = max((int(b.recv[-1]) for b in batches if len(b)), default=0)
        self.newest_lag = time.time() - newest / 1000 if newest else 0.0
        async with self._advanced:
            self.stored = last
            self._advanced.notify_all()

    def _decode(self, entries: list[stream.Entry]) -> list[Batch]:
        found = []
        for entry in entries:
            try:
                batch = decode(entry.data)
            except BadBatch as error:
                self.bad_batches += 1
                log.error("message %d of the stream is no batch: %s", entry.sequence, error)
                batch = make([], [], [], [], [], [], [], [])
            batch.sequence = entry.sequence
            found.append(batch)
        return found

    async def reached(self, sequence: int, seconds: float) -> bool:
        self._hurry.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._advanced:
                await self._advanced.wait_for(lambda: self.stored >= sequence)
        return self.stored >= sequence

    async def write(self, batch: Batch) -> bool:
        """Readings that another process of ours was told: into the stream as any others, and read from there."""
        if self.publisher is None:
            publisher = stream.Publisher(self.nc)
            await publisher.start()
            self.publisher = publisher
        sent = []
        for part in stream.partitioned(batch):
            name = f"{os.getpid()}-{time.time_ns()}-{len(sent)}"
            subject = subject_of(partition_of(part.devices[0], stream.PARTITIONS))
            sent.append(self.publisher.publish(subject, encode(part), name))
        last = max(await asyncio.gather(*sent), default=0)
        return await self.reached(last, 20)

    async def put(self, device: bytes, prop: str, times: list[int], rows: Any) -> None:
        self.newest.drop(device)
        try:
            await self._in_thread(corrections.put, self.writer.client, device, prop, times, rows)
        finally:
            self.newest.drop(device)

    async def backup(self, name: str) -> tuple[Path, int]:
        return await self._in_thread(backup.make, self.writer.store, self.writer.client, name)

    async def purge(self) -> None:
        """Free what is stored and older than two hours; sooner when the stream is more than half full."""
        while True:
            await asyncio.sleep(60)
            try:
                js = self.nc.jetstream(timeout=5)
                info = await js.stream_info(STREAM)
                limit = info.config.max_bytes or 0
                keep = KEEP_FULL_S if 0 < limit < info.state.bytes * 2 else KEEP_S
                upto = self.journal.done_before(time.time() - keep)
                if upto >= info.state.first_seq > 0:
                    await js.purge_stream(STREAM, seq=upto + 1)
                await self._in_thread(self.journal.forget, upto)
            except Exception as error:
                log.warning("purge: %s", type(error).__name__)

    async def expire(self) -> None:
        """What is past its days goes, a partition of each table at a time."""
        await asyncio.sleep(EXPIRE_FIRST_S)
        while True:
            try:
                await self._in_thread(corrections.expire, self.writer.client, tiers.now())
            except Exception as error:
                log.warning("past its days, but still there: %s", str(error)[:200])
            await asyncio.sleep(EXPIRE_S)

    async def _in_thread(self, work: Any, *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.thread, work, *args)

    def state(self) -> dict[str, Any]:
        return {
            "ready": True, "stored": self.stored, "epoch": self.journal.epoch, "caught_up": self.caught_up,
            "rows": self.writer.rows, "duplicates": self.writer.dropped, "checked": self.writer.checked,
            "lag_s": round(self.newest_lag, 3), "blocks": self.blocks, "bad_batches": self.bad_batches,
            "too_old": self.writer.too_old,
        }  # fmt: skip


class _Collector:
    """The counters of `state` for Prometheus, read when somebody asks."""

    def __init__(self, history: History) -> None:
        self.history = history

    def collect(self) -> Iterator[Metric]:
        state = self.history.state()
        for name, text in _COUNTERS.items():
            yield CounterMetricFamily(f"linli_history_{name}", text, state[name])
        yield GaugeMetricFamily("linli_history_stored", "last sequence in the store", state["stored"])
        yield GaugeMetricFamily("linli_history_lag_s", "age of the newest reading when stored", state["lag_s"])


_COUNTERS = {
    "rows": "readings put into the store",
    "duplicates": "readings that were there already",
    "too_old": "readings older than the district keeps them, left out",
    "blocks": "inserts",
    "bad_batches": "messages that were no batch",
}


def _metrics(history: History) -> CollectorRegistry:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(_Collector(history))  # type: ignore[arg-type]
    return registry


def _step_back() -> None:
    """Acknowledgements, alarms and answers come before the blocks: they wait for nobody, the stream holds the blocks.
    Threads that the store starts for inserts and merges do as the one that opens it."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), WRITER_NICE)


async def serve() -> None:
    home = Home.current()
    folder = home.data("history")
    tiers.of_packs()  # a pack that contradicts itself is told before anything is opened
    thread = ThreadPoolExecutor(1, thread_name_prefix="writer", initializer=_step_back)
    loop = asyncio.get_running_loop()
    store = of_environment(folder)
    writer = await loop.run_in_executor(thread, Writer, store)
    nc = await stream.connect("history")
    await stream.ensure_stream(nc)
    history = History(nc, Journal(folder / "journal"), writer, thread)
    await history.recover()
    close_ops = ops_server.serve_for("history", history.state, _metrics(history), alive=history.beat.fresh)
    door = Door(
        store, _token(home), history.state, history.reached, history.backup, history.write, history.put,
        history.newest,
    )  # fmt: skip
    server = http1.Server(door.handle, max_body=MAX_BODY)
    if port := os.environ.get("LINLI_HISTORY_PORT"):
        await server.start("127.0.0.1", int(port))
    log.info("history is up at sequence %d", history.stored)
    gc.collect()
    gc.freeze()
    tasks = [asyncio.create_task(work) for work in (history.run(), history.purge(), history.expire())]
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await asyncio.wait([asyncio.create_task(stop.wait()), *tasks], return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        if task.done() and task.exception() is not None:
            log.error("history ends: %r", task.exception())
            os._exit(1)
        task.cancel()
    await server.stop()
    close_ops()
    await nc.close()
    await loop.run_in_executor(thread, writer.client.close)


def _token(home: Home) -> str:
    """The token is the user of LINLI_HISTORY_URL, as the supervisor made it from the district's secret."""
    return urlsplit(os.environ.get("LINLI_HISTORY_URL", "")).username or home.secret("history").hex()


def main() -> int:
    Home.current().load_env()
    logs.configure("history")
    uvloop.run(serve())
    os._exit(0)  # the store's background threads need not be waited for


if __name__ == "__main__":
    raise SystemExit(main())
