"""How sure a share is: Wilson's interval, and whether two shares can be told apart."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist


def interval(k: int, n: int, confidence: float = 0.95) -> tuple[float, float] | None:
    """Where the true share of `k` in `n` lies with this confidence; None for no cases or more than all."""
    if n <= 0 or not 0 <= k <= n:
        return None
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    p, zz = k / n, z * z
    middle = (p + zz / (2 * n)) / (1 + zz / n)
    half = z / (1 + zz / n) * sqrt(p * (1 - p) / n + zz / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def apart(a: tuple[float, float] | None, b: tuple[float, float] | None) -> bool:
    """Bands that overlap do not tell two places apart."""
    return a is not None and b is not None and (a[0] > b[1] or b[0] > a[1])
