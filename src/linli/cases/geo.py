"""Metres for distances: Web Mercator coordinates, corrected by the latitude where they are compared."""

from __future__ import annotations

import math

R = 6_378_137.0


def to_metres(lon: float, lat: float) -> tuple[int, int]:
    """Whole metres of the projection."""
    return round(R * math.radians(lon)), round(R * math.log(math.tan(math.pi / 4 + math.radians(lat) / 2)))


def to_degrees(x: float, y: float) -> tuple[float, float]:
    """Longitude and latitude of a point of the projection, to a decimetre."""
    lat = math.degrees(2 * math.atan(math.exp(y / R)) - math.pi / 2)
    return round(math.degrees(x / R), 6), round(lat, 6)


def stretch(lat: float) -> float:
    """How many metres of the projection are one metre on the ground."""
    return 1 / math.cos(math.radians(lat))


def distance(ax: int, ay: int, bx: int, by: int, lat: float) -> float:
    return math.hypot(ax - bx, ay - by) / stretch(lat)


def bad_point(lon: float, lat: float) -> str:
    """Why a point cannot be meant, or ''. 0,0 is how many systems write 'no place'."""
    if not (math.isfinite(lon) and math.isfinite(lat)):
        return "is not a number"
    if not (-180 <= lon <= 180 and -85 <= lat <= 85):
        return "must be WGS84 degrees: longitude -180 to 180, latitude -85 to 85"
    if lon == 0 and lat == 0:
        return "0,0 is no place"
    return ""
