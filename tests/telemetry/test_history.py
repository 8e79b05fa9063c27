"""The history process: reads the real stream, is killed again and again, answers over its door."""

from __future__ import annotations

import asyncio
import random
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.telemetry.historykit import HistoryProcess

from linli.engines.nats import Nats
from linli.telemetry import batch, stream
from linli.telemetry.history.client import HistoryClient, HistoryUnavailable
from linli.telemetry.history.questions import BadQuestion

pytestmark = pytest.mark.engines
DEVICES = [uuid.uuid5(uuid.NAMESPACE_URL, f"device {i}") for i in range(30)]
Run = Callable[..., Any]


@pytest.fixture
def history(tmp_path: Path, broker: Nats) -> Iterator[HistoryProcess]:
    process = HistoryProcess(tmp_path, broker)
    process.start()
    yield process
    if process.child is not None and process.child.poll() is None:
        process.stop()


def readings(start: int, count: int, t0: int) -> batch.Batch:
    rows = range(start, start + count)
    return batch.make(
        [d.bytes for d in DEVICES], ["level", "temp"], [i % 30 for i in rows], [i % 2 for i in rows],
        [t0 + i for i in rows], [t0] * count, [float(i) for i in rows], [0] * count,
    )  # fmt: skip


def flushed(history: HistoryProcess, last: int) -> None:
    """Wait until the reading of sequence `last` can be asked for; the process may just be starting again."""
    deadline = time.monotonic() + 30
    while True:
        try:
            if history.client.flush(last):
                return
        except httpx.HTTPError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_killed_at_any_point_every_reading_is_there_once(history: HistoryProcess, broker: Nats, run: Run) -> None:
    t0 = int(time.time() * 1000) - 3_600_000

    async def go() -> int:
        nc = await stream.connect("test", url=broker.url)
        await stream.ensure_stream(nc)
        publisher = stream.Publisher(nc)
        await publisher.start()
        last = 0
        rng = random.Random(3)
        for i in range(240):
            data = batch.encode(readings(i * 50, 50, t0))
            last = max(last, await publisher.publish("readings.0", data, f"{t0}-{i}"))
            if i % 7 == 0:  # a gateway died before its own acknowledgement: devices send again
                last = max(last, await publisher.publish("readings.1", data, f"{t0}-{i}-again"))
            await asyncio.sleep(0.02)
            if i % 24 == 20:
                await asyncio.sleep(rng.random() * 0.3)
                history.stop(signal.SIGKILL)
                history.start(wait=False)
        await nc.close()
        return last

    last = run(go())
    flushed(history, last)
    client = history.client
    counted = client.counts(DEVICES, t0 - 3_600_000, t0 + 3_600_000)
    assert sum(counted["count"].to_pylist()) == 240 * 50
    assert (
        sum(sum(client.series(DEVICES, p, t0, t0 + 20_000, 50)["count"].to_pylist()) for p in ("level", "temp"))
        == 12_000
    )
    exported = [r for d in DEVICES for b in client.export(d, None, t0, t0 + 20_000) for r in b["value"].to_pylist()]
    assert sorted(exported) == [float(i) for i in range(12_000)]
    latest = client.latest(DEVICES)
    assert max(latest["value"].to_pylist()) == 11_999.0
    assert history.stop() == 0
    history.start()
    assert sum(client.counts(DEVICES, t0 - 3_600_000, t0 + 3_600_000)["count"].to_pylist()) == 240 * 50


def test_questions_refuse_and_need_the_token(history: HistoryProcess) -> None:
    client = history.client
    with pytest.raises(BadQuestion, match="end"):
        client.series(DEVICES[:1], "level", 10, 5)
    with pytest.raises(BadQuestion, match="points"):
        client.series(DEVICES[:1], "level", 5, 10, 0)
    with pytest.raises(BadQuestion, match="step"):
        client.rollup(DEVICES[:1], ["level"], 5, 10, "year")
    assert len(client.readings(DEVICES[0], "'; DROP TABLE raw; --", 0, 10)) == 0
    assert list(client.export(DEVICES[0], None, 0, 10)) == []
    with pytest.raises(HistoryUnavailable):
        HistoryClient(f"http://wrong@127.0.0.1:{history.port}").state()
    answer = httpx.get(f"http://127.0.0.1:{history.port}/state", trust_env=False)
    assert answer.status_code == 401
    saved, rows = client.backup("one")
    assert rows == history.client.state()["rows"]
    assert Path(saved, "journal").exists()
    with pytest.raises(BadQuestion):
        client.backup("../x")
