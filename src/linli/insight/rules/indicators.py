"""From sums of measures to indicators: counts, rates and scores. What cannot be computed is None, shown as —."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from linli.insight.rules import wilson


@dataclass(frozen=True, slots=True)
class Indicator:
    code: str
    kind: str  # count, rate, score
    group: str
    zh: str
    en: str
    good: str  # up, down, none
    source: str
    value: str = ""
    base: str = ""
    bases: tuple[str, ...] = ()
    terms: tuple[Mapping[str, Any], ...] = ()
    parts: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """What a score needs to know of an area besides its cases."""

    km2: float
    population: float  # in units of 10,000


@dataclass(frozen=True, slots=True)
class Figure:
    """An indicator's value; a rate with its two numbers and, case by case, its band."""

    value: float | None
    of: int | None = None
    base: int | None = None
    band: tuple[float, float] | None = None
    why: str = ""  # why it cannot be computed: acts, none, place


@dataclass(frozen=True, slots=True)
class Sums:
    """The measures of one area, team, class and period."""

    counts: Mapping[str, int]
    axes: Mapping[str, str]
    missing: frozenset[str] = frozenset()  # measures for which the table of acts has no act
    repeats: tuple[int, ...] = ()  # complaints at each place that has several
    place: Place | None = None
    bases: Mapping[str, str] = field(default_factory=dict)  # denominators chosen instead


def figure(item: Indicator, known: Mapping[str, Indicator], sums: Sums, confidence: float = 0.95) -> Figure:
    if item.kind == "count":
        if item.value in sums.missing:
            return Figure(None, why="acts")
        return Figure(float(sums.counts.get(item.value, 0)))
    if item.kind == "rate":
        return _rate(item, sums, confidence)
    return _terms(item, known, sums) if item.terms else _parts(item, sums)


def base_of(item: Indicator, sums: Sums) -> str:
    chosen = sums.bases.get(item.code, "")
    return chosen if chosen in item.bases else item.base


def _rate(item: Indicator, sums: Sums, confidence: float) -> Figure:
    base = base_of(item, sums)
    if item.value in sums.missing or base in sums.missing:
        return Figure(None, why="acts")
    k, n = sums.counts.get(item.value, 0), sums.counts.get(base, 0)
    if n == 0:
        return Figure(None, k, n, why="none")
    same = sums.axes.get(item.value) == sums.axes.get(base)
    return Figure(k / n, k, n, wilson.interval(k, n, confidence) if same else None)


def _terms(item: Indicator, known: Mapping[str, Indicator], sums: Sums) -> Figure:
    total = 0.0
    for term in item.terms:
        less = "less" in term
        rate = figure(known[term["less" if less else "rate"]], known, sums)
        if rate.value is None:
            return Figure(None, why=rate.why)
        total += float(term["weight"]) * (1 - rate.value if less else rate.value)
    return Figure(total)


def _parts(item: Indicator, sums: Sums) -> Figure:
    total = 0.0
    for part in item.parts:
        points = float(part["points"])
        got = PARTS[str(part["is"])](part, points, sums)
        if isinstance(got, str):
            return Figure(None, why=got)
        total += min(max(got, 0.0), points)
    return Figure(total)


def _complaints(part: Mapping[str, Any], points: float, sums: Sums) -> float | str:
    if sums.place is None or sums.place.km2 <= 0 or sums.place.population <= 0:
        return "place"
    factor = float(part["factor"]) / (sums.place.km2 * sums.place.population)
    return points - sums.counts.get("publicReport", 0) * factor


def _satisfaction(part: Mapping[str, Any], points: float, sums: Sums) -> float | str:
    if "returnVisit" in sums.missing:
        return "acts"
    asked = sums.counts.get("returnVisit", 0)
    content = sums.counts.get("verySatisfied", 0) + sums.counts.get("satisfied", 0)
    return points * content / asked if asked else "none"


def _days(part: Mapping[str, Any], points: float, sums: Sums) -> float | str:
    done = sums.counts.get("dispose", 0)
    if not done:
        return "none"
    days = sums.counts.get("disposeHours", 0) / done / 24
    return (float(part["free"]) - days) * float(part["each"])


def _repeats(part: Mapping[str, Any], points: float, sums: Sums) -> float | str:
    return points - float(part["each"]) * sum(1 for n in sums.repeats if n >= part["at"])


def _late(part: Mapping[str, Any], points: float, sums: Sums) -> float | str:
    late = sums.counts.get("overtimeDispose", 0) + sums.counts.get("overtimeToDispose", 0)
    return points - float(part["each"]) * late


PARTS = {"complaints": _complaints, "satisfaction": _satisfaction, "days": _days, "repeats": _repeats, "late": _late}
