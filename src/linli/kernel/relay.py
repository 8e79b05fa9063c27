"""The relay: outbox rows of PostgreSQL become messages of the stream EVENTS. Knows no Django.

It takes rows that are `not sent` (never `id > last`: sequences commit out of order), `for update skip locked`, so
several relays may run. A row is marked sent after the stream has it; a relay killed between the two sends the row
again, the stream drops the copy by its message id, and consumers keep an inbox. NOTIFY wakes it; a poll backs it.

PostgreSQL remembers which stream the rows were sent to. When NATS lost it and a new one stands in its place, all rows
still kept are sent again in their order: what no consumer had yet takes effect, the inbox stops the rest.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from dataclasses import dataclass, field
from typing import Any

import nats
import orjson
import psycopg
from prometheus_client import Counter, Gauge

from linli.home import Home
from linli.kernel import logs, ops_server, stream
from linli.kernel.waiting import wait

log = logging.getLogger("linli.relay")
BATCH = 500
POLL = 1.0
KEEP_DAYS = 3
CLEAN_EVERY = 600.0
LOOK_EVERY = 5.0
ACK_TIMEOUT = 5.0
SENT = Counter("linli_relay_sent_total", "Events published")
FAILED = Counter("linli_relay_failures_total", "Sessions that ended with an error")
WAITING = Gauge("linli_relay_batch", "Events in the batch being published")

TAKE = """
SELECT id, type, envelope::text FROM kernel_outbox WHERE sent_at IS NULL
ORDER BY created_at, id LIMIT %s FOR UPDATE SKIP LOCKED
"""
# Nothing counts as sent to a stream that meanwhile turned out to be lost.
MARK = """
UPDATE kernel_outbox SET sent_at = clock_timestamp() WHERE id = ANY(%s)
AND EXISTS (SELECT 1 FROM kernel_stream WHERE name = %s AND life = %s)
"""
KNOW = "INSERT INTO kernel_stream (name, life) VALUES (%s, %s) ON CONFLICT (name) DO NOTHING"
CHANGE = "UPDATE kernel_stream SET life = %s WHERE name = %s AND life <> %s"
UNSEND = "UPDATE kernel_outbox SET sent_at = NULL WHERE sent_at IS NOT NULL"
CLEAN = """
DELETE FROM kernel_outbox WHERE id IN (
  SELECT id FROM kernel_outbox WHERE sent_at < now() - make_interval(days => %s) LIMIT 5000 FOR UPDATE SKIP LOCKED)
"""


@dataclass
class Relay:
    """One relay. `run()` returns after `stop()`; whatever goes away meanwhile, it connects again."""

    database_url: str
    nats_url: str
    connected: bool = False
    sent: int = 0
    life: str = ""
    beat: ops_server.Beat = field(default_factory=lambda: ops_server.Beat(60.0))
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    def stop(self) -> None:
        self._stop.set()

    async def run(self) -> None:
        pause = 0.1
        while not self._stop.is_set():
            try:
                await self._session()
                pause = 0.1
            except (OSError, psycopg.Error, nats.errors.Error, TimeoutError) as error:
                FAILED.inc()
                log.warning("relay session ended", extra={"why": f"{type(error).__name__}: {error}"[:300]})
                pause = min(pause * 2, 3.0) if not self.connected else 0.1
                self.connected = False
                self.beat.touch()
                await wait(self._stop, pause)

    async def _session(self) -> None:
        """Work until something breaks or `stop`."""
        wake = asyncio.Event()
        wake.set()
        client = await nats.connect(
            stream.servers(self.nats_url), name="relay", connect_timeout=3, allow_reconnect=False,
            max_reconnect_attempts=0, error_cb=_quiet,
        )  # fmt: skip
        try:
            js = client.jetstream(timeout=ACK_TIMEOUT)
            async with await _connect(self.database_url) as database, await _connect(self.database_url) as ear:
                await ear.execute("LISTEN linli_outbox")
                listening = asyncio.create_task(_listen(ear, wake))
                cleaning = asyncio.create_task(self._clean_forever())
                self.connected = True
                try:
                    await self._pump(database, client, js, wake, listening)
                finally:
                    for task in (listening, cleaning):
                        task.cancel()
                    await asyncio.gather(listening, cleaning, return_exceptions=True)
        finally:
            await client.close()

    async def _pump(
        self, database: Any, client: Any, js: Any, wake: asyncio.Event, listening: asyncio.Task[None]
    ) -> None:
        looked = float("-inf")
        while not self._stop.is_set():
            self.beat.touch()
            if time.monotonic() - looked > LOOK_EVERY:
                await self.recognise(database, js)
                looked = time.monotonic()
            if not client.is_connected:
                raise ConnectionError("NATS went away")
            if listening.done():
                listening.result()
            wake.clear()
            if await self.publish_batch(database, js) == BATCH:
                continue
            await wait(wake, POLL)

    async def recognise(self, database: Any, js: Any) -> None:
        """Make the stream if it is not there; if it is another one than before, send again what is still kept."""
        self.life = stream.life_of(await stream.ensure(js))
        async with database.transaction():
            await database.execute(KNOW, [stream.EVENTS, self.life])
            if (await database.execute(CHANGE, [self.life, stream.EVENTS, self.life])).rowcount:
                again = (await database.execute(UNSEND)).rowcount
                log.warning("the stream of events is another one; sending again", extra={"events": again})

    async def publish_batch(self, database: Any, js: Any) -> int:
        """Publish one batch of unsent rows, in the order of their making; returns how many."""
        async with database.transaction():
            rows = await (await database.execute(TAKE, [BATCH])).fetchall()
            if not rows:
                return 0
            WAITING.set(len(rows))
            acks = []
            for event_id, event_type, envelope in rows:
                # compact form: the text that PostgreSQL gives for jsonb has spaces
                data = orjson.dumps(orjson.loads(envelope))
                acks.append(
                    await js.publish_async(
                        f"evt.{event_type}", data, wait_stall=ACK_TIMEOUT, headers={"Nats-Msg-Id": str(event_id)}
                    )
                )
            async with asyncio.timeout(ACK_TIMEOUT * 2):
                await asyncio.gather(*acks)
            marked = await database.execute(MARK, [[row[0] for row in rows], stream.EVENTS, self.life])
            if marked.rowcount != len(rows):
                raise ConnectionError("the stream of events is another one")
        self.sent += len(rows)
        SENT.inc(len(rows))
        return len(rows)

    async def _clean_forever(self) -> None:
        """Remove rows that were sent days ago, a few at a time, on a connection of its own."""
        while True:
            try:
                async with await _connect(self.database_url) as database:
                    while (await database.execute(CLEAN, [KEEP_DAYS])).rowcount:
                        await asyncio.sleep(0.05)
            except psycopg.Error as error:
                log.warning("cleaning of the outbox failed", extra={"why": type(error).__name__})
            await asyncio.sleep(CLEAN_EVERY)


async def _connect(url: str) -> psycopg.AsyncConnection[Any]:
    return await psycopg.AsyncConnection.connect(
        url, autocommit=True, connect_timeout=5, application_name="linli relay",
        keepalives=1, keepalives_idle=10, keepalives_interval=5, keepalives_count=3,
    )  # fmt: skip


async def _listen(ear: psycopg.AsyncConnection[Any], wake: asyncio.Event) -> None:
    async for _ in ear.notifies():
        wake.set()


async def _quiet(error: Exception) -> None:
    log.debug("nats: %s", error)


async def serve() -> None:
    relay = Relay(os.environ["LINLI_DATABASE_URL"], os.environ["LINLI_NATS_URL"])
    ops_server.serve_for(
        "relay", lambda: {"ready": relay.connected, "sent": relay.sent}, alive=relay.beat.fresh
    )  # fmt: skip
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, relay.stop)
    await relay.run()


def main() -> None:
    import uvloop

    Home.current().load_env()
    logs.configure("relay")
    uvloop.run(serve())


if __name__ == "__main__":
    main()
