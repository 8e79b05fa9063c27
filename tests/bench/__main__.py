"""`make bench`: measure a fresh demo district on this machine and print every figure (`--json` for programs).

`ARGS="--only locate,cases"` picks parts; `ARGS="--out FILE"` also writes the JSON. Ends with the bars: each figure, its
bar, and whether it is met; the exit code is 1 when one is missed.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from typing import Any

from tests.bench import bars, machine
from tests.district import District

PARTS = ("locate", "live", "cases", "telemetry")


def startup() -> dict[str, Any]:
    """Seconds from `linli up` to ready: the first time with the demo, then again on the same home."""
    first = District(demo=True)
    first.start()
    took = {"first_time_s": round(first.seconds_to_ready, 2)}
    first._own = False
    first.stop()
    again = District(demo=True, home=first.home)
    again._own = True
    again.start()
    took["again_s"] = round(again.seconds_to_ready, 2)
    again.stop()
    return took


def show(name: str, value: Any, depth: int = 0) -> None:
    pad = "  " * depth
    if isinstance(value, dict):
        print(f"{pad}{name}:")
        for key, inner in value.items():
            show(str(key), inner, depth + 1)
    else:
        print(f"{pad}{name}: {value}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", default="", help="comma-separated parts: startup," + ",".join(PARTS))
    parser.add_argument("--out")
    args = parser.parse_args()
    wanted = set(filter(None, args.only.split(","))) or {"startup", *PARTS}
    result: dict[str, Any] = {"machine": machine.describe()}
    if "startup" in wanted:
        result["startup"] = startup()
    parts = [p for p in PARTS if p in wanted]
    if parts:
        with District(demo=True) as district:
            result["memory_idle_mb"] = machine.pss_mb(district)
            for name in parts:
                print(f"measuring {name} …", file=sys.stderr, flush=True)
                result[name] = importlib.import_module(f"tests.bench.{name}").run(district)
            result["memory_loaded_mb"] = machine.pss_mb(district)
    result["load_after"] = [round(x, 2) for x in os.getloadavg()]
    result["bars"] = bars.judged(result)
    if args.out:
        with open(args.out, "w") as out:
            json.dump(result, out, indent=1)
    if args.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            if name != "bars":
                show(name, value)
        for line in result["bars"]:
            print(bars.against(line))
    return 0 if all(line["met"] for line in result["bars"]) else 1


if __name__ == "__main__":
    raise SystemExit(main())
