"""The clocks of a second gateway and of a second sense jump about: readings and alarms stay as they were."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from tests.faults.ledger import Api, readings_of
from tests.faults.mqtt import Device
from tests.faults.stand import Stand
from tests.faults.swing import Swing, judge_alarms, rule_for

from linli.engines.testing import some_port

pytestmark = pytest.mark.slow
LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
JUMPS = (480, -480, 0, 3600, -3600, 90, 0)
STAY_S = 4.0
DEVICES = 6


@contextmanager
def off_clock(district: Stand, name: str, clock: Path, **ports: int) -> Iterator[subprocess.Popen[bytes]]:
    """One more `name` of the district, whose wall clock is what `clock` says it is off by."""
    env = os.environ | district.env | district.environment() | {
        "LINLI_PROCESS": f"{name}-9", "LD_PRELOAD": str(LIBRARY), "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_CACHE_DURATION": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    } | {f"LINLI_{key.upper()}_PORT": str(port) for key, port in ports.items()}  # fmt: skip
    with open(district.home / "logs" / f"{name}-9.log", "ab") as log:
        child = subprocess.Popen([sys.executable, "-m", "linli", "run", name], env=env, stdout=log, stderr=log)
    try:
        yield child
        assert child.poll() is None, f"{name} ended with {child.returncode}"
    finally:
        child.terminate()
        child.wait(30)


def wait_for_door(port: int, token: str, limit: float = 60) -> None:
    end = time.monotonic() + limit
    while True:
        try:
            Device(port, token, "door").connect(1)
            return
        except Exception:
            assert time.monotonic() < end, "the second gateway does not let a device in"
            time.sleep(0.2)


@pytest.mark.skipif(LIBRARY is None, reason="needs Debian's faketime")
@pytest.mark.timeout(600)
def test_clocks_that_jump_lose_double_and_invent_nothing(district: Stand, tmp_path: Path) -> None:
    api, clock, port = Api(district.origin, key=district.key()), tmp_path / "clock", some_port()
    known = list(district.demo_devices("water_level").items())[20 : 20 + DEVICES]
    clock.write_text("+0")
    before = httpx.get(f"{district.origin}/readyz", trust_env=False).status_code
    assert before == 200
    with off_clock(district, "gateway", clock, mqtt=port, device=some_port()), off_clock(district, "sense", clock):
        wait_for_door(port, known[0][1]["token"])
        for _, facts in known:
            rule_for(api, facts["id"])
        time.sleep(3)  # until both have the rules and have shared the partitions
        swings = [Swing(port, code, facts["token"]) for code, facts in known]
        for swing in swings:
            swing.start()
        for off in JUMPS:
            time.sleep(STAY_S)
            clock.write_text(f"{off:+d}")
        for swing in swings:
            swing.ended.set()
            swing.join(30)
        time.sleep(3)
        owners = json.loads(district.run("status", "--json", "--home", str(district.home)).stdout)
        assert owners["ready"]
    for (_, facts), swing in zip(known, swings, strict=True):
        start, end = swing.sent[0][0] - 1000, swing.sent[-1][0] + 1000
        kept = readings_of(api, facts["id"], start, end)
        assert sorted(kept.elements()) == sorted(set(swing.sent)), "readings are not those that were acknowledged"
        assert judge_alarms(api, facts["id"], swing, district.environment()["LINLI_NATS_URL"]) == []
    print(f"\n{sum(len(s.sent) for s in swings)} readings, {sum(len(s.expected()) for s in swings)} alarms, jumps by "
          + ", ".join(f"{a} s" for a, _ in itertools.pairwise((*JUMPS, 0))))  # fmt: skip
