"""Real NATS, real PostgreSQL, real sense processes, and a publisher in the gateway's place."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.db import connection
from psycopg.conninfo import make_conninfo

from linli.devices.models import Device, Rule, SenseLease, SenseMember, ThingModel
from linli.engines import testing
from linli.engines.nats import Nats
from linli.kernel import ids
from linli.telemetry import batch, stream

PARTITIONS = 4


@pytest.fixture(scope="module")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nats]:
    server = testing.start_nats(tmp_path_factory.mktemp("nats"))
    yield server
    server.stop()


class Fleet:
    """Devices with the model of water gauges, sense processes over them, and a way to send readings."""

    def __init__(self, server: Nats, home: Path, count: int) -> None:
        s = connection.settings_dict
        self.database = make_conninfo(
            host=s["HOST"], port=s["PORT"], user=s["USER"], password=s["PASSWORD"] or None, dbname=s["NAME"]
        )
        self.nats, self.home = server, home
        self.model = ThingModel.objects.create(
            code="t_water", name_zh="水位计", name_en="gauge", subject="place", category="water", interval_s=60,
            properties=[{"code": "level", "name": {"zh": "水位", "en": "level"}, "type": "number"}],
        )  # fmt: skip
        self.devices = [
            Device(code=f"W-{i}", name_zh=f"水{i}", model=self.model, area_path="d.1") for i in range(count)
        ]
        Device.objects.bulk_create(self.devices)
        self.processes: list[subprocess.Popen[bytes]] = []
        self.ports: dict[int, int] = {}

    def rule(self, **more: Any) -> Rule:
        base = {
            "code": f"r-{ids.new_id()}", "title_zh": "高", "title_en": "high", "model": self.model, "op": "gt",
            "property": "level", "kind": "threshold", "value": 3.0, "severity": "severe", "reraise_s": 0,
        }  # fmt: skip
        return Rule.objects.create(**(base | more))

    def start(self) -> subprocess.Popen[bytes]:
        port = testing.some_port()
        env = os.environ | {
            "LINLI_DATABASE_URL": self.database, "LINLI_NATS_URL": self.nats.url, "LINLI_HOME": str(self.home),
            "LINLI_PARTITIONS": str(PARTITIONS), "LINLI_METRICS_PORTS": json.dumps({"sense": port}),
        }  # fmt: skip
        log = (self.home / f"sense-{len(self.processes)}.log").open("wb")
        one = subprocess.Popen([sys.executable, "-m", "linli.telemetry.sense.main"], env=env, stdout=log, stderr=log)
        self.processes.append(one)
        self.ports[one.pid] = port
        return one

    def state(self, one: subprocess.Popen[bytes]) -> dict[str, Any]:
        try:
            return httpx.get(f"http://127.0.0.1:{self.ports[one.pid]}/readyz", timeout=1, trust_env=False).json()
        except httpx.HTTPError:
            return {"ready": False}

    def wait_ready(self, one: subprocess.Popen[bytes], parts: int = PARTITIONS, seconds: float = 15) -> float:
        begun = time.monotonic()
        while True:
            state = self.state(one)
            if state["ready"] and len(state["partitions"]) == parts:
                return time.monotonic() - begun
            assert time.monotonic() - begun < seconds, (state, self.logs())
            assert one.poll() is None, self.logs()
            time.sleep(0.05)

    def logs(self) -> str:
        return "\n".join(p.read_text()[-3000:] for p in sorted(self.home.glob("sense-*.log")))

    def stop(self) -> None:
        for one in self.processes:
            if one.poll() is None:
                one.send_signal(signal.SIGTERM)
        for one in self.processes:
            try:
                one.wait(8)
            except subprocess.TimeoutExpired:
                one.kill()

    async def connect(self) -> Any:
        nc = await stream.connect("test", url=self.nats.url)
        await stream.ensure_stream(nc)
        return nc

    async def send(self, nc: Any, points: list[tuple[int, int, float]]) -> None:
        """Points as (device number, ts ms, value); returns when the stream has them."""
        groups: dict[int, list[tuple[int, int, float]]] = {}
        for point in points:
            groups.setdefault(batch.partition_of(self.devices[point[0]].pk.bytes, PARTITIONS), []).append(point)
        for part, mine in groups.items():
            numbers = sorted({p[0] for p in mine})
            at = time.time_ns() // 1_000_000
            one = batch.make(
                [self.devices[n].pk.bytes for n in numbers], ["level"], [numbers.index(p[0]) for p in mine],
                [0] * len(mine), [p[1] for p in mine], [at] * len(mine), [p[2] for p in mine], [0] * len(mine),
            )  # fmt: skip
            await nc.jetstream().publish(batch.subject_of(part), batch.encode(one))

    async def event(self, nc: Any, kind: str, ref: uuid.UUID) -> None:
        await nc.publish(f"evt.{kind}", json.dumps({"type": kind, "ref": str(ref)}).encode())
        await nc.flush()


@pytest.fixture
def fleet(transactional_db: None, nats: Nats, tmp_path: Path) -> Iterator[Callable[[int], Fleet]]:
    made: list[Fleet] = []

    def make(count: int) -> Fleet:
        made.append(Fleet(nats, tmp_path, count))
        return made[-1]

    SenseLease.objects.all().delete()
    SenseMember.objects.all().delete()
    yield make
    for one in made:
        one.stop()

    async def purge() -> None:
        nc = await stream.connect("purge", url=nats.url)
        await nc.jetstream().purge_stream(batch.STREAM)
        await nc.close()

    asyncio.run(purge())
