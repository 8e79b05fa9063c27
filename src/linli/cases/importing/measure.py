"""How good learnt suggestions of a class are on a recording of another city, split by time. Stores nothing.

Only what was known at intake is read: the columns that the map names in `intake`, never what staff wrote later.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from linli.cases.importing import maps
from linli.cases.importing.load import find_map
from linli.cases.importing.maps import Rejected
from linli.cases.rules import classmodel
from linli.cases.services import learning
from linli.kernel.errors import Invalid


def recording(path: Path, name: str) -> dict[str, dict[str, Any]]:
    """Figures for the map's classes: by all that was known at intake, and without its first column, the menu."""
    found = find_map(name)
    if not found.intake:
        raise Invalid("map", "names no columns that were known at intake")
    told = {"all known at intake": _measure(path, name, found.intake)}
    if len(found.intake) > 1:
        told[f"without {found.intake[0]}"] = _measure(path, name, found.intake[1:])
    return told


def _measure(path: Path, name: str, columns: tuple[str, ...]) -> dict[str, Any]:
    found, rows = find_map(name), []
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as source:
        for row in csv.DictReader(line.replace("\0", "") for line in source):
            try:
                item = maps.read(row, found)
            except Rejected:
                continue
            text = " · ".join(t for t in (" ".join((row.get(c) or "").split()) for c in columns) if t)
            if text and item.class_code:
                rows.append((item.created_at, text, item.class_code))
    rows.sort(key=lambda r: r[0])
    if not rows:
        raise Invalid("file", "has no row with words and a class")
    language = classmodel.language(" ".join(text for _, text, _ in rows[:50]))
    return learning.run_child(language, [(text, code) for _, text, code in rows], measure=True)[0]
