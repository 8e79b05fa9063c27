"""The grids in memory: answers `locate` in microseconds.

A raster over the district's box holds, for each small cell, either the one grid that surely covers it or the few
candidates that need an exact test. The index carries the revision it was built from; `current()` compares that with the
database at most once a second and builds anew after a change.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from linli.places import selectors
from linli.places.contracts import DEDICATED, GeoJSON, GridInfo, Place

CELLS = 256  # along the longer side of the box: about 40 m in a district of 10 km
EXACT = -2  # a raster cell that a boundary crosses
CHECK_EVERY = 1.0


@dataclass(frozen=True, slots=True)
class Node:
    info: GridInfo
    place: Place
    shape: BaseGeometry


class Index:
    """An immutable picture of all grids in force at one revision. Nodes are in order of preference: finest first."""

    def __init__(self, revision: int, rows: Sequence[tuple[GridInfo, GeoJSON]], token: UUID | None = None) -> None:
        self.revision, self.token = revision, token
        self.built = time.monotonic()
        infos = {info.grid_id: info for info, _ in rows}
        nodes = [Node(info, _place(info, infos), shape(polygon)) for info, polygon in rows]
        nodes.sort(key=lambda n: (-n.info.level, n.info.kind != DEDICATED, n.shape.area, n.info.code))
        self.nodes = nodes
        self.by_id: dict[UUID, Node] = {n.info.grid_id: n for n in nodes}
        self.by_path: dict[str, Node] = {n.info.area_path: n for n in nodes}
        self.tree = shapely.STRtree([n.shape for n in nodes])
        for n in nodes:
            shapely.prepare(n.shape)
        self._raster()

    def _raster(self) -> None:
        self.cells: npt.NDArray[np.int32] = np.full((0, 0), -1, np.int32)
        self.exact: dict[tuple[int, int], tuple[int, ...]] = {}
        if not self.nodes:
            self.west = self.south = 0.0
            self.step = 1.0
            return
        west, south, east, north = shapely.total_bounds([n.shape for n in self.nodes])
        self.west, self.south = float(west), float(south)
        self.step = max(east - west, north - south, 1e-9) / CELLS
        nx, ny = int((east - west) / self.step) + 1, int((north - south) / self.step) + 1
        x, y = np.meshgrid(west + np.arange(nx) * self.step, south + np.arange(ny) * self.step)
        # A hair wider than the cell, so that rounding in `locate` can never reach a neighbour's verdict.
        hair = self.step * 1e-6
        boxes = shapely.box(x - hair, y - hair, x + self.step + hair, y + self.step + hair).ravel()
        cells = np.full(nx * ny, -1, np.int32)
        touched, hit = self.tree.query(boxes, predicate="intersects")
        covered = shapely.covers(np.array([n.shape for n in self.nodes])[hit], boxes[touched])
        self._fill(cells, nx, touched, hit, covered)
        self.cells = cells.reshape(ny, nx)

    def _fill(self, cells: npt.NDArray[np.int32], nx: int, touched: npt.NDArray[np.int64],
              hit: npt.NDArray[np.int64], covered: npt.NDArray[np.bool_]) -> None:  # fmt: skip
        found: dict[int, list[tuple[int, bool]]] = {}
        for cell, node, full in zip(touched.tolist(), hit.tolist(), covered.tolist(), strict=True):
            found.setdefault(cell, []).append((node, full))
        for cell, candidates in found.items():
            candidates.sort()
            keep: list[int] = []
            for node, full in candidates:
                keep.append(node)
                if full:
                    break
            if len(keep) == 1 and candidates[0][1]:
                cells[cell] = keep[0]
            else:
                cells[cell] = EXACT
                self.exact[(cell // nx, cell % nx)] = tuple(keep)

    def find(self, lon: float, lat: float) -> Node | None:
        """The finest grid at a point; on a shared boundary the one first in order."""
        if not (self.west <= lon < 360 and self.south <= lat < 360):
            return None  # also what is not a number
        x, y = int((lon - self.west) / self.step), int((lat - self.south) / self.step)
        ny, nx = self.cells.shape
        if x >= nx or y >= ny:
            return None
        cell = int(self.cells[y, x])
        if cell >= 0:
            return self.nodes[cell]
        if cell == EXACT:
            for node in self.exact[(y, x)]:
                if shapely.intersects_xy(self.nodes[node].shape, lon, lat):
                    return self.nodes[node]
        return None

    def find_many(self, lon: npt.ArrayLike, lat: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """For arrays of points: the number of each one's node in `nodes`, or -1."""
        lon, lat = np.asarray(lon, float), np.asarray(lat, float)
        found = np.full(lon.shape, -1, np.int64)
        ny, nx = self.cells.shape
        with np.errstate(invalid="ignore"):
            x, y = np.floor((lon - self.west) / self.step), np.floor((lat - self.south) / self.step)
            inside = (x >= 0) & (y >= 0) & (x < nx) & (y < ny)
        found[inside] = self.cells[y[inside].astype(int), x[inside].astype(int)]
        near = np.flatnonzero(found == EXACT)
        found[near] = -1
        if len(near):
            points = shapely.points(lon[near], lat[near])
            which, node = self.tree.query(points, predicate="intersects")
            best = np.full(len(near), len(self.nodes), np.int64)
            np.minimum.at(best, which, node)
            hit = best < len(self.nodes)
            found[near[hit]] = best[hit]
        return found


def _place(info: GridInfo, infos: dict[UUID, GridInfo]) -> Place:
    community: GridInfo | None = info
    while community is not None and community.level > 2:
        community = infos.get(community.parent_id) if community.parent_id else None
    return Place(
        grid_id=info.grid_id, area_path=info.area_path, grid_code=info.code, grid_name=info.name_zh,
        community_name=community.name_zh if community else "", community_name_en=community.name_en if community else "",
    )  # fmt: skip


_lock = threading.Lock()
_current: Index | None = None
_checked = -CHECK_EVERY


def current() -> Index:
    """The index at the database's revision, at most a second behind it."""
    global _checked
    found = _current
    if found is not None and time.monotonic() - _checked < CHECK_EVERY:
        return found
    with _lock:
        if _current is not None and time.monotonic() - _checked < CHECK_EVERY:
            return _current
        return _refresh()


def refresh() -> Index:
    """The index at exactly the revision that the present transaction sees; for writes and tests."""
    with _lock:
        return _refresh()


def invalidate() -> None:
    """Build anew at the next call: this process has just changed a grid."""
    global _checked, _current
    with _lock:
        _checked, _current = -CHECK_EVERY, None


def _refresh() -> Index:
    global _current, _checked
    revision, token = selectors.revision_token()
    if _current is None or (_current.revision, _current.token) != (revision, token):
        _current = Index(revision, selectors.all_grids(), token)
    _checked = time.monotonic()
    return _current
