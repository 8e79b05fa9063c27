"""Indices such as air quality and congestion: tables of the packs (`indices/*.yaml`), and one way to reckon with them.

A part is the mean of a property over a time, interpolated between the points of its table; the highest part is the
index, as HJ 633-2012 has it for air. Pure functions over columns; coverage is 0 to 1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from linli.kernel import packs

Column = npt.NDArray[np.float64]
STEPS = 24  # a mean is that of so many parts of its time, so that a device that hurries for a while counts no more


def of_model(model: str) -> list[dict[str, Any]]:
    """The indices of a kind of thing, by the packs in force; a later pack's replaces one of the same code."""
    found = {one["code"]: one for path in packs.files("indices") for one in packs.read_yaml(path)["indices"]}
    return [one for one in found.values() if model in one["models"]]


def part_index(values: Column, points: Sequence[Sequence[float]]) -> Column:
    """Each value between the points of a table, straight lines between them and flat beyond; NaN stays NaN."""
    at, index = np.array(points, np.float64).T
    return np.where(np.isnan(values), np.nan, np.interp(values, at, index))


def combine(parts: Sequence[Column]) -> Column:
    """The highest of the parts, row by row; parts that are NaN do not count, and without any it is NaN."""
    return np.fmax.reduce(np.vstack(list(parts)), axis=0)


def rounded(values: Column, *, precision: int, up: bool) -> Column:
    """To `precision` places; `up` as HJ 633 asks (what is a whole number but for the machine's last bits stays)."""
    scale = 10.0**precision
    whole = np.ceil(np.round(values * scale, 6)) if up else np.floor(np.round(values * scale, 6) + 0.5)
    return np.asarray(whole / scale)


def ratio(values: Column, base: float) -> Column:
    """How many times `base` is each value; a standing road is endlessly slow."""
    with np.errstate(divide="ignore"):
        return np.asarray(base / np.maximum(values, 0.0))


def buckets(mean_s: int, interval_s: int) -> int:
    """Into how many parts the time of a mean is cut: at most `STEPS`, and each long enough for a reading."""
    return max(1, min(STEPS, mean_s // max(1, interval_s)))


def mean_of(
    low: Column, high: Column, mean: Column, parts: int, span: tuple[float | None, float | None], least: float
) -> tuple[float, float]:
    """(mean, coverage) of up to `parts` buckets; NaN when fewer than `least` of them have readings. A bucket with a
    reading outside of the plausible `span` does not count."""
    good = np.isfinite(mean)
    good &= low >= (-np.inf if span[0] is None else span[0])
    good &= high <= (np.inf if span[1] is None else span[1])
    coverage = min(1.0, np.count_nonzero(good) / parts)
    return (float(mean[good].mean()) if coverage >= least and good.any() else math.nan), coverage


def band(index: Mapping[str, Any], value: float) -> dict[str, Any] | None:
    """The first band that reaches up to the value; the last one for what lies beyond."""
    if math.isnan(value):
        return None
    found: dict[str, Any] = next((b for b in index["bands"] if value <= b["to"]), index["bands"][-1])
    return {"name": found["name"], "status": found["status"]}


def told(
    index: Mapping[str, Any], means: Sequence[tuple[float, float]], attributes: Mapping[str, Any]
) -> dict[str, Any]:
    """An index from the (mean, coverage) of its parts in their order, with `attributes` of the device."""
    rows, columns = [], []
    for part, (mean, coverage) in zip(index["parts"], means, strict=True):
        column = np.array([mean])
        if base := part.get("ratio_of"):
            own = attributes.get(base["attribute"])
            fits = isinstance(own, int | float) and not isinstance(own, bool) and 0 < own < math.inf
            column = ratio(column, float(own if fits else base["otherwise"]))
        columns.append(part_index(column, part["points"]))
        rows.append({"property": part["property"], "mean_s": part["mean_s"], "mean": _plain(mean),
                     "coverage": round(coverage, 3), "value": _plain(float(columns[-1][0]))})  # fmt: skip
    value = float(rounded(combine(columns), precision=index["precision"], up=index["round"] == "up")[0])
    return {
        "code": index["code"], "name": index["name"], "source": index["source"],
        "illustrative": index.get("illustrative", False), "value": _plain(value), "band": band(index, value),
        "parts": rows,
    }  # fmt: skip


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 6)
