"""Frames of all four protocols for fuzzing, from any source of chance: `random.Random` or Hypothesis's."""

from __future__ import annotations

import random
from typing import Any

from linli.telemetry.codecs import gbt26875, hj212, jtt808, sl651
from linli.telemetry.codecs.all import NAMES, Talk, talk
from linli.telemetry.codecs.framing import Broken

NOW = 1_700_000_000_000
HELD = {"hj212": 4_200, "sl651": 4_200, "jtt808": 2_300, "gbt26875": 1_100}
"""The most bytes that each decoder may hold of a frame that has not ended."""
MARKS = {"hj212": b"##0", "sl651": b"\x7e\x7e", "jtt808": b"\x7e", "gbt26875": b"@@"}


def conversation(name: str) -> Talk:
    return talk(name, lambda: NOW, lambda phone, terminal: f"{terminal}.{phone}")


def packet(name: str, chance: random.Random) -> Any:
    """A random message that its encoder can write."""
    raw = chance.randbytes(chance.choice((0, 1, 5, 30, 60)))
    if name == "hj212":
        body = "".join(chance.choice("DataTime=20240101000000;a34004-Rtd=1.5,a34-Flag=N;中&") for _ in range(len(raw)))
        body = chance.choice(("", "DataTime=20240101000000;", "DataTime=;")) + body.replace("&&", "&")
        cn, flag = chance.choice(("2011", "2051", "1013", "9014", "xx")), chance.choice((0, 4, 5, 7))
        parts = (2, 1) if flag & 2 else (0, 0)
        return hj212.Message("2024", "22", cn, "123456", f"M{chance.randrange(99)}", flag, body.rstrip("&"), *parts)
    if name == "sl651":
        text = chance.random() < 0.3
        head = b"0001240101120000" if text else bytes.fromhex("0001240101120000")
        body = head + (b" Z 1.5 PJ x" if text else raw)
        if not text and chance.random() < 0.5:
            body = head + bytes.fromhex(chance.choice(("392300000127", "F460" + "00" * 12, "0418000005392200000122")))
        kind = chance.choice((0x2F, 0x30, 0x31, 0x34, 0x36, 0x40))
        many = (3, 2) if chance.random() < 0.1 else (0, 0)
        return sl651.Packet(text, chance.random() < 0.1, 1, "0012345678", "1234", kind, body, sl651.ETX, *many)
    if name == "jtt808":
        kind = chance.choice((0x0001, 0x0002, 0x0003, 0x0100, 0x0102, 0x0200, 0x0704, 0x0900))
        many = (3, 2) if chance.random() < 0.1 else (0, 0)
        return jtt808.Packet(kind, str(chance.randrange(1, 10**11)), chance.randrange(65536), raw,
                             chance.choice((0, 1)), False, *many)  # fmt: skip
    kind = chance.choice((1, 2, 3, 4, 21, 24, 28, 200))
    size = gbt26875._SIZES.get(kind, 1) + 6
    data = chance.choice((raw, bytes((kind, 2)) + chance.randbytes(2 * size)))
    return gbt26875.Packet(chance.randrange(65536), b"\x01\x01", chance.randbytes(6), chance.randbytes(6), b"\0" * 6,
                           chance.choice((2, 3)), data)  # fmt: skip


def encode(name: str, message: Any) -> bytes:
    codec: Any = {"hj212": hj212, "sl651": sl651, "jtt808": jtt808, "gbt26875": gbt26875}[name]
    encoded: bytes = codec.encode(message)
    return encoded


def damage(data: bytes, chance: random.Random) -> bytes:
    """One byte changed, put in or taken out."""
    at = chance.randrange(len(data))
    kind = chance.randrange(3)
    middle = b"" if kind == 0 else bytes((chance.randrange(256),))
    return data[:at] + middle + data[at + (0 if kind == 1 else 1) :]


def stream(name: str, chance: random.Random, pieces: int) -> tuple[bytes, int, int]:
    """(bytes, whole frames in them, inputs): about a third good frames, the rest damaged, cut or chance."""
    found, good = [], 0
    for _ in range(pieces):
        kind = chance.random()
        one = encode(name, packet(name, chance)) if kind < 0.75 else b""
        if kind < 0.4:
            good += 1
        elif kind < 0.65:
            one = damage(one, chance)
        elif kind < 0.75:
            one = one[: chance.randrange(len(one) + 1)]
        else:
            one = chance.choice((b"", MARKS[name])) + chance.randbytes(chance.randrange(40))
        found.append(one)
    return b"".join(found), good, pieces


def drink(name: str, data: bytes, cuts: list[int]) -> list[Any]:
    """Everything that a decoder says of `data` in those pieces; each good frame also makes its turn."""
    one = conversation(name)
    items: list[Any] = []
    for start, stop in zip([0, *cuts], [*cuts, len(data)], strict=True):
        items += one.decoder.feed(data[start:stop])
        assert len(one.decoder._rest) <= HELD[name]
    items += one.decoder.idle()
    assert not one.decoder.waiting
    for item in items:
        if not isinstance(item, Broken):
            one.turn(item)
    return items


__all__ = ["NAMES", "conversation", "damage", "drink", "encode", "packet", "stream"]
