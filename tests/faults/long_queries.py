"""Questions that go on for a minute, one to PostgreSQL and one to the store of readings, unless their server dies."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import numpy as np
import psycopg

from linli.telemetry import batch, stream

SECONDS = 60
ROWS = 1_000_000


class LongQuery:
    """`with LongQuery(url) as query:` burns for a minute with a lock on the cases; `running()` asks the server."""

    def __init__(self, url: str) -> None:
        self.url, self.name = url, f"long-{uuid4().hex[:8]}"
        self.ended = ""  # why it ended
        self.thread = threading.Thread(target=self._ask, daemon=True)

    def _ask(self) -> None:
        try:
            with psycopg.connect(self.url, application_name=self.name) as db:
                db.execute(f"SET LOCAL statement_timeout = {SECONDS * 1000}")
                db.execute("SET LOCAL max_parallel_workers_per_gather = 0")  # one core, not all
                db.execute("LOCK TABLE cases_case IN ROW EXCLUSIVE MODE")
                tables = ", ".join(f"devices_device d{n}" for n in range(6))  # no planner finds an end to this
                db.execute(f"SELECT count(*) FROM {tables} WHERE md5(d0.code || d5.code) < 'z'")  # type: ignore[arg-type]
                self.ended = "it was answered"
        except psycopg.Error as error:
            self.ended = f"{type(error).__name__} {error}"

    def running(self) -> float:
        """Seconds that the query has been running; 0 when the server does not know it as active."""
        with psycopg.connect(self.url, autocommit=True, connect_timeout=5) as db:
            found = db.execute(
                "SELECT extract(epoch FROM clock_timestamp() - query_start)::float8 FROM pg_stat_activity"
                " WHERE application_name = %s AND state = 'active' AND query LIKE 'SELECT count%%'",
                [self.name],
            ).fetchone()
        return found[0] if found else 0.0

    def __enter__(self) -> LongQuery:
        self.thread.start()
        end = time.monotonic() + 20
        while self.running() < 1:
            assert time.monotonic() < end and not self.ended, f"the long query does not run: {self.ended}"
            time.sleep(0.2)
        return self

    def __exit__(self, *exc: object) -> None:
        if self.thread.is_alive():
            with psycopg.connect(self.url, autocommit=True) as db:
                db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s",
                           [self.name])  # fmt: skip
        self.thread.join(20)


class LongExport:
    """An export of a million readings from the store, read so slowly that it takes a minute."""

    def __init__(self, url: str, device: UUID, start: int, end: int) -> None:
        parts = urlsplit(url)
        self.line = socket.socket()
        self.line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        self.line.settimeout(30)
        self.line.connect((parts.hostname, parts.port))
        ask = f"GET /export?devices={device}&property=level&start={start}&end={end} HTTP/1.1\r\nHost: history\r\n"
        self.line.sendall(f"{ask}Authorization: Bearer {parts.username}\r\nConnection: close\r\n\r\n".encode())
        self.size, self.end, self.began = 0, b"", time.monotonic()
        self.ended = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        try:
            while data := self.line.recv(16384):
                self.size, self.end = self.size + len(data), (self.end + data)[-8:]
                time.sleep(0.04)
        except OSError:
            pass
        self.ended.set()

    def running(self) -> float:
        """Seconds that the answer has been flowing; 0 when it does not flow."""
        before = self.size
        time.sleep(0.5)
        return time.monotonic() - self.began if self.size > before and not self.ended.is_set() else 0.0

    def close(self) -> None:
        self.line.close()


def fill_history(url: str, device: UUID, start: int) -> None:
    """A million old readings of one device, put on the stream as the gateway would."""

    async def put() -> None:
        nc = await stream.connect("fill", url=url)
        publisher = stream.Publisher(nc)
        await publisher.start()
        subject = batch.subject_of(batch.partition_of(device.bytes, stream.PARTITIONS))
        for first in range(0, ROWS, batch.MAX_POINTS):
            await publisher.publish(subject, batch.encode(_thousands(device, start + first)), uuid4().hex)
        await nc.close()

    asyncio.run(put())


def _thousands(device: UUID, start: int) -> batch.Batch:
    count: Any = np.arange(batch.MAX_POINTS)
    none = np.zeros(batch.MAX_POINTS, np.int64)
    return batch.Batch([device.bytes], ["level"], none, none, start + count, start + count, 0.1 + count / 1e6, none)
