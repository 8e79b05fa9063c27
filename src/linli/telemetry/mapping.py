"""From a protocol's codes to the properties of thing models: data of the packs (`packs/*/codecs/*.yaml`).

A code without an entry is told at the device and counted; an entry without a property leaves the code out on purpose.
So a new factor, unit or bit of a status word needs a line of data and no code.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from linli.kernel import packs

CACHE = 20_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: `code` may hold `*`; `bit` picks one of a word of bits; `models` limits it to kinds of things.

    `raises`: also for a part that is no device of its own, but only when it is not 0: the part's end is not the end of
    the whole, which the station itself tells.
    """

    code: str
    property: str = ""
    scale: float = 1.0
    offset: float = 0.0
    bit: int | None = None
    models: tuple[str, ...] = ()
    raises: bool = False

    def value(self, raw: float) -> float | bool:
        if self.bit is not None:
            return bool(int(raw) >> self.bit & 1)
        if self.scale == 1.0 and not self.offset:
            return raw
        return round(raw * self.scale + self.offset, 9)


class Mapping:
    """The entries of one protocol. Later packs come first; the code that matches first holds."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.entries = list(entries)
        self._known: dict[tuple[str, str], tuple[Entry, ...]] = {}

    def of(self, model: str, code: str) -> tuple[Entry, ...]:
        """What becomes of a code at a kind of thing; empty when no entry names it."""
        key = (model, code)
        found = self._known.get(key)
        if found is None:
            fitting = [e for e in self.entries if fnmatchcase(code, e.code) and (not e.models or model in e.models)]
            # An entry for this kind of thing stands for itself; of the general ones all of the same code hold.
            first = fitting[0] if fitting else None
            found = tuple(e for e in fitting if first and e.code == first.code and e.models == first.models)
            if len(self._known) < CACHE:
                self._known[key] = found
        return found

    def read(
        self, model: str, values: Iterable[tuple[str, float]], *, part: bool = False
    ) -> tuple[dict[str, float | bool], list[str]]:
        """(properties with their values, codes that no entry names). `part`: of a part that is no device itself."""
        found: dict[str, float | bool] = {}
        unknown: list[str] = []
        for code, raw in values:
            entries = self.of(model, code)
            if not entries:
                unknown.append(code)
            elif part and not any(e.raises for e in entries) and any(e.property for e in entries):
                unknown.append(f"{code} of a part that is no device")
            for entry in entries:
                value = entry.value(raw)
                if entry.property and (not part or (entry.raises and value)):
                    found[entry.property.replace("{code}", code)] = value
        return found, unknown


def load() -> dict[str, Mapping]:
    """The mappings of the packs in force, by protocol."""
    found: dict[str, list[Entry]] = {}
    for path in packs.files("codecs", (".yaml",)):
        raw = packs.read_yaml(path)
        mine = [entry(line) for line in raw["codes"]]
        found[raw["protocol"]] = mine + found.get(raw["protocol"], [])
    return {protocol: Mapping(entries) for protocol, entries in found.items()}


def entry(line: dict[str, Any]) -> Entry:
    return Entry(**{**line, "models": tuple(line.get("models", ()))})
