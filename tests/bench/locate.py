"""Locating points: single and in bulk, over the demo district's grids, inside one process."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.district import District

SCRIPT = """
import json, time, numpy as np
from linli import commands
commands.django_ready()
from linli.places import facade, index
nodes = index.current().nodes
rng = np.random.default_rng(1)
lon, lat = rng.uniform(117.22, 117.32, 200_000), rng.uniform(31.93, 32.03, 200_000)
facade.locate(117.27, 31.985)
took = []
for i in range(5000):
    began = time.perf_counter()
    facade.locate(float(lon[i]), float(lat[i]))
    took.append((time.perf_counter() - began) * 1e6)
took.sort()
cpu = time.process_time(); facade.locate_codes(lon, lat); bulk = time.process_time() - cpu
print(json.dumps({"grids": len(nodes), "single_us_p50": round(took[2500], 1), "single_us_p99": round(took[4950], 1),
                  "bulk_points_per_cpu_second": round(len(lon) / bulk)}))
"""


def run(district: District) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=district.env, capture_output=True, text=True, check=True, timeout=300
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))
