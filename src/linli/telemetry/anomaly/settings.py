"""What the detector is set by: one set for all series, data of the packs (`anomaly.yaml`)."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

from linli.kernel import packs

HOUR, DAY = 3_600_000.0, 86_400_000.0


@dataclass(frozen=True, slots=True)
class Settings:
    """Times in ms. None of these is chosen for one series; docs/decisions/anomaly.md tells how they were."""

    learn_ms: float = DAY  # nothing is told of a series younger than this,
    learn_readings: float = 50.0  # or of fewer readings
    rare: float = 1e-4  # a reading outside of the band is one in so many, on each side
    tail: float = 0.02  # the outermost share of readings that says how far the band reaches
    level_ms: float = 2 * DAY  # how long the level remembers
    spread_ms: float = 3 * DAY  # how long the spread and the errors of the seasons are remembered
    season: float = 0.15  # what a visit of the same time of day or week changes at most
    long_ms: float = 6 * HOUR  # over which a lasting deviation is summed
    told_ms: float = DAY  # a deviation is news again when the last one has faded over this time
    flat: float = 4.0  # stuck: so many times longer without a change than ever before

    @property
    def reach(self) -> float:
        """How many mean excesses lie between where the tail begins and the edge of the band."""
        return math.log(self.tail / self.rare)


def of_packs() -> Settings:
    """The defaults, with what the packs in force say of them; a later pack's word counts."""
    known = {f.name for f in fields(Settings)}
    said: dict[str, Any] = {}
    for path in packs.files("anomaly"):
        said |= packs.read_yaml(path)["anomaly"]
    made = {name: float(value) for name, value in said.items() if name in known}
    for name in ("learn", "level", "spread", "long", "told"):
        if f"{name}_s" in said:
            made[f"{name}_ms"] = float(said[f"{name}_s"]) * 1000
    return Settings(**made)
