"""What other modules call. All points are WGS84 degrees. See `contracts` for the values."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import numpy as np
import numpy.typing as npt
from shapely.geometry.base import BaseGeometry

from linli.places import index, selectors, unit_selectors
from linli.places.contracts import GridInfo, Place, RehomedTable, RehomeHook, UnitInfo
from linli.places.geo import Metres, metres_at
from linli.places.services import rehoming

__all__ = ["GridInfo", "Place", "RehomedTable", "UnitInfo"]


def locate(lon: float, lat: float) -> Place | None:
    """The finest grid at a point; None outside of all grids."""
    node = index.current().find(lon, lat)
    return node.place if node else None


def locate_many(lon: npt.ArrayLike, lat: npt.ArrayLike) -> list[Place | None]:
    """`locate` for arrays of points, in bulk."""
    now = index.current()
    places: list[Place | None] = [n.place for n in now.nodes]
    places.append(None)  # found == -1
    return [places[i] for i in now.find_many(lon, lat).tolist()]


def locate_codes(lon: npt.ArrayLike, lat: npt.ArrayLike) -> tuple[npt.NDArray[np.int64], list[Place]]:
    """The fastest form: for each point a number into the returned list of places, or -1."""
    now = index.current()
    return now.find_many(lon, lat), [n.place for n in now.nodes]


def revision() -> int:
    """Rises with every change of a grid: what was drawn from grids is good as long as it stays."""
    return index.current().revision


def grid(grid_id: UUID) -> GridInfo | None:
    """A grid in force."""
    node = index.current().by_id.get(grid_id)
    return node.info if node else None


def grid_at(area_path: str) -> GridInfo | None:
    node = index.current().by_path.get(area_path)
    return node.info if node else None


def grid_name(area_path: str, language: str = "zh-hans") -> str:
    """The name of the grid with this path; of the nearest one above it when it is no longer in force."""
    now, path = index.current(), area_path
    while path:
        if node := now.by_path.get(path):
            return node.info.name(language)
        path = path.rpartition(".")[0]
    return area_path


def area_names(area_path: str, language: str = "zh-hans") -> list[str]:
    """Names from the first level down to the grid itself, without the district."""
    now, parts = index.current(), area_path.split(".")
    paths = [".".join(parts[: i + 1]) for i in range(len(parts))]
    found = [now.by_path[p].info for p in paths if p in now.by_path]
    return [info.name(language) for info in found if info.level > 0]


def grids(level: int | None = None) -> list[GridInfo]:
    """All grids in force, coarsest first, by path."""
    found = [n.info for n in index.current().nodes if level is None or n.info.level == level]
    return sorted(found, key=lambda g: (g.level, g.area_path))


def area_exists(area_path: str) -> bool:
    """Whether a grid in force has this area path."""
    return area_path in index.current().by_path


def to_wgs84(lon: float, lat: float, system: str) -> tuple[float, float]:
    """A point of another map (gcj02: Amap, Tencent, WeChat; bd09: Baidu) in WGS84."""
    from linli.places import geo

    return geo.to_wgs84(lon, lat, system)


def polygon(grid_id: UUID) -> dict[str, object] | None:
    """A grid's boundary as GeoJSON."""
    from linli.places import geo

    node = index.current().by_id.get(grid_id)
    return geo.as_geojson(node.shape) if node else None


def unit(unit_id: UUID) -> UnitInfo | None:
    return unit_selectors.unit_info(id=unit_id)


def unit_by_code(code: str) -> UnitInfo | None:
    """The unit of a QR code or of a short code; None when unknown or replaced (see `replaced_code`)."""
    return unit_selectors.unit_by_code(code)


def replaced_code(code: str) -> bool:
    """Whether this QR code once hung at a unit and was replaced."""
    return selectors.was_replaced(code)


def units(unit_ids: Sequence[UUID]) -> dict[UUID, UnitInfo]:
    return unit_selectors.unit_infos(unit_ids)


def layer(name: str) -> dict[str, object] | None:
    """A layer of the district's map (roads, water, footprints) as GeoJSON, from the packs in force."""
    import orjson

    from linli.places import pack

    path = pack.layer(name)
    return orjson.loads(path.read_bytes()) if path else None


def flat_map(outline: BaseGeometry) -> Metres:
    """A map in metres around a shape, for drawing."""
    return metres_at(outline)


def building_point(unit_id: UUID) -> tuple[float, float] | None:
    """Where a unit's building stands: what a public page may show instead of the unit."""
    return selectors.building_point(unit_id)


def on_rehome(fn: RehomeHook) -> RehomeHook:
    """Call `fn(changes)` in the transaction of every split, merge, redraw and undo; tables are better registered
    with `rehome_table`, which also counts, journals and undoes."""
    return rehoming.add_hook(fn)


def rehome_table(table: RehomedTable) -> None:
    """Have this table's rows moved when boundaries change, counted in the preview and moved back on undo."""
    rehoming.register(table)
