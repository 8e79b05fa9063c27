"""A draft rule over 1,000 devices × 30 days × 10 minutes (4.3 M readings) in a store of its own: seconds and memory.

python -m tests.bench.rules
"""

from __future__ import annotations

import resource
import tempfile
import time
import uuid
from pathlib import Path

import numpy as np
import pyarrow as pa

from linli.devices.contracts import RegistryRow, RuleRow
from linli.telemetry.history import questions
from linli.telemetry.history.store import QUERY_SETTINGS, Store
from linli.telemetry.sense.bench import Bench

DEVICES, ROUNDS, STEP = 1_000, 4_320, 600_000
T = 1_790_000_000_000
RULES: dict[str, dict[str, object]] = {
    "noisy": {"kind": "threshold", "duration_s": 0},
    "duration": {"kind": "duration", "duration_s": 3600},
    "rare": {"kind": "threshold", "duration_s": 0, "value": 4.0, "clear_value": None},
}


def fill(store: Store, ids: list[bytes]) -> None:
    client = store.client()
    store.prepare(client)
    rng = np.random.default_rng(1)
    instant = pa.timestamp("ms", "UTC")
    for first in range(0, ROUNDS, 96):
        n = min(96, ROUNDS - first)
        at = np.repeat(T + (first + np.arange(n)) * STEP, DEVICES)
        client.insert_arrow("raw", pa.table({
            "device": pa.array(ids * n, pa.binary(16)), "property": pa.array(["level"] * len(at)),
            "ts": pa.array(at).cast(instant), "recv": pa.array(at + 500).cast(instant),
            "value": 2 + np.sin(at / 4e7) + rng.normal(0, 0.3, len(at)), "flags": np.zeros(len(at), np.uint8),
            "seq": np.repeat(np.arange(first, first + n), DEVICES).astype(np.uint64) + np.uint64(1),
        }))  # fmt: skip
    client.close()


def main() -> None:
    keys = [uuid.UUID(int=1 + n) for n in range(DEVICES)]
    rows = [RegistryRow(k, str(n), "m", "place", "d", True, [], 600, {}) for n, k in enumerate(keys)]
    base = {"rule_id": uuid.uuid4(), "code": "r", "version": 1, "model": "m", "property": "level", "op": "gt",
            "value": 3.0, "clear_value": 2.8, "no_data_s": 0, "reraise_s": 60, "severity": "info"}  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        fill(store, [k.bytes for k in keys])
        client = store.client(**QUERY_SETTINGS)
        for name, more in RULES.items():
            begun, asked, after = time.perf_counter(), 0.0, None
            bench = Bench(RuleRow(**(base | more)), rows)
            while True:
                at = time.perf_counter()
                ids = [k.bytes for k in keys]
                table = questions.ask(client, questions.arrivals(ids, ["level"], T, T + 10**11, after, 1_000_000))
                asked += time.perf_counter() - at
                bench.take(table)
                if len(table) < 1_000_000:
                    break
                after = table["seq"][-1].as_py()
            found = bench.finish()
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            print(f"{name}: {bench.points:,} readings, {len(found):,} alarms, {time.perf_counter() - begun:.1f} s "
                  f"({asked:.1f} s of it the store), {peak} MB in all")  # fmt: skip


if __name__ == "__main__":
    main()
