"""Real engines for the telemetry tests: each test file has its own NATS server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from linli.devices import contracts
from linli.engines.nats import Nats
from linli.engines.testing import some_port, start_nats


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nats]:
    server = start_nats(Path(tmp_path_factory.mktemp("nats")))
    yield server
    server.stop()


@pytest.fixture
def run() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Run a coroutine to its end, at most a minute."""

    def go(work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run(asyncio.wait_for(work, 60))

    return go


@pytest.fixture
def port() -> int:
    return some_port()


def refuses(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.fixture
def key(transactional_db: None) -> bytes:
    """The district's key for tokens of devices."""
    from django.conf import settings

    return settings.HOME.secret(contracts.TOKEN_KEY)


@pytest.fixture
def played(broker: Nats, run: Callable[..., Any], key: bytes) -> Callable[[Callable[[Any], Any]], None]:
    """`play` runs beside the loop of a gateway whose registry is the test's own PostgreSQL database."""
    from django.db import connection, connections
    from tests.telemetry.gatewaykit import gateway

    from linli.telemetry.gateway.registry import PostgresSource

    def apart(play: Callable[[Any], Any], kit: Any) -> None:
        try:
            play(kit)
        finally:
            connections.close_all()  # this thread's

    async def go(play: Callable[[Any], Any]) -> None:
        at = connection.settings_dict
        source = PostgresSource(f"postgresql://{at['USER']}:{at['PASSWORD']}@{at['HOST']}:{at['PORT']}/{at['NAME']}")
        try:
            async with gateway(broker, [], source, key) as kit:
                await asyncio.to_thread(apart, play, kit)
        finally:
            if source._db is not None:
                await source._db.close()

    return lambda play: run(go(play))
