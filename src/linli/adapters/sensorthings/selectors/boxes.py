"""Boxes around shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely


def point(lon: float, lat: float) -> Any:
    return shapely.Point(lon, lat)


def box(shaped: list[Any]) -> dict[str, Any] | None:
    """GeoJSON of the box around some shapes, of which some may be None: a Point where it has no size; or None."""
    found = [s for s in shaped if s is not None and not s.is_empty]
    if not found:
        return None
    bounds = np.array([s.bounds for s in found])
    west, south, east, north = (float(v) for v in (*bounds[:, :2].min(axis=0), *bounds[:, 2:].max(axis=0)))
    if (west, south) == (east, north):
        return {"type": "Point", "coordinates": [west, south]}
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}
