"""Loads a district's geography from the packs in force: fast, and the same again changes nothing.

Files under `<pack>/places/`: `grids.geojson`, `compounds.csv`, `buildings.csv`, `units.csv` (columns as in `imports`).
Layers for the map (`roads.geojson`, `water.geojson`) are served as they are and not loaded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from linli.kernel import packs
from linli.kernel.actor import SYSTEM
from linli.places.services import imports

ORDER = ("grids", "compounds", "buildings", "units")


def folders() -> list[Path]:
    return [p / "places" for p in packs.paths() if (p / "places").is_dir()]


def load_pack() -> dict[str, dict[str, Any]]:
    """Load all places of the packs in force; returns a report for each kind. Rows that are there already stay."""
    found: dict[str, dict[str, Any]] = {}
    for folder in folders():
        for kind in ORDER:
            for path in sorted(folder.glob(f"{kind}.*")):
                report = imports.import_file(
                    actor=SYSTEM, kind=kind, name=path.name, data=path.read_bytes(), apply=True, update=False
                )
                if report.errors:
                    raise ValueError(f"{path.name}: {report.errors[:3]}")
                found[kind] = report.as_dict()
    return found


def layer(name: str) -> Path | None:
    """The file of a map layer in the last pack that has it."""
    for folder in reversed(folders()):
        path = folder / f"{name}.geojson"
        if path.exists():
            return path
    return None
