"""The broker hangs or the disk is full: the platform refuses, keeps what it acknowledged, and catches up."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.faults.ledger import Api, Load, judge, now_ms
from tests.faults.mqtt import Device, NoAnswer
from tests.faults.stand import Stand

pytestmark = pytest.mark.slow


@pytest.mark.timeout(300)
def test_broker_gone_nothing_is_acknowledged_then_it_catches_up(district: Stand) -> None:
    api = Api(district.origin, key=district.key())
    port = district.status()["ports"]["mqtt"]
    name, known = list(district.demo_devices("water_level").items())[42]
    broker = district.pid("nats")
    with Load(district, devices=4) as load:
        time.sleep(1)
        os.kill(broker, signal.SIGSTOP)
        try:
            time.sleep(1)
            device = Device(port, known["token"], name)
            for _ in range(3):
                with pytest.raises(NoAnswer):
                    device.publish(now_ms(), {"level": 0.1}, 2)
            # people go on working meanwhile
            assert load.intake.http.get("cases", params={"limit": 1}).status_code == 200
        finally:
            os.kill(broker, signal.SIGCONT)
        time.sleep(3)
        before = sum(len(rows) for rows in load.ledger.acked.values())
        time.sleep(3)
        ledger = load.stop()
    assert sum(len(rows) for rows in ledger.acked.values()) > before
    assert judge(api, load.dispatcher, ledger) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A home on a file system of its own that a test can fill."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=900m,mode=755", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Use up every byte."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as out:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    out.write(b"\0" * size)
            except OSError:
                continue
    return filler


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
@pytest.mark.timeout(600)
def test_disk_full_refuses_and_keeps_what_it_acknowledged(small_disk: Path) -> None:
    home = small_disk / "home"
    home.mkdir()
    with Stand(home=home) as district:
        api = Api(district.origin, key=district.key())
        with Load(district, devices=6) as load:
            time.sleep(3)
            filler = fill(small_disk)
            time.sleep(4)
            device_refused = _device_is_refused(district)
            person_refused = _person_is_refused(load)
            filler.unlink()
            time.sleep(2)
            _works_again(load)
            ledger = load.stop()
        print(f"\n{ledger.facts()}")
        assert device_refused and person_refused
        assert judge(api, load.dispatcher, ledger, patience=60) == []


def _device_is_refused(district: Stand) -> bool:
    port = district.facts()["ports"]["mqtt"]
    name, known = list(district.demo_devices("water_level").items())[43]
    device = Device(port, known["token"], name)
    try:
        for _ in range(40):  # a little may still fit into files that were laid out before
            device.publish(now_ms(), {"level": 0.3}, 3)
            time.sleep(0.05)
    except NoAnswer:
        return True
    return False


def _person_is_refused(load: Load) -> bool:
    text = "下雨 " + "很长的说明 " * 300
    for number in range(40):
        try:
            answer = load.intake.http.post("cases", json={"text": text, "lon": 117.27, "lat": 31.985},
                                           headers={"Idempotency-Key": f"full-{number}-{now_ms()}"})  # fmt: skip
        except httpx.HTTPError:
            return True
        if answer.status_code >= 500:
            return True
    return False


def _works_again(load: Load, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    reports = len(load.ledger.reports)
    readings = sum(len(rows) for rows in load.ledger.acked.values())
    while time.monotonic() < end:
        more = sum(len(rows) for rows in load.ledger.acked.values()) - readings
        if len(load.ledger.reports) > reports + 2 and more > 20:
            return
        time.sleep(0.2)
    raise AssertionError("the district does not work again after the disk has room")
