"""Encryption: 100 numbers given by the public form; no file of the home and no backup holds one in clear."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.district import District

from linli.home import Home
from linli.sim.homefiles import demo
from linli.sim.resident import Resident

pytestmark = pytest.mark.slow
PLANTED = "planted-word-7f3a"


@pytest.fixture(scope="module")
def district() -> Iterator[District]:
    with District(demo=True) as running:
        yield running


def holders(folder: Path, needles: list[bytes]) -> dict[str, list[bytes]]:
    """Files below `folder` and which of the needles each holds."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            try:
                data = path.read_bytes()
            except OSError:
                continue  # a file that the database has just removed
            if hits := [n for n in needles if n in data]:
                found[str(path.relative_to(folder))] = hits
    return found


def forms(number: str) -> list[bytes]:
    """A number as text, as UTF-16 and with separators."""
    spaced = f"{number[:3]} {number[3:7]} {number[7:]}"
    return [number.encode(), number.encode("utf-16-le"), spaced.encode(), spaced.replace(" ", "-").encode()]


def test_duty_encryption_a_byte_search_over_home_and_backup_finds_no_number(district: District, tmp_path: Path) -> None:
    known, rng = demo(Home(district.home)), random.Random(5)
    numbers = [f"13{rng.randint(10**8, 10**9 - 1)}" for _ in range(100)]
    for i, number in enumerate(numbers):
        text = f"{PLANTED} 第 {i} 件,请打电话 {number}" if i % 2 else f"{PLANTED} 第 {i} 件"
        Resident(known.origin).report(known.units[i]["qr"], "problem", text, phone=number)
    archive = tmp_path / "district.backup"
    district.run("backup", str(archive), "--home", str(district.home))
    needles = [form for number in numbers for form in forms(number)]
    assert holders(district.home, needles) == {}
    assert not [n for n in needles if n in archive.read_bytes()]
    assert holders(district.home, [PLANTED.encode()]), "the search would find what is there in clear"
    assert PLANTED.encode() not in archive.read_bytes()
