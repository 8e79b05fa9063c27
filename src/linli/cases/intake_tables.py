"""What packs say about taking reports in and answering them: reach of duplicates, voices, templates. Read once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from linli.cases import tables
from linli.cases.rules import nearness
from linli.cases.rules.nearness import Reach, Voices
from linli.kernel import packs


@lru_cache(maxsize=1)
def _nearby() -> tuple[Reach, tuple[tuple[str, Reach], ...], Voices]:
    default, rows, voices = Reach(), {}, Voices()
    for path in packs.files("intake", (".yaml",)):
        if path.stem != "nearby":
            continue
        said: dict[str, Any] = packs.read_yaml(path)
        if "default" in said:
            default = Reach(**said["default"])
        for row in said.get("classes", []):
            rows[str(row["class"])] = Reach(row["radius_m"], row["window_hours"])
        if "voices" in said:
            steps = tuple((s["voices"], s["priority"]) for s in said["voices"]["steps"])
            voices = Voices(steps, said["voices"]["cap"])
    return default, tuple(rows.items()), voices


@lru_cache(maxsize=1024)
def reach(class_code: str) -> Reach:
    """How far and how long back duplicates of a class are looked for: the catalogue's word first."""
    default, rows, _ = _nearby()
    found = nearness.longest(class_code, rows, default)
    demand = getattr(tables, "demand", None)  # a catalogue may give a class a radius and window of its own
    known = demand(class_code) if demand and class_code in tables.catalogue().classes else None
    return Reach(getattr(known, "merge_radius_m", None) or found.radius_m,
                 getattr(known, "merge_window_h", None) or found.window_hours)  # fmt: skip


def widest() -> float:
    """The widest radius of all classes: how far a search without a class looks."""
    default, rows, _ = _nearby()
    return max([default.radius_m, *(r.radius_m for _, r in rows)])


def voices() -> Voices:
    return _nearby()[2]


@dataclass(frozen=True, slots=True)
class Template:
    """Words for an answer: for an act, and for classes that begin with `class_prefix`."""

    key: str
    act: str
    class_prefix: str
    name: dict[str, str]
    text: dict[str, str]


@lru_cache(maxsize=1)
def templates() -> tuple[Template, ...]:
    """The more precise class first, then as written; a later pack's template replaces one of the same key."""
    found: dict[str, Template] = {}
    for path in packs.files("templates", (".yaml",)):
        if path.stem == "cases":
            for row in packs.read_yaml(path)["templates"]:
                found[row["key"]] = Template(
                    row["key"], row["act"], str(row.get("class", "")), row["name"], row["text"]
                )
    return tuple(sorted(found.values(), key=lambda t: -len(t.class_prefix)))


def forget() -> None:
    for cached in (_nearby, reach, templates):
        cached.cache_clear()
