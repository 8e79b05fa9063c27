"""What a simulated device reads: known properties follow weather and the hour, others walk within their usual span."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from linli.sim.weather import Weather, level_step


@dataclass
class Thing:
    """One device of the simulation: its own random stream, its memory between readings, and its fault if any."""

    code: str
    token: str
    model: str
    properties: list[dict[str, Any]]
    interval: float
    rng: random.Random = field(default_factory=random.Random)
    memory: dict[str, float] = field(default_factory=dict)
    last: datetime | None = None
    faults: dict[str, datetime] = field(default_factory=dict)  # what is wrong, and when it will have been mended

    def read(self, at: datetime, weather: Weather) -> dict[str, float | bool]:
        """All numeric properties at local time `at`; a stuck device repeats its last values, what tripped is true."""
        if "stuck" in self.faults and self.memory:
            return {k: round(v, 3) for k, v in self.memory.items() if not k.startswith("_")}
        seconds = (at - self.last).total_seconds() if self.last else self.interval
        self.last = at
        values: dict[str, float | bool] = {}
        for prop in self.properties:
            name = prop["code"]
            if prop.get("type") in ("text", "string"):
                continue
            value = self.make(prop, at, weather, seconds)
            self.memory[name] = float(value)
            values[name] = bool(value) if prop.get("type") in ("bool", "boolean") else round(float(value), 3)
            if name in self.faults:
                values[name] = True
        return values

    def make(self, prop: dict[str, Any], at: datetime, weather: Weather, seconds: float) -> float:
        """The thing model's own usual span comes first, then what follows the weather and the hour; a yes stays no."""
        if prop.get("usual"):
            return _walker(*prop["usual"])(self, at, weather, seconds)
        if known := KNOWN.get(prop["code"]):
            return known(self, at, weather, seconds)
        return 0.0 if prop.get("type") in ("bool", "boolean") else self.walk(prop)

    def walk(self, prop: dict[str, Any]) -> float:
        """A slow random walk in the middle half of the property's range."""
        low, high = (prop.get("range") or [0, 100])[:2]
        low, high = float(low or 0), float(high if high is not None else 100)
        middle, reach = (low + high) / 2, (high - low) / 4
        value = self.memory.get(prop["code"], self.rng.uniform(middle - reach, middle + reach))
        return min(high, max(low, value + self.rng.gauss(0, reach / 40) + (middle - value) * 0.01))

    def own(self, name: str, low: float, high: float) -> float:
        """A number that this device keeps, drawn once."""
        return self.memory.setdefault(f"_{name}", self.rng.uniform(low, high))


Maker = Callable[[Thing, datetime, Weather, float], float]


def busy(at: datetime) -> float:
    """How busy the streets are, 0 to 1: two rush hours and a quiet night."""
    hour = at.hour + at.minute / 60
    peaks = math.exp(-(((hour - 8) / 1.6) ** 2)) + math.exp(-(((hour - 18) / 2.0) ** 2))
    return min(1.0, 0.12 + 0.75 * peaks + (0.25 if 9 < hour < 21 else 0))


def _level(t: Thing, at: datetime, w: Weather, s: float) -> float:
    base = t.own("base", 0.6, 1.4)
    return level_step(t.memory.get("level", base), base=base, rain=w.rain, seconds=s) + t.rng.gauss(0, 0.004)


def _fill(t: Thing, at: datetime, w: Weather, s: float) -> float:
    now = t.memory.get("fill", t.own("start", 5, 60)) + s / 3600 * t.own("rate", 1.5, 4) * (0.4 + busy(at))
    return t.rng.uniform(2, 8) if now > t.own("emptied_at", 60, 92) else now


def _lit(t: Thing, at: datetime, w: Weather, s: float) -> float:
    return float(at.hour >= 18 or at.hour < 6)


def _pm25(t: Thing, at: datetime, w: Weather, s: float) -> float:
    return max(3, t.own("dirt", 18, 45) * (0.7 + 0.5 * busy(at)) * (0.55 if w.rain else 1) + t.rng.gauss(0, 3))


def _walker(low: float, high: float) -> Maker:
    """A slow walk between two plausible values, whatever the property's formal range."""
    reach = (high - low) / 2

    def make(t: Thing, at: datetime, w: Weather, s: float) -> float:
        name = f"walk{low}-{high}"
        now = t.memory.get(f"_{name}", t.own(name, low, high))
        now = min(high, max(low, now + t.rng.gauss(0, reach / 30) + ((low + high) / 2 - now) * 0.01))
        t.memory[f"_{name}"] = now
        return now

    return make


def _rain(t: Thing, at: datetime, w: Weather, s: float) -> float:
    return max(0.0, w.rain * t.own("share", 0.8, 1.2))


def _rain_total(t: Thing, at: datetime, w: Weather, s: float) -> float:
    today = at.toordinal()
    total = t.memory.get("rain_total", 0.0) if t.memory.get("_day") == today else 0.0
    t.memory["_day"] = today
    return total + _rain(t, at, w, s) * s / 3600


def _laeq(t: Thing, at: datetime, w: Weather, s: float) -> float:
    return 41 + 21 * busy(at) * t.own("street", 0.7, 1.1) + t.rng.gauss(0, 2)


def _power(t: Thing, at: datetime, w: Weather, s: float) -> float:
    return 95 * _lit(t, at, w, s) if t.model == "street_lamp" else 4 + 16 * busy(at)


def _current(t: Thing, at: datetime, w: Weather, s: float) -> float:
    return 0.45 * _lit(t, at, w, s) if t.model == "street_lamp" else 8 + 30 * busy(at)


def _off(t: Thing, at: datetime, w: Weather, s: float) -> float:
    return 0.0


KNOWN: dict[str, Maker] = {
    "level": _level,
    "stage": _level,
    "flow_speed": lambda t, at, w, s: 0.15 + 0.4 * max(0.0, t.memory.get("level", 1.0) - 0.8),
    "rain_rate": _rain,
    "rain_total": _rain_total,
    "temperature": lambda t, at, w, s: w.temperature + t.own("spot", -1.2, 1.2) + t.rng.gauss(0, 0.2),
    "humidity": lambda t, at, w, s: min(100, max(5, w.humidity + t.own("damp", -4, 4) + t.rng.gauss(0, 1))),
    "pm25": _pm25,
    "pm10": lambda t, at, w, s: _pm25(t, at, w, s) * t.own("coarse", 1.3, 1.8),
    "pressure": _walker(1004, 1022),
    "dew_point": lambda t, at, w, s: w.temperature - (100 - w.humidity) / 5,
    "rain": _rain,
    "wind_speed": _walker(0.4, 4.5),
    "so2": _walker(4, 14),
    "no2": _walker(15, 55),
    "co": _walker(0.3, 1.2),
    "o3": _walker(30, 130),
    "laeq": _laeq,
    "lamax": lambda t, at, w, s: t.memory.get("laeq", 55) + abs(t.rng.gauss(6, 3)),
    "fill": _fill,
    "smoke": lambda t, at, w, s: max(0.0, t.rng.gauss(0.01, 0.004)),
    "alarm": _off,
    "open": _off,
    "fault": _off,
    "trapped": _off,
    "door_fault": _off,
    "tilt": lambda t, at, w, s: abs(t.rng.gauss(0, 0.6)),
    "on": _lit,
    "current": _current,
    "voltage": lambda t, at, w, s: 220 + t.rng.gauss(0, 2.2),
    "power": _power,
    "energy": lambda t, at, w, s: t.memory.get("energy", t.own("kwh", 100, 9000)) + s / 3600 * (4 + 16 * busy(at)),
    "battery": lambda t, at, w, s: t.memory.get("battery", t.own("charge", 40, 100)) - s / 3600 * 0.01,
    "occupied": lambda t, at, w, s: round(t.own("spaces", 60, 220) * (0.95 - 0.5 * busy(at))),
    "passages": lambda t, at, w, s: t.rng.randint(0, int(2 + 28 * busy(at))),
    "trips": lambda t, at, w, s: t.memory.get("trips", round(t.own("count", 1e3, 9e4))) + t.rng.randint(0, 3),
    "conductivity": _walker(320, 620),
    "ph": _walker(7.1, 8.2),
    "dissolved_oxygen": _walker(6.5, 9.5),
    "turbidity": _walker(8, 60),
    "tsp": lambda t, at, w, s: _pm25(t, at, w, s) * t.own("dusty", 2.0, 3.0),
    "wind_direction": _walker(60, 200),
    "rain_day": _rain_total,
    "supply": _walker(11.8, 13.2),
    "mains_off": _off,
    "battery_low": _off,
    "fire": _off,
    "shielded": _off,
    "manual_call": _off,
    "link_fault": _off,
}
