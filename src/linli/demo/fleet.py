"""Where the demo district's 2,000 devices stand: along its water and roads, at its compounds and doors."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
from shapely.geometry import shape

from linli.devices import facade as devices
from linli.kernel import packs
from linli.kernel.actor import SYSTEM
from linli.places import facade as places

Point = tuple[float, float]


class Spots:
    """Random points of the pack's geography that lie inside some grid."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        self.folder, self.rng = folder, rng
        self._lines: dict[str, list[Any]] = {}
        self._rows: dict[str, list[dict[str, str]]] = {}

    def lines(self, name: str) -> list[Any]:
        if name not in self._lines:
            features = orjson.loads((self.folder / f"{name}.geojson").read_bytes())["features"]
            shapes = [shape(f["geometry"]) for f in features]
            self._lines[name] = [s if s.length and s.geom_type.endswith("LineString") else s.boundary for s in shapes]
        return self._lines[name]

    def rows(self, name: str) -> list[dict[str, str]]:
        if name not in self._rows:
            with (self.folder / f"{name}.csv").open(encoding="utf-8-sig") as source:
                self._rows[name] = [r for r in csv.DictReader(source) if r.get("lon") and r.get("lat")]
        return self._rows[name]

    def points(self, kind: str, count: int) -> Iterator[tuple[Point, str]]:
        """(point, name of the place) for `count` devices of a kind of place."""
        made = 0
        while made < count:
            found, name = self._one(kind)
            if places.locate(*found) is not None:
                made += 1
                yield found, name

    def _one(self, kind: str) -> tuple[Point, str]:
        if kind in ("water", "road"):
            line = self.rng.choice(self.lines("water" if kind == "water" else "roads"))
            at = line.interpolate(self.rng.random(), normalized=True)
            return (round(at.x, 6), round(at.y, 6)), ""
        if kind in ("compound", "unit"):
            row = self.rng.choice(self.rows(f"{kind}s"))
            jitter = 0.0006 if kind == "compound" else 0.0
            lon = float(row["lon"]) + self.rng.uniform(-jitter, jitter)
            lat = float(row["lat"]) + self.rng.uniform(-jitter, jitter)
            return (round(lon, 6), round(lat, 6)), row.get("name_zh") or row.get("compound_zh") or ""
        grid = self.rng.choice([g for g in places.grids() if g.level >= 2])
        return (round(grid.lon + self.rng.gauss(0, 0.002), 6), round(grid.lat + self.rng.gauss(0, 0.002), 6)), ""


def rows(pack: dict[str, Any], folder: Path) -> Iterator[dict[str, Any]]:
    rng = random.Random(pack["seed"])
    spots = Spots(folder, rng)
    for item in pack["devices"]:
        model = item["model"]
        for number, ((lon, lat), _) in enumerate(spots.points(item["place"], item["count"]), start=1):
            place = places.locate(lon, lat)
            where = place.grid_name if place else ""
            yield {
                "code": f"{model.replace('_', '-')}-{number:04}", "model": model, "lon": lon, "lat": lat,
                "name_zh": f"{where}{item['name']['zh']} {number}",
                "name_en": f"{item['name']['en']} {number}",
                "owner_department": item["owner"]["zh"],
            }  # fmt: skip


def load(pack: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Registers the devices; returns code → {id, token, model} of those made now."""
    devices.load_packs()
    folder = packs.root() / "demo" / "places"
    wanted = list(rows(pack, folder))
    report = devices.import_devices(actor=SYSTEM, rows=wanted, with_tokens=True)
    if report.rejected:
        raise ValueError(f"the demo pack's devices were refused: {report.rejected[:3]}")
    models = {row["code"]: row["model"] for row in wanted}
    return {
        code: {"id": str(report.ids[code]), "token": token, "model": models[code]}
        for code, token in report.tokens.items()
    }
