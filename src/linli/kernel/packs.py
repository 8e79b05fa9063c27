"""Packs: districts and standards as data. Later packs in `LINLI_PACKS` add to and override earlier ones."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml


def root() -> Path:
    """The folder that holds the shipped packs: `packs/` of a checkout, or the copy inside the wheel."""
    here = Path(__file__).resolve()
    for candidate in (here.parents[3] / "packs", here.parents[1] / "packs"):
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError("the packs folder is missing")


def paths() -> list[Path]:
    """Folders of the packs in force, first `standard`, then those of `LINLI_PACKS` (names or folders, by comma)."""
    found = [root() / "standard"]
    for name in filter(None, os.environ.get("LINLI_PACKS", "").split(",")):
        found.append(Path(name) if "/" in name else root() / name)
    return found


def files(kind: str, suffixes: tuple[str, ...] = (".yaml", ".json", ".csv", ".geojson")) -> Iterator[Path]:
    """All files `<pack>/<kind>/*` (or `<pack>/<kind>.<suffix>`) of the packs in force, in order."""
    for pack in paths():
        for suffix in suffixes:
            if (pack / f"{kind}{suffix}").exists():
                yield pack / f"{kind}{suffix}"
        yield from sorted(p for p in (pack / kind).glob("*") if p.suffix in suffixes)


@lru_cache(maxsize=256)
def read_yaml(path: Path) -> Any:
    """The content of a YAML file (cached; treat it as read-only)."""
    with path.open(encoding="utf-8") as source:
        return yaml.load(source, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
