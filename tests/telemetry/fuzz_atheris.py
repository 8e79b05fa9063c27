"""Fuzz one codec guided by what its code does: `python -m tests.telemetry.fuzz_atheris mqtt -atheris_runs=1000000`.

The fuzzer's bytes are the chance by which frames are built, whole, damaged or not at all; so it learns which choices
lead into new branches, and a third of what it makes still has a valid checksum. At the end it prints what there was.
"""

from __future__ import annotations

import atexit
import json
import random
import sys

import atheris

PIECES = 4


class Chance(random.Random):
    """Choices read from given bytes, then from a generator that these bytes seed."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.data, self.at = data, 0

    def getrandbits(self, k: int) -> int:
        size = (k + 7) // 8
        part = self.data[self.at : self.at + size]
        if len(part) < size:
            return super().getrandbits(k)
        self.at += size
        return int.from_bytes(part, "big") >> (size * 8 - k)

    def random(self) -> float:
        return self.getrandbits(32) / 2**32

    def randbytes(self, n: int) -> bytes:
        return self.getrandbits(n * 8).to_bytes(n, "big") if n else b""


def main() -> None:
    name = sys.argv.pop(1)
    with atheris.instrument_imports(include=["linli.telemetry"]):
        from tests.telemetry import mqttkit
        from tests.telemetry.codeckit import NAMES, drink, stream
    if name not in (*NAMES, "mqtt"):
        raise SystemExit(f"{name!r} is none of {', '.join((*NAMES, 'mqtt'))}")
    seen = {"inputs": 0, "valid": 0, "raw": 0}

    def one(data: bytes) -> None:
        if data[:1] < b"\x20":  # an eighth are bytes as they are
            built, whole, pieces = data[1:], 0, 1
            seen["raw"] += 1
        elif name == "mqtt":
            visitor, chance = mqttkit.Visitor(), Chance(data[1:])
            for _ in range(PIECES):
                visitor.say(chance)
            visitor.leave()
            built, whole, pieces = b"", visitor.whole, visitor.read
        else:
            built, whole, pieces = stream(name, Chance(data[1:]), PIECES)
        seen["inputs"] += pieces
        seen["valid"] += whole
        cuts = sorted(b % (len(built) + 1) for b in data[-3:])
        if name != "mqtt":
            for _ in drink(name, built, cuts):
                pass
        elif built:
            mqttkit.drink(built, cuts)

    atexit.register(lambda: print(json.dumps({"codec": name, **seen}), flush=True))
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
