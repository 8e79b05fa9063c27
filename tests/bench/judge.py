"""What the judge costs a batch of 60,000 readings of 20,000 devices under plain rules, in CPU milliseconds.

python -m tests.bench.judge
"""

from __future__ import annotations

import time
import uuid

import numpy as np

from linli.devices.contracts import RegistryRow, RuleRow
from linli.telemetry.sense.book import Book
from linli.telemetry.sense.judge import Judge

DEVICES, ROUNDS = 20_000, 40
PROPERTIES = ("level", "flow", "battery")
T = 1_790_000_000_000


def plain(number: int, prop: str, kind: str, value: float) -> RuleRow:
    return RuleRow(uuid.UUID(int=9_000_000 + number), f"r{number}", 1, "m", prop, kind, "gt", value, value - 0.2,
                   600 if kind == "duration" else 0, 0, 60, "info")  # fmt: skip


def main() -> None:
    rng = np.random.default_rng(1)
    book = Book(1)
    book.put_rules([plain(1, "level", "threshold", 9.9), plain(2, "level", "duration", 9.8),
                    plain(3, "flow", "threshold", 9.95)])  # fmt: skip
    rows = [RegistryRow(uuid.UUID(int=1 + n), str(n), "m", "place", "d", True, [], 60, {}) for n in range(DEVICES)]
    book.put_devices(rows, whole=True)
    judge = Judge(book)
    judge.owned[:] = judge.ready[:] = True
    dev = np.repeat(np.arange(DEVICES), len(PROPERTIES))
    prop = np.tile([book.property_at(p) for p in PROPERTIES], DEVICES)
    flags, message = np.zeros(len(dev), np.uint8), np.repeat(np.arange(len(dev) // 1500), 1500)
    spent = []
    for n in range(ROUNDS):
        ts = np.full(len(dev), T + n * 10_000)
        value = rng.uniform(0, 10, len(dev))
        begun = time.process_time()
        judge.take_columns(dev, prop, ts, ts + 20, value, flags, message)
        spent.append(time.process_time() - begun)
        judge.drain()
    spent = sorted(spent[5:])
    print(f"{len(dev):,} readings: best {spent[0] * 1000:.2f}, median {spent[len(spent) // 2] * 1000:.2f} CPU ms")


if __name__ == "__main__":
    main()
