"""`locate` gives the finest grid, in microseconds, and agrees with the slow and obvious way."""

from __future__ import annotations

import time
from uuid import uuid4

import numpy as np
import shapely
from shapely.geometry import Polygon, box, mapping

from linli.places.contracts import DEDICATED, RESPONSIBILITY, GridInfo
from linli.places.index import Index

W, S, E, N = 117.20, 31.94, 117.34, 32.04


def info(code: str, path: str, level: int, kind: str = RESPONSIBILITY, parent: GridInfo | None = None) -> GridInfo:
    return GridInfo(uuid4(), code, code, code, level, kind, path, parent.grid_id if parent else None, 0, 0)


def district() -> Index:
    """A district of 12 communities of 30 crooked cells each, and one dedicated grid across two cells."""
    rng = np.random.default_rng(7)
    root = info("d", "d", 0)
    rows = [(root, mapping(box(W, S, E, N)))]
    for c in range(12):
        x0, y0 = W + (c % 4) * (E - W) / 4, S + (c // 4) * (N - S) / 3
        outer = box(x0, y0, x0 + (E - W) / 4, y0 + (N - S) / 3)
        community = info(f"c{c}", f"d.c{c}", 2, parent=root)
        rows.append((community, mapping(outer)))
        seeds = shapely.multipoints(np.column_stack([rng.uniform(*outer.bounds[::2], 30),
                                                     rng.uniform(*outer.bounds[1::2], 30)]))  # fmt: skip
        for i, cell in enumerate(shapely.voronoi_polygons(seeds, extend_to=outer).geoms):
            fine = info(f"c{c}-{i}", f"d.c{c}.{i}", 3, parent=community)
            rows.append((fine, mapping(shapely.segmentize(cell.intersection(outer), 0.0005))))
    mall = box(W + 0.01, S + 0.01, W + 0.02, S + 0.02)
    rows.append((info("mall", "d.c0.mall", 3, DEDICATED, community), mapping(mall)))
    return Index(1, rows)


def test_it_agrees_with_a_plain_search() -> None:
    index = district()
    rng = np.random.default_rng(1)
    lon, lat = rng.uniform(W - 0.01, E + 0.01, 4000), rng.uniform(S - 0.01, N + 0.01, 4000)
    many = index.find_many(lon, lat)
    for x, y, got in zip(lon, lat, many, strict=True):
        plain = next((i for i, n in enumerate(index.nodes) if n.shape.intersects(shapely.Point(x, y))), -1)
        assert got == plain
        single = index.find(x, y)
        assert (single.info.code if single else None) == (index.nodes[plain].info.code if plain >= 0 else None)


def test_a_dedicated_grid_goes_before_the_responsibility_grid_under_it() -> None:
    found = district().find(W + 0.015, S + 0.015)
    assert found is not None and found.info.code == "mall"


def test_shared_corners_and_the_edge_belong_to_some_grid_and_nonsense_to_none() -> None:
    index = district()
    assert index.find(W, S) is not None
    assert index.find(W + (E - W) / 4, S + (N - S) / 3) is not None
    assert index.find(0, 0) is None
    assert index.find(W - 1e-9, S) is None
    assert index.find_many([np.nan, 999.0], [np.nan, 0.0]).tolist() == [-1, -1]


def test_an_empty_district_answers() -> None:
    index = Index(0, [])
    assert index.find(117, 32) is None
    assert index.find_many([117.0], [32.0]).tolist() == [-1]


def test_a_shape_with_a_hole() -> None:
    ring = Polygon(box(0, 0, 4, 4).exterior.coords, [box(1, 1, 3, 3).exterior.coords])
    index = Index(1, [(info("a", "a", 1), mapping(ring))])
    assert index.find(2, 2) is None
    assert index.find(0.5, 0.5) is not None


def test_it_is_fast_enough() -> None:
    index = district()
    rng = np.random.default_rng(2)
    lon, lat = rng.uniform(W, E, 200_000), rng.uniform(S, N, 200_000)
    start = time.process_time()
    index.find_many(lon, lat)
    rate = 200_000 / (time.process_time() - start)
    points = list(zip(lon[:5000].tolist(), lat[:5000].tolist(), strict=True))
    start = time.process_time()
    for x, y in points:
        index.find(x, y)
    single = (time.process_time() - start) / len(points)
    print(f"locate: {rate:,.0f} points/s in bulk, {single * 1e6:.1f} µs single, {len(index.nodes)} grids")
    assert rate >= 100_000
    assert single < 100e-6
