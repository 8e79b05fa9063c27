"""The gateway process, killed again and again under load: a ledger kept by the devices judges.

Every other kill falls between the stream's acknowledgement and the gateway's own, so devices do resend what is stored.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from tests.faults.line import Line
from tests.telemetry.historykit import HistoryProcess

from linli.devices.contracts import TOKEN_KEY, token_hash
from linli.devices.models import Credential, Device, ThingModel
from linli.engines.nats import Nats
from linli.engines.testing import some_port
from linli.home import Home
from linli.telemetry import batch, stream
from linli.telemetry.history.client import HistoryClient
from linli.telemetry.mqtt_client import MqttClient, Refused

pytestmark = [pytest.mark.engines, pytest.mark.django_db(transaction=True)]
DEVICES, KILLS = 40, 10


def database_url() -> str:
    s = connection.settings_dict
    password = f":{s['PASSWORD']}" if s["PASSWORD"] else ""
    return f"postgresql://{s['USER']}{password}@{s['HOST']}:{s['PORT']}/{s['NAME']}"


class GatewayProcess:
    def __init__(self, nats_url: str, log: Path) -> None:
        self.port, self.log = some_port(), log
        self.env = {**os.environ, "LINLI_NATS_URL": nats_url, "LINLI_DATABASE_URL": database_url(),
                    "LINLI_HOME": str(Home.current().path), "LINLI_MQTT_PORT": str(self.port)}  # fmt: skip
        self.child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with open(self.log, "ab") as out:
            self.child = subprocess.Popen(
                [sys.executable, "-m", "linli.telemetry.gateway.main"], env=self.env, stdout=out, stderr=out
            )

    def stop(self, how: signal.Signals) -> int:
        assert self.child is not None
        self.child.send_signal(how)
        return self.child.wait(20)


@pytest.fixture
def tokens() -> list[str]:
    model = ThingModel.objects.create(
        code="t_gauge", name_zh="t", name_en="t", subject="place", category="x", interval_s=60,
        properties=[{"code": "level", "name": {"zh": "水位", "en": "level"}, "type": "number"}],
    )  # fmt: skip
    key, made = Home.current().secret(TOKEN_KEY), []
    for i in range(DEVICES):
        device = Device.objects.create(code=f"G-{i}", name_zh="t", name_en="t", model=model, area_path="1")
        Credential.objects.create(device=device, token_hash=token_hash(key, f"token-{i}"), hint="t")
        made.append(f"token-{i}")
    return made


async def device(port: int, number: int, token: str, ledger: dict[tuple[int, int], bool], stop: asyncio.Event) -> None:
    """Sends a new reading only after the one before was acknowledged; sends it again until it is."""
    n, client, t0 = 0, None, int(time.time() * 1000)
    while not stop.is_set():
        try:
            if client is None:
                client = MqttClient("127.0.0.1", port, token, client_id=f"d{number}")
                await client.connect()
            ledger.setdefault((number, t0 + n), False)
            body = json.dumps({"ts": t0 + n, "values": {"level": n}}).encode()
            await asyncio.wait_for(client.publish("v1/devices/me/telemetry", body), 10)
            ledger[number, t0 + n] = True
            n += 1
            await asyncio.sleep(0.004)
        except (Refused, OSError, TimeoutError):
            if client is not None:
                with contextlib.suppress(OSError):
                    await client.close()
            client = None
            await asyncio.sleep(0.05)
    if client is not None:
        await client.close()


async def load(process: GatewayProcess, line: Line, tokens: list[str]) -> dict[tuple[int, int], bool]:
    ledger: dict[tuple[int, int], bool] = {}
    stop = asyncio.Event()
    rng = random.Random(11)
    work = [asyncio.create_task(device(process.port, i, t, ledger, stop)) for i, t in enumerate(tokens)]
    for kill in range(KILLS):
        before = sum(ledger.values())
        deadline = time.monotonic() + 15
        while sum(ledger.values()) < before + 200:
            assert time.monotonic() < deadline, process.log.read_text()[-2000:]
            await asyncio.sleep(0.02)
        await asyncio.sleep(rng.random() * 0.3)
        if kill % 2:
            line.deafen()
            await asyncio.to_thread(line.wait_for_kept_back, b'"seq":')
        process.stop(signal.SIGKILL)
        line.hear()
        process.start()
    before = sum(ledger.values())
    while sum(ledger.values()) < before + 200:
        await asyncio.sleep(0.05)
    stop.set()
    await asyncio.gather(*work)
    return ledger


async def stored(broker: Nats, numbers: dict[bytes, int], after: int = 0) -> tuple[list[tuple[int, int]], int]:
    """Every (device, time) in the stream after a sequence, doubles included, and the stream's last sequence."""
    nc = await stream.connect("judge", url=broker.url)
    first, last = await stream.bounds(nc)
    found: list[tuple[int, int]] = []
    if last <= after:
        await nc.close()
        return found, last
    async for entries in stream.Reader(nc, start=max(first, after + 1)):
        for entry in entries:
            b = batch.decode(entry.data)
            found += [(numbers[b.devices[d]], int(t)) for d, t in zip(b.device, b.ts, strict=True)]
        if entries[-1].sequence >= last:
            break
    await nc.close()
    return found, last


@pytest.mark.timeout(200)
def test_ten_kills_lose_and_double_nothing(
    broker: Nats, tokens: list[str], tmp_path: Path, run: Callable[..., Any]
) -> None:
    line = Line(broker.url)
    process = GatewayProcess(line.url, tmp_path / "gateway.log")
    history = HistoryProcess(tmp_path, broker)
    process.start()
    try:
        ledger = asyncio.run(load(process, line, tokens))
        numbers = {pk.bytes: int(code[2:]) for pk, code in Device.objects.values_list("id", "code")}
        in_stream, last = run(stored(broker, numbers))
        acknowledged = {key for key, done in ledger.items() if done}
        assert acknowledged <= set(in_stream), "an acknowledged reading is not in the stream"
        assert set(in_stream) <= set(ledger)
        doubles = len(in_stream) - len(set(in_stream))
        assert doubles >= KILLS // 2, f"only {doubles} readings were sent again after they were stored"
        history.start()
        client: HistoryClient = history.client
        assert client.flush(last, 30)
        devices = list(Device.objects.values_list("id", flat=True))
        now = int(time.time() * 1000)
        counted = sum(client.counts(devices, now - 3_600_000, now + 3_600_000)["count"].to_pylist())
        assert counted == len(set(in_stream)), f"{counted} stored, {len(in_stream)} sent"
        assert process.stop(signal.SIGTERM) == 0
    finally:
        for child in (process.child, history.child):
            if child is not None and child.poll() is None:
                child.kill()
                child.wait()
        line.close()


async def fast_replay(process: GatewayProcess, home: Path, file: Path, seen: Callable[[], Awaitable[int]]) -> Any:
    """`linli replay` at a speed that the district cannot follow, with the gateway killed twice on the way."""
    (home / "run").mkdir()
    env = {"LINLI_PUBLIC_URL": "http://127.0.0.1:1", "LINLI_MQTT_PORT": str(process.port), "LINLI_DEVICE_PORT": "1"}
    (home / "run" / "env.json").write_text(json.dumps(env))
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "linli", "replay", str(file), "--map", "nab", "--token", "token-0", "--no-shift",
        "--speed", "500", "--json", "--home", str(home), stdout=asyncio.subprocess.PIPE, env={**os.environ},
    )  # fmt: skip
    told = asyncio.create_task(child.communicate())
    for goal in (300, 1500):
        deadline = time.monotonic() + 30
        while await seen() < goal:
            assert time.monotonic() < deadline and not told.done()
            await asyncio.sleep(0.05)
        process.stop(signal.SIGKILL)
        process.start()
    out, _ = await told
    assert child.returncode == 0
    return json.loads(out.splitlines()[-1])


@pytest.mark.timeout(200)
def test_a_fast_replay_goes_on_when_the_gateway_is_killed(
    broker: Nats, tokens: list[str], tmp_path: Path, run: Callable[..., Any]
) -> None:
    count, start = 4000, int(time.time()) - 4000
    file = tmp_path / "fast.csv"
    rows = (f"{datetime.fromtimestamp(start + i, UTC):%Y-%m-%d %H:%M:%S},{i}\n" for i in range(count))
    file.write_text("timestamp,value\n" + "".join(rows))
    numbers = {pk.bytes: int(code[2:]) for pk, code in Device.objects.values_list("id", "code")}
    process = GatewayProcess(broker.url, tmp_path / "gateway.log")
    process.start()

    async def go() -> tuple[Any, list[int]]:
        nc = await stream.connect("judge", url=broker.url)
        await stream.ensure_stream(nc)
        _, before = await stream.bounds(nc)
        await nc.close()

        async def seen() -> int:
            return len((await stored(broker, numbers, before))[0])

        report = await fast_replay(process, tmp_path, file, seen)
        return report, [ts for _, ts in (await stored(broker, numbers, before))[0]]

    try:
        report, times = run(go())
        assert (report["rows"], report["sent"], report["rejected"]) == (count, count, 0)
        wanted = [(start + i) * 1000 for i in range(count)]
        assert list(dict.fromkeys(times)) == wanted  # all, in order of their first arrival
        assert len(times) - count <= 2 * 50  # at most the message under way at each kill came twice
    finally:
        if process.child is not None and process.child.poll() is None:
            process.child.kill()
            process.child.wait()
