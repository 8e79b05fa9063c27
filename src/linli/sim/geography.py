"""Draws the demo district's geography into `packs/demo/places`: `python -m linli.sim.geography [folder]`.

A lattice of streets, gently bent, makes blocks; grids of all four levels are unions of blocks, so they fit without
overlap or gap. It is a sketch around the real coordinates of Shuangfeng (示意图), not a survey: only the communities'
names and codes are real. The same seed draws the same district.
"""

from __future__ import annotations

import csv
import itertools
import math
import random
import sys
from pathlib import Path
from typing import Any

import orjson
import shapely
from shapely.geometry import LineString, Polygon, shape

from linli.places import geo
from linli.sim import geography_names as names

SEED = 20231
CENTRE = geo.Metres(117.27, 31.98)
COLUMNS, ROWS, WIDE, HIGH = 9, 10, 720.0, 750.0
CUT_X, CUT_Y = 5, 5  # the two main roads
# Parts of each quadrant as (columns, rows) within it; the same order as its communities.
PARTS = {
    "01": [((0, 2), (0, 5)), ((2, 5), (2, 5)), ((2, 5), (0, 2))],
    "02": [((0, 4), (3, 5)), ((0, 2), (0, 3)), ((2, 4), (0, 3))],
    "03": [((0, 3), (2, 5)), ((0, 3), (0, 2)), ((3, 5), (0, 5))],
    "04": [((0, 2), (2, 5)), ((2, 4), (2, 5)), ((0, 4), (0, 2))],
}
ORIGIN = {"01": (0, CUT_Y), "02": (CUT_X, CUT_Y), "03": (0, 0), "04": (CUT_X, 0)}
LAKE_BLOCKS = {(5, 5), (6, 5)}
INDUSTRY_COLUMNS, INDUSTRY_ROWS = range(3), range(5, 10)
STEPS = 6  # points along a block's side, so that bent streets and boundaries are the same line
Block = tuple[int, int]
NOTE = "示意图 illustrative"


def bend(u: float, v: float) -> tuple[float, float]:
    """From lattice units to metres east and north of the centre: streets swing a little, corners are drawn in."""
    x, y = (u - COLUMNS / 2) * WIDE, (v - ROWS / 2) * HIGH
    sx, sy = x / (COLUMNS * WIDE / 2), y / (ROWS * HIGH / 2)
    x2 = x * (1 - 0.13 * sy**2) + 130 * math.sin(y / 1700 + 0.6) + 35 * math.sin(y / 520 + x / 900)
    y2 = y * (1 - 0.09 * sx**2) + 110 * math.sin(x / 1900 - 0.4) + 30 * math.sin(x / 610 - y / 1100)
    turn = math.radians(5)
    return x2 * math.cos(turn) - y2 * math.sin(turn), x2 * math.sin(turn) + y2 * math.cos(turn)


def lonlat(u: float, v: float) -> tuple[float, float]:
    x, y = bend(u, v)
    return round(CENTRE.lon + x / CENTRE.kx, 6), round(CENTRE.lat + y / CENTRE.ky, 6)


def path(points: list[tuple[float, float]], steps: int = STEPS) -> list[tuple[float, float]]:
    """A line through lattice points, with the same points in between for whoever walks a side."""
    found = []
    for (u1, v1), (u2, v2) in itertools.pairwise(points):
        found += [lonlat(u1 + (u2 - u1) * i / steps, v1 + (v2 - v1) * i / steps) for i in range(steps)]
    return [*found, lonlat(*points[-1])]


def patch(u1: float, v1: float, u2: float, v2: float, steps: int = STEPS) -> Polygon:
    return Polygon(path([(u1, v1), (u2, v1), (u2, v2), (u1, v2), (u1, v1)], steps))


def union(blocks: list[Block]) -> Polygon:
    made = shapely.union_all([patch(c, r, c + 1, r + 1) for c, r in blocks])
    if made.geom_type != "Polygon":
        raise ValueError(f"blocks {blocks} do not hang together")
    return made


def snake(columns: range, rows: range) -> list[Block]:
    """All blocks of a rectangle on a path of neighbours, from the north-west."""
    found = []
    for i, c in enumerate(columns):
        found += [(c, r) for r in (reversed(rows) if i % 2 == 0 else rows)]
    return found


class District:
    def __init__(self, seed: int = SEED) -> None:
        self.rng = random.Random(seed)
        self.grids: list[dict[str, Any]] = []
        self.home: dict[Block, dict[str, Any]] = {}  # block → its level 4 grid
        self.community: dict[Block, str] = {}
        self.compounds: list[dict[str, Any]] = []
        self.buildings: list[dict[str, Any]] = []
        self.units: list[dict[str, Any]] = []
        self.footprints: list[dict[str, Any]] = []
        self.wet = shapely.union_all([shape(f["geometry"]).buffer(0.0003) for f in water()])

    # -- grids ---------------------------------------------------------------------------------------------------
    def grid(self, code: str, segment: str, level: int, name: tuple[str, str], parent: str, outline: Polygon,
             **more: str) -> dict[str, Any]:  # fmt: skip
        properties = {"code": code, "segment": segment, "level": level, "name_zh": name[0], "name_en": name[1],
                      "parent": parent, **more}  # fmt: skip
        self.grids.append(feature(outline, properties))
        return properties

    def draw_grids(self) -> None:
        code, zh, en = names.DISTRICT
        everything = [(c, r) for c in range(COLUMNS) for r in range(ROWS)]
        self.grid(code, code, 0, (zh, en), "", union(everything))
        for segment, name in names.FIRST_LEVEL.items():
            own = f"{code}{segment}"
            parts = []
            for (columns, rows), community in zip(PARTS[segment], names.COMMUNITIES[segment], strict=True):
                c0, r0 = ORIGIN[segment]
                blocks = snake(range(c0 + columns[0], c0 + columns[1]), range(r0 + rows[0], r0 + rows[1]))
                parts.append((community, blocks))
            self.grid(own, segment, 1, name, code, union([b for _, blocks in parts for b in blocks]))
            for community, blocks in parts:
                self.draw_community(own, community, blocks)

    def draw_community(self, parent: str, community: tuple[str, str, str], blocks: list[Block]) -> None:
        segment, zh, en = community
        code = names.DISTRICT[0] + segment
        self.grid(code, segment, 2, (zh, en), parent, union(blocks))
        size = 2 if len(blocks) <= 6 else 3
        chunks = [blocks[i : i + size] for i in range(0, len(blocks), size)]
        if len(chunks[-1]) == 1:
            last = chunks.pop()
            chunks[-1] += last
        fine = 100
        for n, chunk in enumerate(chunks, 1):
            name = (f"{zh}第{names.NUMERALS[n - 1]}网格", f"{en}, Grid {n}")
            own = f"{code}{n:03d}"
            self.grid(own, f"{n:03d}", 3, name, code, union(chunk))
            for k, block in enumerate(chunk, 1):
                fine += 1
                cell = (f"{name[0]} {k} 号微网格", f"{name[1]}, Cell {k}")
                self.home[block] = self.grid(f"{code}{fine}", f"{fine}", 4, cell, own, union([block]))
                self.community[block] = code

    # -- what stands in the blocks -------------------------------------------------------------------------------
    def fill(self) -> None:
        slots = self._slots()
        self._dedicated(slots)
        per: dict[str, int] = {}
        homes = self._spread([s for s in slots if s[0] not in self._industry()])
        for block, part in homes[62:]:
            if self.rng.random() < 0.6:
                self._halls(block, part, "", "shop")
        for i, (name, (block, part)) in enumerate(zip(names.compound_names(62), homes, strict=False)):
            code = self.community[block]
            per[code] = per.get(code, 0) + 1
            self._compound(f"{code}X{per[code]:02d}", name, block, part, i)

    def _slots(self) -> list[tuple[Block, tuple[float, float, float, float]]]:
        halves = [(0.07, 0.07, 0.47, 0.93), (0.53, 0.07, 0.93, 0.93)]
        blocks = [b for b in sorted(self.home) if b not in LAKE_BLOCKS]
        return [(b, half) for b in blocks for half in halves]

    @staticmethod
    def _industry() -> set[Block]:
        return {(c, r) for c in INDUSTRY_COLUMNS for r in INDUSTRY_ROWS}

    def _spread(self, slots: list[Any]) -> list[Any]:
        """In turn from every community, so that each gets its share of compounds."""
        self.rng.shuffle(slots)
        queues: dict[str, list[Any]] = {}
        for slot in slots:
            queues.setdefault(self.community[slot[0]], []).append(slot)
        found = []
        while any(queues.values()):
            for code in sorted(queues):
                if queues[code]:
                    found.append(queues[code].pop())
        return found

    def _dedicated(self, slots: list[Any]) -> None:
        industry = self._industry()
        number: dict[str, int] = {}
        for purpose, zh, en in names.DEDICATED:
            fits = [s for s in slots if (s[0] in industry) == (purpose == "enterprise")]
            named = [s for s in fits if self._named(s[0], zh)]
            slot = self.rng.choice(named or fits)
            slots.remove(slot)
            block, (u1, v1, u2, v2) = slot
            home = self.home[block]
            code = home["code"][:12]
            number[code] = number.get(code, 200) + 1
            outline = patch(block[0] + u1, block[1] + v1, block[0] + u2, block[1] + v2, 2)
            label, segment = (f"{zh}专属网格", f"{en} (dedicated)"), f"{number[code]}"
            self.grid(code + segment, segment, 4, label, home["parent"], outline, kind="dedicated", purpose=purpose)
            self._halls(block, (u1, v1, u2, v2), zh, purpose)

    def _named(self, block: Block, name: str) -> bool:
        code = self.community[block]
        found = next(zh for group in names.COMMUNITIES.values() for s, zh, _ in group if code.endswith(s))
        return name.startswith(found.removesuffix("社区"))

    def _halls(self, block: Block, part: tuple[float, float, float, float], name: str, purpose: str) -> None:
        u1, v1, u2, v2 = (part[0] + block[0], part[1] + block[1], part[2] + block[0], part[3] + block[1])
        count = {"mall": 1, "enterprise": 3, "school": 4, "shop": 5}[purpose]
        step = (v2 - v1 - 0.08) / count
        for k in range(count):
            low = v1 + 0.06 + k * step
            hall = patch(u1 + 0.06, low, u2 - 0.06 - (0.1 if k % 2 else 0), low + step * 0.7, 1)
            if not hall.intersects(self.wet):
                self.footprints.append(feature(hall, {"kind": purpose, "name": name if k == 0 else ""}))

    def _compound(self, code: str, name: tuple[str, str], block: Block, part: tuple[float, float, float, float],
                  index: int) -> None:  # fmt: skip
        u1, v1, u2, v2 = (part[0] + block[0], part[1] + block[1], part[2] + block[0], part[3] + block[1])
        kinds = ["government"] * 12 + ["developer"] * 28 + ["owners"] * 12 + ["operator"] * 9
        smart = index < 61
        lon, lat = lonlat((u1 + u2) / 2, (v1 + v2) / 2)
        self.compounds.append({
            "code": code, "name_zh": name[0], "name_en": name[1], "smart": "是" if smart else "否",
            "funding": names.FUNDING[kinds[index]] if smart else "", "hotline": f"0551-0000{index + 1:04d}",
            "lon": lon, "lat": lat,
        })  # fmt: skip
        rows, number = 6 + self.rng.randrange(3), 0
        step = (v2 - v1) / rows
        for r in range(rows):
            for half in (0, 1):
                if (r, half) == (rows // 2, 1):  # the garden in the middle
                    continue
                left, south = u1 + (u2 - u1) * (0.05 + 0.5 * half), v1 + step * (r + 0.35)
                right = left + (u2 - u1) * 0.4
                if not patch(left, south, right, south + 0.022, 1).intersects(self.wet):
                    number += 1
                    self._building(code, number, left, south, right)

    def _building(self, compound: str, number: int, left: float, south: float, right: float) -> None:
        code = f"{compound}-{number:02d}"
        floors = self.rng.choice([6, 6, 11, 18, 27])
        outline = patch(left, south, right, south + 0.022, 1)
        lon, lat = lonlat((left + right) / 2, south + 0.011)
        self.buildings.append({"code": code, "compound": compound, "name_zh": f"{number} 号楼",
                               "name_en": f"Building {number}", "floors": floors, "lon": lon, "lat": lat})  # fmt: skip
        self.footprints.append(feature(outline, {"kind": "home", "code": code, "floors": floors}))
        entrances = self.rng.choice([2, 3, 3, 4])
        for n in range(1, entrances + 1):
            x, y = lonlat(left + (right - left) * (n - 0.5) / entrances, south)
            self.units.append({"code": f"{code}-{n}", "building": code, "label_zh": f"{n} 单元",
                               "label_en": f"Unit {n}", "lon": x, "lat": y})  # fmt: skip


def feature(outline: Any, properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": geo.as_geojson(outline, 6)}


def roads() -> list[dict[str, Any]]:
    found = []
    for i, (zh, en) in enumerate(names.STREETS_NS):
        line = LineString(path([(i, r) for r in range(ROWS + 1)], STEPS))
        found.append(
            feature(line, {"class": "main" if i in (0, CUT_X, COLUMNS) else "street", "name_zh": zh, "name_en": en})
        )
    for j, (zh, en) in enumerate(names.STREETS_EW):
        line = LineString(path([(c, j) for c in range(COLUMNS + 1)], STEPS))
        found.append(
            feature(line, {"class": "main" if j in (0, CUT_Y, ROWS) else "street", "name_zh": zh, "name_en": en})
        )
    for c in range(COLUMNS):
        for r in range(ROWS):
            if (c, r) not in LAKE_BLOCKS:
                found.append(feature(LineString(path([(c + 0.5, r + 0.0), (c + 0.5, r + 1.0)], 2)), {"class": "lane"}))
    return found


def water() -> list[dict[str, Any]]:
    shore = []
    for i in range(36):
        angle = 2 * math.pi * i / 36
        wobble = 1 + 0.12 * math.sin(3 * angle + 0.7) + 0.07 * math.sin(5 * angle)
        shore.append(lonlat(6.0 + 0.78 * wobble * math.cos(angle), 5.48 + 0.33 * wobble * math.sin(angle)))
    river = [(-0.05, 7.6), (1.3, 7.25), (2.6, 6.7), (3.7, 6.15), (4.7, 5.75), (5.3, 5.5)]
    outlet = [(6.7, 5.4), (7.4, 4.6), (8.1, 3.3), (8.6, 1.9), (9.05, 0.8)]
    ditch = [(1.0, -0.02), (1.35, 1.2), (2.2, 2.2), (3.3, 2.9), (4.6, 3.35), (5.6, 3.2), (6.7, 3.55), (7.9, 3.7)]
    pond = [lonlat(2.5 + 0.2 * math.cos(a / 8 * math.pi), 8.5 + 0.16 * math.sin(a / 8 * math.pi)) for a in range(16)]
    return [
        feature(Polygon(shore), {"kind": "lake", "name_zh": "梅冲湖", "name_en": "Meichong Lake"}),
        feature(Polygon(pond), {"kind": "pond", "name_zh": "洪塘", "name_en": "Hong Pond"}),
        feature(LineString(path(river, 5)), {"kind": "river", "name_zh": "双凤河", "name_en": "Shuangfeng River"}),
        feature(LineString(path(outlet, 5)), {"kind": "river", "name_zh": "双凤河", "name_en": "Shuangfeng River"}),
        feature(LineString(path(ditch, 5)), {"kind": "canal", "name_zh": "板桥渠", "name_en": "Banqiao Canal"}),
    ]


def write_geojson(path: Path, features: list[dict[str, Any]]) -> None:
    """One feature a line: compact, and a change shows as few lines."""
    lines = b",\n".join(orjson.dumps(f) for f in features)
    path.write_bytes(b'{"type":"FeatureCollection","note":"' + NOTE.encode() + b'","features":[\n' + lines + b"\n]}\n")


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as out:
        table = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def main(folder: Path) -> None:
    district = District()
    district.draw_grids()
    district.fill()
    folder.mkdir(parents=True, exist_ok=True)
    write_geojson(folder / "grids.geojson", district.grids)
    write_geojson(folder / "roads.geojson", roads())
    write_geojson(folder / "water.geojson", water())
    write_geojson(folder / "footprints.geojson", district.footprints)
    for name in ("compounds", "buildings", "units"):
        write_csv(folder / f"{name}.csv", getattr(district, name))


if __name__ == "__main__":
    from linli.kernel import packs

    main(Path(sys.argv[1]) if len(sys.argv) > 1 else packs.root() / "demo" / "places")
