"""Simulated weather and what it does to things. Pure functions of time and a seed, so that a day can be told again."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Weather:
    """Temperature in °C, rain in mm/h, relative humidity in %."""

    temperature: float
    rain: float
    humidity: float


def _rng(seed: int, *parts: object) -> random.Random:
    return random.Random(f"{seed}|{'|'.join(map(str, parts))}")


def rain_at(at: datetime, seed: int) -> float:
    """Rain in mm/h: each day has 0 to 3 showers, each with a start, a length and a peak."""
    total = 0.0
    day = _rng(seed, at.date())
    for _ in range(day.choice([0, 0, 0, 1, 1, 2, 3])):
        start, hours, peak = day.uniform(0, 22), day.uniform(0.5, 4), day.expovariate(1 / 9)
        age = at.hour + at.minute / 60 + at.second / 3600 - start
        if 0 < age < hours:
            total += peak * math.sin(math.pi * age / hours)
    return round(total, 2)


def weather_at(at: datetime, seed: int) -> Weather:
    hour = at.hour + at.minute / 60
    season = 16 - 13 * math.cos(2 * math.pi * (at.timetuple().tm_yday - 20) / 365)
    daily = 4.5 * math.sin(2 * math.pi * (hour - 9) / 24)
    drift = _rng(seed, "t", at.date()).gauss(0, 3)
    rain = rain_at(at, seed)
    humidity = min(99.0, 62 - daily * 3 + (25 if rain else 0) + _rng(seed, "h", at.date()).gauss(0, 6))
    return Weather(round(season + daily + drift - (2 if rain else 0), 1), rain, round(max(20.0, humidity), 1))


def level_step(level: float, *, base: float, rain: float, seconds: float) -> float:
    """A channel's level in m after `seconds`: rain of 10 mm/h lifts it 0.4 m an hour, and it drains to `base`."""
    hours = seconds / 3600
    return max(base, level + rain * 0.04 * hours - (level - base) * 0.35 * hours)
