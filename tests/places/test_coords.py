"""Coordinates of Amap and Baidu against recorded vectors, both ways."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from linli.kernel.errors import Invalid
from linli.places import codes, geo

DATA = Path(os.environ.get("LINLI_RECORDINGS", "../shared/data"))
HEFEI = [(117.27, 31.98), (117.2, 31.9), (117.5869, 32.0731)]


def vectors() -> list[dict[str, str]]:
    for base in (DATA, *(p / "shared" / "data" for p in Path(__file__).resolve().parents)):
        path = base / "calendar_coords" / "coord_vectors.csv"
        if path.exists():
            with path.open() as source:
                return list(csv.DictReader(source))
    pytest.skip("the recordings folder (LINLI_RECORDINGS) is absent")


def test_recorded_vectors() -> None:
    rows = vectors()
    assert len(rows) == 150
    for r in rows:
        v = {k: float(x) for k, x in r.items()}
        wgs = v["wgs_lon"], v["wgs_lat"]
        for system, name in ((geo.GCJ02, "gcj"), (geo.BD09, "bd")):
            there = v[f"{name}_lon"], v[f"{name}_lat"]
            assert geo.distance_m(*geo.from_wgs84(*wgs, system), *there) < 0.01
            assert geo.distance_m(*geo.to_wgs84(*there, system), *wgs) < 0.1


def test_the_worked_points_that_the_phone_is_held_to() -> None:
    """`web/field` converts too; its tests read the same file. The last row is a published example."""
    with (Path(__file__).parent / "worked_points.csv").open() as source:
        rows = [{k: float(x) for k, x in row.items()} for row in csv.DictReader(source)]
    assert len(rows) > 8
    for v in rows:
        wgs = v["wgs_lon"], v["wgs_lat"]
        for system, name in ((geo.GCJ02, "gcj"), (geo.BD09, "bd")):
            there = v[f"{name}_lon"], v[f"{name}_lat"]
            assert geo.distance_m(*geo.from_wgs84(*wgs, system), *there) < 0.01
            assert geo.distance_m(*geo.to_wgs84(*there, system), *wgs) < 0.01


@pytest.mark.parametrize("point", HEFEI)
@pytest.mark.parametrize("system", [geo.GCJ02, geo.BD09])
def test_there_and_back(point: tuple[float, float], system: str) -> None:
    assert geo.distance_m(*geo.to_wgs84(*geo.from_wgs84(*point, system), system), *point) < 0.01


@pytest.mark.parametrize("point", [(0, 0), (181, 0), (0, 91), (float("nan"), 1), (float("inf"), 1)])
def test_points_that_are_none(point: tuple[float, float]) -> None:
    with pytest.raises(Invalid):
        geo.check_point(*point)


def test_an_unknown_system_is_refused() -> None:
    with pytest.raises(Invalid):
        geo.to_wgs84(117, 32, "mars")


def test_the_check_digit_finds_every_wrong_digit_and_every_swap() -> None:
    for number in range(10_000, 12_000, 7):
        code = codes.short_code(number)
        assert codes.short_ok(code)
        for i in range(len(code)):
            for d in "0123456789":
                assert d == code[i] or not codes.short_ok(code[:i] + d + code[i + 1 :])
            swapped = code[:i] + code[i : i + 2][::-1] + code[i + 2 :]
            assert swapped == code or not codes.short_ok(swapped)


def test_a_qr_code_has_at_least_96_random_bits() -> None:
    made = {codes.new_qr() for _ in range(1000)}
    assert len(made) == 1000
    assert all(len(c) * 5 >= 96 and codes.is_qr(c) for c in made)
