"""A demo district for fault tests: known ports, its devices' tokens, and killing with a stop-watch."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import httpx
from tests.district import District
from tests.faults.ledger import Load, now_ms
from tests.faults.mqtt import Device, NoAnswer

from linli.engines.testing import some_port

LIMIT = 15.0  # seconds until everything is served again


class Stand(District):
    def __init__(self, home: Path | None = None, args: tuple[str, ...] = (), env: dict[str, str] | None = None) -> None:
        first = some_port()
        doors = (f"--port={first}", f"--mqtt-port={first + 1}", f"--device-port={first + 2}")
        super().__init__(demo=True, home=home, args=(*doors, *args), env=env)

    def demo_devices(self, model: str) -> dict[str, dict[str, Any]]:
        known = json.loads((self.home / "secrets" / "demo-devices.json").read_text())
        return {code: facts for code, facts in known.items() if facts["model"] == model}

    def facts(self) -> dict[str, Any]:
        """status.json itself: cheaper than the command."""
        return json.loads((self.home / "run" / "status.json").read_text())

    def environment(self) -> dict[str, str]:
        """The addresses of the running district."""
        return json.loads((self.home / "run" / "env.json").read_text())

    def running_names(self) -> list[str]:
        return [name for name, facts in self.facts()["processes"].items() if facts["state"] != "done"]

    def kill_and_wait(self, name: str, limit: float = LIMIT) -> float:
        """kill -9; seconds until the whole district says it is ready with a new process."""
        began = time.monotonic()
        gone = self.kill(name)
        while time.monotonic() - began < limit + 15:
            facts = self.facts()
            if facts["ready"] and facts["processes"][name]["pid"] not in (None, gone):
                return time.monotonic() - began
            time.sleep(0.05)
        raise AssertionError(f"{name} is not back: {self.facts()['processes'][name]}")

    def kill_supervisor_and_start_again(self) -> float:
        """kill -9 of `linli up` itself, then the same command; seconds until the district says it is ready."""
        assert self.process is not None
        before = {facts["pid"] for facts in self.facts()["processes"].values()}
        began = time.monotonic()
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.start()
        after = {facts["pid"] for facts in self.facts()["processes"].values()}
        assert not (before & after) - {None}, "a process of the dead supervisor runs on"
        return time.monotonic() - began

    def usable_again(self, load: Load, limit: float = LIMIT) -> float:
        """Seconds until a fresh device and a fresh reader are served, by the contract only."""
        began = time.monotonic()
        name, known = list(self.demo_devices("water_level").items())[40]
        while True:
            try:
                device = Device(load.mqtt_port, known["token"], name)
                device.connect(2)
                device.publish(now_ms(), {"level": 0.5}, 3)
                device.close()
                load.dispatcher.get("cases", limit=1)
                return time.monotonic() - began
            except (NoAnswer, AssertionError, OSError, httpx.HTTPError):
                if time.monotonic() - began > limit:
                    raise
                time.sleep(0.1)
