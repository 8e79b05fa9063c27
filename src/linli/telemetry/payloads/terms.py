"""A payload mapping as it is written (`packs/*/payloads/*.yaml`, or in a reading hook) and as it is read by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from linli.kernel import packs, paths
from linli.telemetry import mapping as codes
from linli.telemetry.payloads.values import Bytes

WORDS = ("unpack", "when", "each", "device", "time", "readings", "codes")
"""What a mapping itself says; the rest of a pack's file is about it."""


@dataclass(frozen=True, slots=True)
class Way:
    """A path. `here`: from the item (`@`), not from the whole document (`$`)."""

    steps: paths.Steps
    here: bool = False

    def find(self, doc: Any, item: Any) -> Any:
        return paths.one(item if self.here else doc, self.steps)


@dataclass(frozen=True, slots=True)
class Line:
    """One reading: `property` names it, or what stands at `code`, or (`fields`) each name of an object."""

    path: Way
    property: str = ""
    code: Way | None = None
    fields: bool = False
    value: paths.Steps = ()
    time: paths.Steps = ()
    form: str = "ms"
    scale: float = 1.0
    offset: float = 0.0
    bit: int | None = None
    table: Mapping[str, float | bool] | None = None
    bytes: Bytes | None = None
    models: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Payload:
    """A mapping ready to read by: `reading.items`, `reading.rows`."""

    zone: ZoneInfo
    lines: tuple[Line, ...]
    codes: codes.Mapping | None = None
    unpack: paths.Steps = ()
    when: tuple[tuple[Way, frozenset[str]], ...] = ()
    each: paths.Steps | None = None
    device: Way | None = None
    by: str = "code"  # code, number
    time: Way | None = None
    form: str = "ms"
    models: frozenset[str] = field(default_factory=frozenset)


def way(text: str) -> Way:
    return Way(paths.steps(text), text.startswith("@"))


def made(raw: Mapping[str, Any], zone: ZoneInfo) -> Payload:
    """A mapping without `checking.problems`, ready to read by. `zone`: the district's."""
    device, time = raw.get("device") or {}, raw.get("time") or {}
    named = raw.get("codes")
    return Payload(
        zone=zone, lines=tuple(_line(one, time.get("form", "ms")) for one in raw.get("readings", ())),
        codes=codes.Mapping(codes.entry(one) for one in named) if named else None,
        unpack=paths.steps(raw.get("unpack", "")),
        when=tuple((way(one["path"]), frozenset(one["is"])) for one in raw.get("when", ())),
        each=paths.steps(raw["each"]) if raw.get("each") else None,
        device=way(device["path"]) if device else None, by=device.get("as", "code"),
        time=way(time["path"]) if time else None, form=time.get("form", "ms"),
        models=frozenset(raw.get("models", ())),
    )  # fmt: skip


def _line(one: Mapping[str, Any], form: str) -> Line:
    inner = one.get("inner") or {}
    given = {name: one[name] for name in ("property", "fields", "scale", "offset", "bit", "table") if name in one}
    return Line(
        path=way(one["path"]), code=way(one["code"]) if "code" in one else None,
        value=paths.steps("." + inner["value"]) if "value" in inner else (),
        time=paths.steps("." + inner["time"]) if "time" in inner else (), form=form,
        bytes=Bytes(**one["bytes"]) if "bytes" in one else None, models=frozenset(one.get("models", ())), **given,
    )  # fmt: skip


def presets() -> dict[str, dict[str, Any]]:
    """The mappings of the packs by their code, the file's name; a later pack's replaces one of the same code."""
    return {path.stem: packs.read_yaml(path) for path in packs.files("payloads", (".yaml",))}


def of_models(zone: ZoneInfo, found: Iterable[Mapping[str, Any]] | None = None) -> dict[str, Payload]:
    """By thing model: the mapping that reads what its devices publish. The last that names a model holds."""
    every = presets().values() if found is None else found
    return {model: one for raw in every if raw.get("models") for one in [made(raw, zone)] for model in one.models}
