"""Reading the files of an import: rows, fields by the names of the packs in force, and what is wrong with them."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any

import orjson

from linli.kernel import packs, texts
from linli.kernel.errors import FieldError, Invalid
from linli.places import geo

MAX_ROWS = 200_000


@lru_cache(maxsize=1)
def words() -> dict[str, dict[str, str]]:
    """How files name columns, and what they write for yes and no, from the packs in force."""
    found: dict[str, dict[str, str]] = {"columns": {}, "flags": {}}
    for path in packs.files("imports", (".yaml",)):
        if path.stem == "places":
            given = packs.read_yaml(path)
            found["columns"].update(given.get("columns") or {})
            found["flags"].update(dict.fromkeys(map(str, given.get("true_words") or ()), "1"))
            found["flags"].update(dict.fromkeys(map(str, given.get("false_words") or ()), ""))
    return found


@dataclass
class Report:
    kind: str
    applied: bool
    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    errors: list[dict[str, Any]] = field(default_factory=list)

    def refuse(self, row: int, problems: list[FieldError]) -> None:
        self.rejected += 1
        self.errors.extend({"row": row, "field": p.field, "reason": p.reason} for p in problems)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file: `number` counts from 1, as a person does who looks for it, without the header."""

    number: int
    fields: dict[str, Any]
    geometry: dict[str, Any] | None = None


def read_rows(name: str, data: bytes) -> list[Row]:
    if name.lower().endswith((".geojson", ".json")):
        return _read_geojson(data)
    if name.lower().endswith(".csv"):
        return _read_csv(data)
    raise Invalid("file", "must end in .csv, .geojson or .json")


def _read_geojson(data: bytes) -> list[Row]:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise Invalid("file", f"is not JSON: {error}") from error
    if not isinstance(value, dict) or value.get("type") != "FeatureCollection":
        raise Invalid("file", "must be a GeoJSON FeatureCollection")
    features = value.get("features")
    if not isinstance(features, list) or len(features) > MAX_ROWS:
        raise Invalid("file", f"must have a list of at most {MAX_ROWS} features")
    found = []
    for i, feature in enumerate(features, 1):
        feature = feature if isinstance(feature, dict) else {}
        properties = feature.get("properties")
        geometry = feature.get("geometry")
        found.append(
            Row(i, _named(properties if isinstance(properties, dict) else {}),
                geometry if isinstance(geometry, dict) else None)
        )  # fmt: skip
    return found


def _read_csv(data: bytes) -> list[Row]:
    text = texts.decoded(data)
    if text is None:
        raise Invalid("file", "is neither UTF-8 nor GB 18030 text")
    if "\0" in text:
        raise Invalid("file", "holds zero bytes; it is not a CSV file")
    try:
        found = [Row(i, _named(r)) for i, r in enumerate(csv.DictReader(io.StringIO(text)), 1)]
    except csv.Error as error:
        raise Invalid("file", f"is not CSV: {error}") from error
    if len(found) > MAX_ROWS:
        raise Invalid("file", f"must have at most {MAX_ROWS} rows")
    return found


def _named(fields: dict[Any, Any]) -> dict[str, Any]:
    found, columns = {}, words()["columns"]
    for key, value in fields.items():
        if isinstance(key, str):
            key = key.strip().lower()
            found[columns.get(key, key)] = value.strip() if isinstance(value, str) else value
    return found


class Reader:
    """Takes fields out of a row and collects what is wrong with them."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.problems: list[FieldError] = []

    def refuse(self, name: str, reason: str) -> None:
        self.problems.append(FieldError(name, reason))

    def text(self, name: str, *, most: int, need: bool = False) -> str:
        value = self.row.fields.get(name)
        value = "" if value is None else str(value)
        if need and not value:
            self.refuse(name, "is missing")
        if len(value) > most:
            self.refuse(name, f"is longer than {most} characters")
        if any(ord(c) < 32 for c in value):
            self.refuse(name, "holds control characters")
        return value

    def number(self, name: str, *, low: float, high: float, default: float | None = None) -> float:
        value = self.row.fields.get(name)
        if value in (None, "") and default is not None:
            return default
        try:
            found = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            self.refuse(name, "is missing" if value in (None, "") else f"is not a number: {str(value)[:40]}")
            return low
        if not low <= found <= high:
            self.refuse(name, f"must be between {low:g} and {high:g}")
        return found

    def flag(self, name: str) -> bool:
        value = str(self.row.fields.get(name) or "").lower()
        flags = words()["flags"]
        if value not in flags:
            self.refuse(name, "must be yes or no")
        return bool(flags.get(value))

    def point(self, system: str) -> tuple[float, float]:
        geometry = self.row.geometry
        if geometry and geometry.get("type") == "Point" and isinstance(geometry.get("coordinates"), list):
            self.row.fields.setdefault("lon", (geometry["coordinates"] + [None, None])[0])
            self.row.fields.setdefault("lat", (geometry["coordinates"] + [None, None])[1])
        before = len(self.problems)
        lon, lat = self.number("lon", low=-180, high=180), self.number("lat", low=-90, high=90)
        if len(self.problems) > before:
            return 0.0, 0.0
        try:
            geo.check_point(lon, lat)
            lon, lat = geo.to_wgs84(lon, lat, system)
        except Invalid as error:
            self.problems.extend(error.errors)
        return round(lon, 7), round(lat, 7)
