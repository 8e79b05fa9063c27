"""The launcher of NATS: durable streams, a password, and back after kill -9."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import nats
import nats.errors
import pytest

from linli.engines import testing
from linli.engines.nats import Nats

pytestmark = pytest.mark.engines


@pytest.fixture
def server(tmp_path: Path):
    port = testing.some_port()
    made = Nats(tmp_path / "nats", port, port + 1, "geheim", log=tmp_path / "log")
    made.start()
    yield made
    made.stop()


def test_acknowledged_messages_survive_kill(server: Nats) -> None:
    async def publish() -> None:
        bus = await nats.connect(server.url)
        await bus.jetstream().add_stream(name="T", subjects=["t.>"])
        for number in range(50):
            await bus.jetstream().publish("t.x", str(number).encode())
        await bus.close()

    async def count() -> int:
        bus = await nats.connect(server.url)
        info = await bus.jetstream().stream_info("T")
        await bus.close()
        return info.state.messages

    asyncio.run(publish())
    assert server.child is not None
    os.kill(server.child.pid, signal.SIGKILL)
    server.child.wait()
    server.start()
    assert asyncio.run(count()) == 50


def test_needs_the_password(server: Nats) -> None:
    async def connect() -> None:
        await nats.connect(f"nats://127.0.0.1:{server.port}", allow_reconnect=False, max_reconnect_attempts=0)

    with pytest.raises(nats.errors.Error):
        asyncio.run(connect())


def test_the_shared_fixture(nats_url: str) -> None:
    async def ask() -> bool:
        bus = await nats.connect(nats_url)
        ok = bus.is_connected
        await bus.close()
        return ok

    assert asyncio.run(ask())
