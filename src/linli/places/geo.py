"""Coordinates and shapes. WGS84 inside; GCJ-02 (Amap) and BD-09 (Baidu) only at the edges; metres by projection."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import shapely
from coord_convert import transform as _convert
from shapely.geometry import mapping, shape
from shapely.geometry.base import BaseGeometry

from linli.kernel.errors import Invalid

WGS84, GCJ02, BD09 = "wgs84", "gcj02", "bd09"
SYSTEMS = (WGS84, GCJ02, BD09)
_TO_WGS = {GCJ02: _convert.gcj2wgs, BD09: _convert.bd2wgs}
_FROM_WGS = {GCJ02: _convert.wgs2gcj, BD09: _convert.wgs2bd}
MAX_VERTICES = 20_000


def check_point(lon: float, lat: float, field: str = "") -> None:
    """Refuse what is not a place on earth; (0, 0) is how others write 'unknown'."""
    prefix = f"{field}." if field else ""
    for name, value, most in (("lon", lon, 180.0), ("lat", lat, 90.0)):
        if not math.isfinite(value) or abs(value) > most:
            raise Invalid(prefix + name, f"must be between -{most:g} and {most:g}")
    if lon == 0 and lat == 0:
        raise Invalid(prefix + "lon", "0, 0 is not a place; leave both out when the place is not known")


def to_wgs84(lon: float, lat: float, system: str) -> tuple[float, float]:
    """A point given in `system`, in WGS84; exact to well under a metre (the inverse is found by iteration)."""
    if system == WGS84:
        return lon, lat
    if system not in SYSTEMS:
        raise Invalid("system", f"must be one of {', '.join(SYSTEMS)}")
    guess = _TO_WGS[system](lon, lat)
    for _ in range(6):
        back = _FROM_WGS[system](*guess)
        step = (lon - back[0], lat - back[1])
        guess = (guess[0] + step[0], guess[1] + step[1])
        if abs(step[0]) + abs(step[1]) < 1e-10:
            break
    return guess


def from_wgs84(lon: float, lat: float, system: str) -> tuple[float, float]:
    if system == WGS84:
        return lon, lat
    if system not in SYSTEMS:
        raise Invalid("system", f"must be one of {', '.join(SYSTEMS)}")
    return _FROM_WGS[system](lon, lat)


def shape_to_wgs84(geometry: BaseGeometry, system: str) -> BaseGeometry:
    if system == WGS84:
        return geometry
    return shapely.transform(geometry, lambda xy: np.array([to_wgs84(x, y, system) for x, y in xy]))


def read_polygon(value: Any, field: str = "polygon", system: str = WGS84) -> BaseGeometry:
    """A valid Polygon or MultiPolygon in WGS84 from GeoJSON, or a refusal that says what is wrong with it."""
    if not isinstance(value, dict) or value.get("type") not in ("Polygon", "MultiPolygon"):
        raise Invalid(field, "must be a GeoJSON Polygon or MultiPolygon")
    try:
        found = shape(value)
    except Exception as error:
        raise Invalid(field, f"is not well-formed GeoJSON: {error}") from error
    if found.is_empty:
        raise Invalid(field, "is empty")
    if shapely.get_num_coordinates(found) > MAX_VERTICES:
        raise Invalid(field, f"has more than {MAX_VERTICES} vertices")
    xy = shapely.get_coordinates(found)
    if not np.isfinite(xy).all() or np.abs(xy[:, 0]).max() > 180 or np.abs(xy[:, 1]).max() > 90:
        raise Invalid(field, "has coordinates that are not degrees of longitude and latitude")
    found = shapely.force_2d(found)
    if not found.is_valid:
        raise Invalid(field, f"is not a valid shape: {shapely.is_valid_reason(found)}")
    return shape_to_wgs84(found, system)


def as_geojson(geometry: BaseGeometry, digits: int = 7) -> dict[str, Any]:
    """GeoJSON with coordinates rounded to `digits` (7 is about 1 cm)."""
    rounded = shapely.transform(geometry, lambda xy: np.round(xy, digits))
    return _plain(mapping(rounded))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, (list, tuple)) else value


class Metres:
    """A flat map of the neighbourhood of a point, in metres; within 20 km of it true to better than 1 in 1,000."""

    def __init__(self, lon: float, lat: float) -> None:
        self.lon, self.lat = lon, lat
        phi = math.radians(lat)
        s = 1 - 0.00669437999014 * math.sin(phi) ** 2
        self.kx = math.radians(6378137.0 / math.sqrt(s) * math.cos(phi))
        self.ky = math.radians(6378137.0 * (1 - 0.00669437999014) / s**1.5)

    def project(self, geometry: BaseGeometry) -> BaseGeometry:
        return shapely.transform(geometry, lambda xy: (xy - (self.lon, self.lat)) * (self.kx, self.ky))

    def back(self, geometry: BaseGeometry) -> BaseGeometry:
        return shapely.transform(geometry, lambda xy: xy / (self.kx, self.ky) + (self.lon, self.lat))


def metres_at(geometry: BaseGeometry) -> Metres:
    west, south, east, north = geometry.bounds
    return Metres((west + east) / 2, (south + north) / 2)


def area_m2(geometry: BaseGeometry) -> float:
    return float(metres_at(geometry).project(geometry).area)


def distance_m(lon1: float, lat1: float, lon2: float, lat2: float) -> float:
    m = Metres((lon1 + lon2) / 2, (lat1 + lat2) / 2)
    return math.hypot((lon2 - lon1) * m.kx, (lat2 - lat1) * m.ky)
