"""The protocols by their names, as `linli up --tcp-ports NAME=PORT` has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from linli.telemetry.codecs import gbt26875, hj212, jtt808, sl651
from linli.telemetry.codecs.framing import Decoder, Turn

NAMES = (hj212.NAME, sl651.NAME, jtt808.NAME, gbt26875.NAME)


class Talk(Protocol):
    """A conversation: a decoder of its own, and what each frame asks."""

    name: str
    decoder: Decoder[Any]

    def turn(self, frame: Any) -> Turn: ...


def talk(name: str, now: Callable[[], int], code_for: Callable[[str, str], str]) -> Talk:
    """A new conversation in a protocol. `code_for` makes the code by which a vehicle's terminal enters."""
    if name == jtt808.NAME:
        return jtt808.Talk(now, code_for)
    return {hj212.NAME: hj212.Talk, sl651.NAME: sl651.Talk, gbt26875.NAME: gbt26875.Talk}[name](now)


def ports(text: str) -> dict[str, int]:
    """`NAME=PORT,...` as protocols and their ports. Raises ValueError, saying what is wrong."""
    found: dict[str, int] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        name, _, port = pair.partition("=")
        if name not in NAMES:
            raise ValueError(f"{name!r} is no protocol; there are {', '.join(NAMES)}")
        if not port.isdecimal() or not 0 < int(port) < 65_536:
            raise ValueError(f"{pair!r} names no port")
        if name in found or int(port) in found.values():
            raise ValueError(f"{pair!r} names a protocol or a port twice")
        found[name] = int(port)
    return found
