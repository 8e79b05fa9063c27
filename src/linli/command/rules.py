"""What is worse than usual, as pure arithmetic. Nothing here is about persons: counts of reports by class only."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

LEAST, RARE = 3, 0.05
FLOOR = 0.5  # what never came before is not infinitely surprising


def chance(count: int, usual: float) -> float:
    """The chance of at least `count` where `usual` is the mean, by Poisson's law. 1 for a count of 0."""
    mean = max(usual, FLOOR)
    below = sum(math.exp(i * math.log(mean) - mean - math.lgamma(i + 1)) for i in range(count))
    return min(max(1.0 - below, 0.0), 1.0)


def usual(before: Sequence[int]) -> float:
    """The mean of the same hours of earlier weeks; the highest of them is left out when there are four or more,
    so that one storm does not hide the next."""
    kept = sorted(before)[:-1] if len(before) >= 4 else list(before)
    return sum(kept) / len(kept) if kept else 0.0


def worse(rows: Iterable[dict[str, Any]], most: int = 3) -> list[dict[str, Any]]:
    """Rows {now, before, …} whose count is at least three and would come by chance in less than one of twenty such
    days, the most surprising first, each with `usual` (one decimal)."""
    found = []
    for row in rows:
        mean = usual(row["before"])
        odds = chance(row["now"], mean)
        if row["now"] >= LEAST and row["now"] > mean and odds < RARE:
            found.append((odds, -row["now"], row["class_code"], {**row, "usual": round(mean, 1)}))
    return [row for *_, row in sorted(found, key=lambda one: one[:3])[:most]]
