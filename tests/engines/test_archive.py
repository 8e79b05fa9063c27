"""A backup opens with its key, whole, unchanged, or not at all."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from linli.engines import archive

KEY = b"k" * 32


def make(path: Path) -> Path:
    writer = archive.Writer(path, KEY)
    writer.add("secrets/a", b"13812345678")
    writer.add_stream("postgres", io.BytesIO(b"x" * (archive.PART + 5)))
    writer.close({"counts": {"t": 3}})
    return path


def read(path: Path, key: bytes = KEY) -> dict[str, bytes]:
    return {name: content.read() for name, content in archive.members(path, key)}


def test_comes_back_as_it_was(tmp_path: Path) -> None:
    found = read(make(tmp_path / "b"))
    assert found["secrets/a"] == b"13812345678"
    assert [len(found[f"postgres/00000{n}"]) for n in (0, 1)] == [archive.PART, 5]
    manifest = json.loads(found["manifest.json"])
    assert manifest["counts"] == {"t": 3}
    assert list(manifest["entries"]) == ["secrets/a", "postgres/000000", "postgres/000001"]
    assert b"13812345678" not in (tmp_path / "b").read_bytes()
    assert (tmp_path / "b").stat().st_mode & 0o077 == 0


def test_another_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(archive.BadArchive, match="another key"):
        read(make(tmp_path / "b"), b"j" * 32)


@pytest.mark.parametrize("harm", ["flip", "cut", "swap", "last"])
def test_harm_is_seen(tmp_path: Path, harm: str) -> None:
    path = make(tmp_path / "b")
    data = bytearray(path.read_bytes())
    head, frame = len(archive.MAGIC) + 40, archive.CHUNK + 16 + 5
    if harm == "flip":
        data[len(data) // 2] ^= 1
    elif harm == "cut":
        del data[head + 2 * frame :]
    elif harm == "swap":
        first, second = data[head : head + frame], data[head + frame : head + 2 * frame]
        data[head : head + 2 * frame] = second + first
    else:
        data[head + 4] = 1
    path.write_bytes(bytes(data))
    with pytest.raises(archive.BadArchive):
        read(path)


def test_something_else_is_no_backup(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"hello" * 50)
    with pytest.raises(archive.BadArchive, match="not a backup"):
        read(tmp_path / "b")
