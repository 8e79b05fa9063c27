"""kill -9 of each process in turn, under load: nothing acknowledged is lost, nothing is there twice."""

from __future__ import annotations

import os
import threading
import time

import psycopg
import pytest
from tests.faults.ledger import Api, Load, judge, now_ms, readings_of
from tests.faults.mqtt import Device, NoAnswer
from tests.faults.stand import Stand

pytestmark = pytest.mark.slow
ROUNDS = int(os.environ.get("LINLI_FAULT_ROUNDS", "10"))
LIMIT = 15.0


def usable_again(district: Stand, load: Load, limit: float) -> float:
    """Seconds until a fresh device and a fresh reader are served, by the contract only."""
    began = time.monotonic()
    name, known = list(district.demo_devices("water_level").items())[40]
    while True:
        try:
            device = Device(load.mqtt_port, known["token"], name)
            device.connect(2)
            device.publish(now_ms(), {"level": 0.5}, 3)
            device.close()
            load.dispatcher.get("cases", limit=1)
            return time.monotonic() - began
        except (NoAnswer, AssertionError, OSError):
            if time.monotonic() - began > limit:
                raise
            time.sleep(0.1)
        except Exception as error:
            if "httpx" not in type(error).__module__ or time.monotonic() - began > limit:
                raise
            time.sleep(0.1)


@pytest.mark.timeout(3600)
def test_kill_each_process_in_turn_under_load(district: Stand) -> None:
    api = Api(district.origin, key=district.key())
    slowest: dict[str, float] = {}
    with Load(district) as load:
        time.sleep(1)
        for _ in range(ROUNDS):
            for name in district.running_names():
                seconds = district.kill_and_wait(name) + usable_again(district, load, LIMIT)
                slowest[name] = max(slowest.get(name, 0), seconds)
        time.sleep(1)
        ledger = load.stop()
    print(f"\n{ROUNDS} rounds; {ledger.facts()}; slowest return: "
          + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in slowest.items()))  # fmt: skip
    assert not ledger.refused, ledger.refused[:3]
    assert judge(api, load.dispatcher, ledger) == []
    assert len(ledger.reports) > ROUNDS
    assert max(slowest.values()) <= LIMIT, slowest


@pytest.mark.timeout(600)
def test_database_killed_while_a_long_query_runs(district: Stand) -> None:
    url = json_env(district)["LINLI_DATABASE_URL"]

    def long_query() -> None:
        try:
            with psycopg.connect(url) as db:
                db.execute("select count(*) from generate_series(1, 20000000000)")
        except psycopg.OperationalError:
            return

    api = Api(district.origin, key=district.key())
    with Load(district, devices=4) as load:
        runner = threading.Thread(target=long_query, daemon=True)
        runner.start()
        time.sleep(2)
        seconds = district.kill_and_wait("postgres") + usable_again(district, load, LIMIT)
        time.sleep(1)
        ledger = load.stop()
    assert seconds <= LIMIT
    assert judge(api, load.dispatcher, ledger) == []


def json_env(district: Stand) -> dict[str, str]:
    import json

    return json.loads((district.home / "run" / "env.json").read_text())


@pytest.mark.timeout(300)
def test_gateway_killed_between_the_streams_acknowledgement_and_its_own(district: Stand) -> None:
    """The platform has the reading, the device never hears so, and sends it again: it is there once."""
    api = Api(district.origin, key=district.key())
    port = district.status()["ports"]["mqtt"]
    name, known = list(district.demo_devices("water_level").items())[41]
    start, times = now_ms(), []
    for number in range(5):
        device = Device(port, known["token"], name)
        device.connect()
        ts = now_ms()
        device.send(ts, {"level": 0.25})  # and its answer is never read
        wait_for(lambda at=ts: (at, 0.25) in readings_of(api, known["id"], start - 1000, now_ms() + 1000))
        district.kill_and_wait("gateway")
        again = Device(port, known["token"], name)
        again.publish(ts, {"level": 0.25}, 15)
        again.publish(ts + 1, {"level": number / 10}, 15)
        times += [ts, ts + 1]
    wait_for(lambda: len(readings_of(api, known["id"], start - 1000, now_ms() + 1000)) == len(times))
    kept = readings_of(api, known["id"], start - 1000, now_ms() + 1000)
    assert sorted(ts for ts, _ in kept) == sorted(times)
    assert set(kept.values()) == {1}


def wait_for(check, seconds: float = 20) -> None:  # type: ignore[no-untyped-def]
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end
        time.sleep(0.1)
