"""The stream: durable publishing and reading in order, through the death of the broker."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

import pytest

from linli.engines.nats import Nats
from linli.telemetry import stream

pytestmark = pytest.mark.engines


async def open_stream(broker: Nats) -> tuple[Any, stream.Publisher]:
    nc = await stream.connect("test", url=broker.url)
    await stream.ensure_stream(nc)
    publisher = stream.Publisher(nc, timeout=1)
    await publisher.start()
    return nc, publisher


class Message:
    """As the server delivers the first message of a consumer."""

    reply, subject, data, headers = "$JS.ACK.READINGS.c.1.7.1.0.0", "readings.0", b"x", None


async def read(nc: Any, start: int, count: int, subjects: list[str] | None = None) -> list[stream.Entry]:
    found: list[stream.Entry] = []
    async for entries in stream.Reader(nc, start=start, subjects=subjects):
        found += entries
        if len(found) >= count:
            break
    return found


def test_what_is_published_is_read_in_order(broker: Nats, run: Callable[..., Any]) -> None:
    async def go() -> None:
        nc, publisher = await open_stream(broker)
        first = await publisher.publish("readings.0", b"zero", os.urandom(8).hex())
        numbers = await asyncio.gather(
            *(publisher.publish(f"readings.{i % 4}", b"%d" % i, os.urandom(8).hex()) for i in range(1000))
        )
        found = await read(nc, first, 1001)
        assert [e.sequence for e in found] == list(range(first, first + 1001))
        assert {e.sequence: int(e.data) for e in found[1:]} == {n: i for i, n in enumerate(numbers)}
        only = await read(nc, first + 1, 250, ["readings.3"])
        assert {e.partition for e in only} == {3} and len(only) == 250
        await nc.close()

    run(go())


def test_the_same_message_id_is_stored_once(broker: Nats, run: Callable[..., Any]) -> None:
    async def go() -> None:
        nc, publisher = await open_stream(broker)
        one = await publisher.publish("readings.0", b"x", "same")
        two = await publisher.publish("readings.0", b"x", "same")
        assert one == two
        await nc.close()

    run(go())


def test_the_broker_dies_and_nothing_is_lost_or_doubled(broker: Nats, run: Callable[..., Any]) -> None:
    async def go() -> None:
        nc, publisher = await open_stream(broker)
        start = await publisher.publish("readings.0", b"start", os.urandom(8).hex())
        reading = asyncio.ensure_future(read(nc, start + 1, 400))
        sending = []
        for i in range(400):
            sending.append(asyncio.ensure_future(publisher.publish("readings.1", b"%d" % i, f"id-{start}-{i}")))
            await asyncio.sleep(0.005)
            if i in (100, 250):
                assert broker.child is not None
                broker.child.kill()
                broker.child.wait()
                broker.start()  # from this thread: the server dies with the thread that started it
        await asyncio.gather(*sending)
        found = await reading
        assert sorted(int(e.data) for e in found) == list(range(400))
        assert publisher.retries > 0
        await nc.close()

    run(go())


@pytest.mark.parametrize("steps", range(6))
def test_a_reader_ends_when_told_so_in_the_moment_something_arrives(run: Callable[..., Any], steps: int) -> None:
    """One that went on would call judged what its successor, which starts further back, has yet to read."""

    async def go() -> None:
        queue: asyncio.Queue[Any] = asyncio.Queue()
        read: list[int] = []

        async def follow() -> None:
            async for entries in stream.Reader(None)._receive(queue):  # type: ignore[arg-type]
                read.extend(e.sequence for e in entries)

        task = asyncio.create_task(follow())
        await asyncio.sleep(0.01)
        queue.put_nowait(Message())
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task}, timeout=1)
        assert task.cancelled(), "it reads on"
        assert read in ([], [7])

    run(go())
