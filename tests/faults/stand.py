"""A demo district for fault tests: known ports, its devices' tokens, and killing with a stop-watch."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from tests.district import District

from linli.engines.testing import some_port


class Stand(District):
    def __init__(self, home: Path | None = None, args: tuple[str, ...] = ()) -> None:
        first = some_port()
        doors = (f"--port={first}", f"--mqtt-port={first + 1}", f"--device-port={first + 2}")
        super().__init__(demo=True, home=home, args=(*doors, *args))

    def demo_devices(self, model: str) -> dict[str, dict[str, Any]]:
        known = json.loads((self.home / "secrets" / "demo-devices.json").read_text())
        return {code: facts for code, facts in known.items() if facts["model"] == model}

    def facts(self) -> dict[str, Any]:
        """status.json itself: cheaper than the command."""
        return json.loads((self.home / "run" / "status.json").read_text())

    def running_names(self) -> list[str]:
        return [name for name, facts in self.facts()["processes"].items() if facts["state"] != "done"]

    def kill_and_wait(self, name: str, limit: float = 15) -> float:
        """kill -9; seconds until the whole district says it is ready with a new process."""
        began = time.monotonic()
        gone = self.kill(name)
        while time.monotonic() - began < limit + 15:
            facts = self.facts()
            if facts["ready"] and facts["processes"][name]["pid"] not in (None, gone):
                return time.monotonic() - began
            time.sleep(0.05)
        raise AssertionError(f"{name} is not back: {self.facts()['processes'][name]}")
