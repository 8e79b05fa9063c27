"""What the device explorer and the screens around it ask, at 100,000 devices: p50, p95 and CPU of each request.

    python -m tests.bench.explorer --home DIR [--only facets,cells] [--rounds 20]

`--home` is a running demo district whose registry `tests.bench.devices_fill` filled (`registry`, then `lively`, and
`year` for some of its devices while it does not run).
"""

from __future__ import annotations

import argparse
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.bench import devices_fill
from tests.bench.devices import Asks
from tests.district import District

BAR_MS = 100
WEST, SOUTH = 117.25, 31.96


def paths(home: Path) -> dict[str, str]:
    gauge, other = (i for i, _ in devices_fill.tokens(home)[:2])
    box = f"{WEST},{SOUTH},{WEST + 0.02},{SOUTH + 0.02}"
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    day = f"start={(now - timedelta(days=1)).isoformat()}&end={now.isoformat()}".replace("+", "%2B")
    week = f"start={(now - timedelta(days=7)).isoformat()}&end={now.isoformat()}".replace("+", "%2B")
    eight = ",".join(f"{d}:level:{n * 604_800}" for d in (gauge, other) for n in range(4))
    return {
        "devices": "devices?limit=50", "devices owner+silent": "devices?limit=50&owner=排水管理所&online=false",
        "rows": "device-rows?limit=60", "rows worst first": "device-rows?limit=60&sort=alarm",
        "rows owner+silent": "device-rows?limit=60&owner=排水管理所&link=silent",
        "rows by word": "device-rows?limit=60&q=井盖 12",
        "facets": "device-facets", "facets of a mix": "device-facets?owner=排水管理所&link=silent&alarm=any&q=1",
        "cells of all": "device-cells?zoom=11", "cells near": f"device-cells?zoom=16&bbox={box}",
        "cells of alarms": "device-cells?zoom=13&alarm=any", "counts": "devices/counts",
        "pins: too many": "device-pins?most=2000", "pins of a screen": f"device-pins?bbox={box}",
        "alarms": "alarms?limit=50", "alarm counts": "alarms/counts", "incidents": "incidents?limit=50",
        "quality by owner": "devices/quality?by=owner", "quality by grid": "devices/quality?by=grid",
        "quality devices": "devices/quality/devices?what=unreported", "health": "telemetry/health",
        "one device": f"devices/{gauge}", "latest of 60": f"devices/latest?ids={gauge},{other}",
        "chart of a day": f"devices/{gauge}/series?property=level&{day}",
        "expected of a day": f"devices/{gauge}/expected?property=level&{day}",
        "eight series": f"series?series={eight}&points=600&{week}",
        "calendar of a year": f"devices/{gauge}/calendar?property=level",
        "calendar of a month": f"devices/{gauge}/calendar?property=level&month={now.month}",
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.explorer", description=__doc__)
    parser.add_argument("--home", required=True, type=Path)
    parser.add_argument("--only", default="", help="names, with commas between")
    parser.add_argument("--rounds", type=int, default=20)
    args = parser.parse_args()
    ask, over = Asks(District(demo=True, home=args.home)), 0
    chosen = {name for name in args.only.split(",") if name}
    for name, path in paths(args.home).items():
        if chosen and name not in chosen:
            continue
        found = ask.measure(path, rounds=args.rounds)
        over += found["p95"] > BAR_MS
        print(
            f"{name}: {json.dumps(found)} load {os.getloadavg()[0]:.1f}{' over' * (found['p95'] > BAR_MS)}", flush=True
        )
    return 1 if over else 0


if __name__ == "__main__":
    raise SystemExit(main())
