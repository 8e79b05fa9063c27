"""A real history process on its own folder."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from django.http import HttpResponse
from django.test import Client

from linli.engines.nats import Nats
from linli.engines.testing import some_port
from linli.kernel import http, ids
from linli.kernel.actor import Actor, Grant
from linli.telemetry import stream
from linli.telemetry.history.client import HistoryClient, HistoryUnavailable


class HistoryProcess:
    def __init__(self, home: Path, broker: Nats) -> None:
        self.port = some_port()
        self.url = f"http://secret@127.0.0.1:{self.port}"
        self.env = {**os.environ, "LINLI_HOME": str(home), "LINLI_NATS_URL": broker.url, "LINLI_HISTORY_URL": self.url,
                    "LINLI_HISTORY_PORT": str(self.port), "LINLI_HISTORY_EVERY_S": "0.1"}  # fmt: skip
        self.log = home / "history.log"
        self.child: subprocess.Popen[bytes] | None = None
        self.client = HistoryClient(self.url)

    def start(self, wait: bool = True) -> None:
        with open(self.log, "ab") as out:
            self.child = subprocess.Popen(
                [sys.executable, "-m", "linli.telemetry.history.main"], env=self.env, stdout=out, stderr=out
            )
        deadline = time.monotonic() + 30
        while wait:
            try:
                self.client.state()
                return
            except HistoryUnavailable:
                assert self.child.poll() is None and time.monotonic() < deadline, self.log.read_text()[-3000:]
                time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        assert self.child is not None
        self.child.send_signal(how)
        return self.child.wait(20)


@contextlib.contextmanager
def filled(home: Path, broker: Nats, *batches: bytes) -> Iterator[HistoryProcess]:
    """A history process that has stored encoded batches."""
    process = HistoryProcess(home, broker)
    process.start()

    async def publish() -> int:
        nc = await stream.connect("test", url=broker.url)
        publisher = stream.Publisher(nc)
        await publisher.start()
        last = 0
        for number, data in enumerate(batches):
            last = await publisher.publish("readings.0", data, f"{time.time()}-{number}")
        await nc.close()
        return last

    assert process.client.flush(asyncio.run(publish()), 20)
    yield process
    process.stop()


def viewer(area: str) -> Callable[..., HttpResponse]:
    """Asks a route as somebody who sees the devices of an area."""

    def get(path: str, area: str = area, **query: Any) -> HttpResponse:
        actor = Actor(
            kind="account", account_id=ids.new_id(), grants=(Grant("test", area, frozenset({"devices.view"})),)
        )
        with mock.patch.object(http, "_resolver", return_value=lambda request: actor):
            return Client().get(f"/api/v1{path}", query)  # type: ignore[return-value]

    return get
