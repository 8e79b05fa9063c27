"""Hashes of the audit: rows to leaves, leaves to a Merkle root, roots to a chain of heads. Pure functions."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

GENESIS = "0" * 64
_LEAF = struct.Struct(">q32s")
COLUMNS = ("seq", "id", "at", "actor", "action", "kind", "ref", "area_path", "detail")


@dataclass(frozen=True, slots=True)
class Leaf:
    """A row's place and the hash of its content (without the place, so that a moved row is recognised)."""

    seq: int
    content: bytes


def leaf_of(row: Sequence[Any]) -> Leaf:
    """The leaf of a row given as COLUMNS."""
    seq, rest = row[0], list(row[1:])
    at = rest[1]
    rest[0], rest[1] = str(rest[0]), at.astimezone(UTC).isoformat() if isinstance(at, datetime) else at
    return Leaf(int(seq), hashlib.sha256(orjson.dumps(rest, option=orjson.OPT_SORT_KEYS)).digest())


def root_of(leaves: Iterable[Leaf]) -> str:
    """The Merkle root (RFC 6962 prefixes: 0 before a leaf, 1 before a node; an odd last one moves up)."""
    level = [hashlib.sha256(b"\0" + _LEAF.pack(leaf.seq, leaf.content)).digest() for leaf in leaves]
    if not level:
        return hashlib.sha256(b"").hexdigest()
    while len(level) > 1:
        pairs = [hashlib.sha256(b"\1" + a + b).digest() for a, b in zip(level[::2], level[1::2], strict=False)]
        level = pairs + ([level[-1]] if len(level) % 2 else [])
    return level[0].hex()


def head_of(previous: str, first: int, last: int, count: int, root: str) -> str:
    return hashlib.sha256(f"{previous}|{first}|{last}|{count}|{root}".encode()).hexdigest()


def pack(leaves: Sequence[Leaf]) -> bytes:
    return b"".join(_LEAF.pack(leaf.seq, leaf.content) for leaf in leaves)


def unpack(data: bytes) -> list[Leaf]:
    return [Leaf(seq, content) for seq, content in _LEAF.iter_unpack(data)]
