"""Open data as files: squares and classes with counts, the licence in each, and not one word of anybody."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import date
from typing import Any

import orjson

from linli.cases.contracts import PublicCell
from linli.kernel import packs

COLUMNS = ("month", "longitude", "latitude", "west", "south", "east", "north", "class_code", "class_zh", "class_en",
           "reported", "done", "median_days", "licence")  # fmt: skip


def rules_of_packs() -> dict[str, Any]:
    """How coarse, how many at least, which licence: as the packs say, a later pack's entry over an earlier one's."""
    found: dict[str, Any] = {}
    for path in packs.files("portal", (".yaml",)):
        if path.stem == "open_data":
            found |= packs.read_yaml(path)
    return found


def as_csv(month: date, cells: Sequence[PublicCell], rules: dict[str, Any]) -> str:
    """One row a square and class. An empty `done` is withheld, not nought."""
    out = io.StringIO()
    sheet = csv.writer(out)
    sheet.writerow(COLUMNS)
    for c in cells:
        sheet.writerow([f"{month:%Y-%m}", *_middle(c), c.west, c.south, c.east, c.north, c.class_code, c.class_zh,
                        c.class_en, c.count, _or(c.closed), _or(c.median_days), rules["licence_id"]])  # fmt: skip
    return "\ufeff" + out.getvalue()


def _or(value: float | None) -> float | str:
    return "" if value is None else value


def _middle(c: PublicCell) -> tuple[float, float]:
    return round((c.west + c.east) / 2, 5), round((c.south + c.north) / 2, 5)


def as_geojson(month: date, cells: Sequence[PublicCell], rules: dict[str, Any]) -> bytes:
    """The same as a FeatureCollection of squares."""
    features = [
        {"type": "Feature",
         "geometry": {"type": "Polygon", "coordinates": [[[c.west, c.south], [c.east, c.south], [c.east, c.north],
                                                          [c.west, c.north], [c.west, c.south]]]},
         "properties": {"month": f"{month:%Y-%m}", "class_code": c.class_code, "class_zh": c.class_zh,
                        "class_en": c.class_en, "reported": c.count, "done": c.closed, "median_days": c.median_days}}
        for c in cells
    ]  # fmt: skip
    return orjson.dumps({"type": "FeatureCollection", "license": rules["licence_id"],
                         "license_url": rules["licence_url"], "withheld_below": rules["at_least"],
                         "features": features})  # fmt: skip
