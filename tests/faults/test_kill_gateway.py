"""The gateway killed at the worst moment: the stream has acknowledged a reading and the device has not been told."""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from typing import Any

import pytest
from tests.district import LINLI
from tests.faults.ledger import Api, now_ms, readings_of
from tests.faults.line import Line
from tests.faults.mqtt import Device, NoAnswer
from tests.faults.stand import LIMIT, Stand

from linli.engines.testing import some_port

pytestmark = pytest.mark.slow


class DeafGateway:
    """One more gateway of the district (`linli run gateway`), whose line to the stream can be made deaf."""

    def __init__(self, district: Stand, line: Line) -> None:
        self.port, self.log = some_port(), district.home / "logs" / "deaf-gateway.log"
        ports = {"LINLI_MQTT_PORT": self.port, "LINLI_DEVICE_PORT": some_port()}
        metrics = json.dumps({"gateway": some_port()})
        self.env = {**district.env, **district.environment(), **{name: str(port) for name, port in ports.items()},
                    "LINLI_METRICS_PORTS": metrics, "LINLI_NATS_URL": line.url}  # fmt: skip
        self.child: subprocess.Popen[bytes] | None = None

    def start(self, known: dict[str, Any], name: str) -> Device:
        """A new process, and the device signed in to it."""
        with open(self.log, "ab") as out:
            self.child = subprocess.Popen([*LINLI, "run", "gateway"], env=self.env, stdout=out, stderr=out)
        device, end = Device(self.port, known["token"], name), time.monotonic() + LIMIT
        while True:
            try:
                device.connect(2)
                return device
            except NoAnswer:
                assert time.monotonic() < end, self.log.read_text()[-2000:]
                time.sleep(0.1)

    def kill(self) -> None:
        if self.child is not None:
            self.child.kill()
            self.child.wait()


@pytest.mark.timeout(300)
def test_gateway_killed_between_the_streams_acknowledgement_and_its_own(district: Stand) -> None:
    """The stream has the reading, the gateway is never told and dies; the device sends it again: it is there once."""
    api, line = Api(district.origin, key=district.key()), Line(district.environment()["LINLI_NATS_URL"])
    name, known = list(district.demo_devices("water_level").items())[41]
    gateway, start, times = DeafGateway(district, line), now_ms(), []

    def kept() -> Counter[tuple[int, float]]:
        return readings_of(api, known["id"], start - 1000, now_ms() + 1000)

    try:
        device = gateway.start(known, name)
        for number in range(5):
            device.publish(now := now_ms(), {"level": number / 10}, 15)
            line.deafen()
            with pytest.raises(NoAnswer):
                device.publish(now + 1, {"level": 0.75}, 1)
            line.wait_for_kept_back(b'"seq":')
            wait_for(lambda at=now + 1: (at, 0.75) in kept())  # the platform has it, and has not said so
            gateway.kill()
            line.hear()
            device = gateway.start(known, name)
            device.publish(now + 1, {"level": 0.75}, 15)
            device.publish(now + 2, {"level": 0.5}, 15)
            times += [now, now + 1, now + 2]
        wait_for(lambda: len(kept()) >= len(times))
        time.sleep(2)  # a double would come late
        assert sorted(kept().elements()) == sorted(kept()), "a reading is there twice"
        assert sorted(ts for ts, _ in kept()) == sorted(times)
    finally:
        gateway.kill()
        line.close()


def wait_for(check, seconds: float = 20) -> None:  # type: ignore[no-untyped-def]
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end
        time.sleep(0.1)
