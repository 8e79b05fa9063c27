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
    slowest, begun = 0.0, time.process_time()
    while done < inputs:
        data, whole, pieces = stream(name, chance, 10)
        cuts = sorted(chance.randrange(len(data) + 1) for _ in range(chance.randrange(4)))
        start = time.perf_counter()
        read += sum(not isinstance(item, Broken) for item in drink(name, data, cuts))
        slowest = max(slowest, time.perf_counter() - start)
        done, good = done + pieces, good + whole
    return told(done, good, begun, slowest) | {"frames_read": read}


def run_mqtt(inputs: int, chance: random.Random) -> dict[str, float]:
    """Each input meets an open line: the client comes again whenever it was closed."""
    visitor, slowest, begun = mqttkit.Visitor(), 0.0, time.process_time()
    while visitor.read < inputs:
        start = time.perf_counter()
        for _ in range(min(10, inputs - visitor.read)):
            visitor.say(chance)
        slowest = max(slowest, time.perf_counter() - start)
    visitor.leave()
    return told(visitor.read, visitor.whole, begun, slowest) | {
        "messages_taken": visitor.ear.taken, "lines": visitor.lines,
    }  # fmt: skip


def told(done: int, good: int, begun: float, slowest: float) -> dict[str, float]:
    spent = time.process_time() - begun
    return {"inputs": done, "valid_share": round(good / done, 3), "slowest_ms": round(slowest * 1000, 1),
            "cpu_seconds": round(spent, 1), "inputs_per_cpu_s": round(done / spent)}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000, help="of each protocol")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="one protocol")
    args = parser.parse_args()
    chance = random.Random(args.seed)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = {
        name: run_mqtt(args.inputs, chance) if name == "mqtt" else run(name, args.inputs, chance)
        for name in (*NAMES, "mqtt") if args.only in ("", name)
    }  # fmt: skip
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(json.dumps(found | {"memory_grown_kb": grown}, indent=1))


if __name__ == "__main__":
    main()
