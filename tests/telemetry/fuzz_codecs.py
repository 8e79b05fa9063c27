"""Fuzz the codecs: `python -m tests.telemetry.fuzz_codecs --inputs 1000000 [--seed 1] [--only mqtt]`.

Prints what it saw as JSON.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import time

from tests.telemetry import mqttkit
from tests.telemetry.codeckit import NAMES, drink, stream

from linli.telemetry.codecs.framing import Broken


def run(name: str, inputs: int, chance: random.Random) -> dict[str, float]:
    done = good = read = 0
    slowest, begun = 0.0, time.perf_counter()
    while done < inputs:
        data, whole, pieces = mqttkit.stream(chance, 10) if name == "mqtt" else stream(name, chance, 10)
        cuts = sorted(chance.randrange(len(data) + 1) for _ in range(chance.randrange(4)))
        start = time.perf_counter()
        read += mqttkit.drink(data, cuts) if name == "mqtt" else frames(name, data, cuts)
        slowest = max(slowest, time.perf_counter() - start)
        done, good = done + pieces, good + whole
    return {"inputs": done, "valid_share": round(good / done, 3), "frames_read": read,
            "slowest_ms": round(slowest * 1000, 1), "seconds": round(time.perf_counter() - begun, 1)}  # fmt: skip


def frames(name: str, data: bytes, cuts: list[int]) -> int:
    return sum(not isinstance(item, Broken) for item in drink(name, data, cuts))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000, help="of each protocol")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="one protocol")
    args = parser.parse_args()
    chance = random.Random(args.seed)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = {name: run(name, args.inputs, chance) for name in (*NAMES, "mqtt") if args.only in ("", name)}
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(json.dumps(found | {"memory_grown_kb": grown}, indent=1))


if __name__ == "__main__":
    main()
