"""Readings end to end: MQTT QoS 1 in, rules and history on, alarms at a listener of /live/events.

In `make bench` as a part; alone on a running demo district: `python -m tests.bench.telemetry --home DIR [--json]`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import httpx
from tests.bench.machine import cpu_seconds, pss_mb, spread
from tests.district import District

RATE, SECONDS, CROSSINGS = 8_400, 20, 60  # a little above the bar of 8,000, because pacing never catches up
POINTS = 3


class Listener(threading.Thread):
    """One signed-in listener; notes when each alarm arrives."""

    def __init__(self, origin: str, key: str) -> None:
        super().__init__(daemon=True)
        self.origin, self.key = origin, key
        self.at: dict[str, float] = {}
        self.ready = threading.Event()

    def run(self) -> None:
        headers = {"Authorization": f"Bearer {self.key}"}
        options = {"timeout": None, "verify": False, "trust_env": False}
        with httpx.Client(base_url=self.origin, headers=headers, **options) as client, \
                client.stream("GET", "/live/events", params={"types": "alarm.raised"}) as answer:  # fmt: skip
            answer.raise_for_status()
            self.ready.set()
            for line in answer.iter_lines():
                if line.startswith("data:") and '"alarm.raised"' in line:
                    found = json.loads(line[5:])
                    self.at.setdefault(found["data"]["device_id"], time.time())


def tokens(home: Path, crossings: int) -> dict[str, Any]:
    """Every demo device sends; water gauges that have no alarm yet cross their threshold once."""
    devices = json.loads((home / "secrets" / "demo-devices.json").read_text())
    gauges = [(d["id"], d["token"]) for d in devices.values() if d["model"] == "water_level"]
    used = home / "run" / "bench-crossed.json"
    before = set(json.loads(used.read_text())) if used.exists() else set()
    fresh = [g for g in gauges if g[0] not in before][:crossings]
    used.write_text(json.dumps([*before, *(g[0] for g in fresh)]))
    crossing = {g[0] for g in fresh}
    load = [d["token"] for d in devices.values() if d["id"] not in crossing]
    return {"load": load, "crossing": fresh}


def measure(
    district: District,
    *,
    rate: int,
    seconds: float,
    crossings: int,
    sends: dict[str, Any] | None = None,
    patience: float = 5,
) -> dict[str, Any]:
    """`sends`: tokens that send and those that cross, instead of the demo's; `patience`: seconds for late alarms."""
    state = district.status()
    listener = Listener(state["url"], district.key())
    listener.start()
    if not listener.ready.wait(20):
        raise RuntimeError("the live stream did not open")
    found = sends or tokens(district.home, crossings)
    while sends is None and len(found["load"]) < 2_000:  # at least two thousand connections
        found["load"] += found["load"][: 2_000 - len(found["load"])]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(found, file)
        file.flush()
        generator = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.telemetry_load", "--tokens", file.name, "--port",
             str(state["ports"]["mqtt"]), "--rate", str(rate), "--seconds", str(seconds)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert generator.stdin is not None and generator.stdout is not None
        if generator.stdout.readline().strip() != "ready":
            raise RuntimeError("the load generator did not start")
        time.sleep(2)
        before = cpu_seconds(district)
        generator.stdin.write("go\n")
        generator.stdin.flush()
        result = json.loads(generator.stdout.readline())
        after = cpu_seconds(district)
        generator.wait()
    return _figures(result, before, after, listener, pss_mb(district), rate, patience)


def _figures(result: dict[str, Any], before: dict[str, float], after: dict[str, float], listener: Listener,
             memory: dict[str, float], rate: int, patience: float) -> dict[str, Any]:  # fmt: skip
    deadline = time.time() + patience
    crossed = result["crossed_at"]
    while time.time() < deadline and len(set(crossed) & set(listener.at)) < len(crossed):
        time.sleep(0.1)
    messages = result["acked"] + result["acked_late"]
    cost = {name: (after[name] - before.get(name, 0)) / max(1, messages) * 1e6 for name in after}
    delays = [(listener.at[d] - at) * 1000 for d, at in crossed.items() if d in listener.at]
    arrived = [listener.at[d] for d in crossed if d in listener.at]
    return {
        "wanted_messages_per_s": rate or "as fast as acknowledged",
        "connections": result["connections"],
        "messages_per_s": round(result["acked"] / result["seconds"]),
        "points_per_s": round(result["acked"] * POINTS / result["seconds"]),
        "unacknowledged": result["sent"] - messages,
        "lost_connections": result["lost"],
        "ack_ms": spread([d * 1000 for d in result["delays"]]),
        "server_cpu_us_per_message": {
            "all": round(sum(cost.values()), 1),
            **{name: round(value, 1) for name, value in sorted(cost.items()) if value >= 0.05},
        },
        "generator_cpu_us_per_message": round(result["cpu_s"] / max(1, messages) * 1e6, 1),
        "alarms": {"crossed": len(crossed), "seen": len(delays)},
        "alarm_ms": spread(delays),
        "first_crossed_at": round(min(crossed.values(), default=0), 3),
        "last_alarm_s": round(max(arrived) - min(crossed.values()), 2) if arrived else None,
        "memory_mb": memory["total"],
        "load": [round(x, 2) for x in os.getloadavg()],
    }


def run(district: District) -> dict[str, Any]:
    at_bar = measure(district, rate=RATE, seconds=SECONDS, crossings=CROSSINGS)
    ceiling = measure(district, rate=0, seconds=10, crossings=10)
    return {"at_the_bar": at_bar, "as_fast_as_acknowledged": ceiling}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--rate", type=int, default=RATE)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--crossings", type=int, default=CROSSINGS)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    found = measure(District(home=args.home), rate=args.rate, seconds=args.seconds, crossings=args.crossings)
    print(json.dumps(found) if args.json else json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
