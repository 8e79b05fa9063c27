"""What packs say about taking reports in and answering them: reach of duplicates, voices, templates. Read once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from linli.cases import tables
from linli.cases.rules.nearness import Reach, Voices
from linli.kernel import packs


@lru_cache(maxsize=1)
def voices() -> Voices:
    """What many voices on a case do to its priority."""
    found = Voices()
    for path in packs.files("intake", (".yaml",)):
        if path.stem == "voices":
            said: dict[str, Any] = packs.read_yaml(path)
            found = Voices(tuple((s["voices"], s["priority"]) for s in said["steps"]), said["cap"])
    return found


def reach(class_code: str, on: date | None = None) -> Reach:
    """How far and how long back duplicates of a class are looked for (catalogue/demands.csv) on a day (today)."""
    own = tables.demand(class_code, on=on)
    return Reach(own.merge_radius_m, own.merge_window_h)


def widest() -> float:
    """The widest radius of all classes: how far a search without a class looks."""
    given = (row.merge_radius_m for rows in tables.demands().values() for row in rows)
    return max([reach("").radius_m, *(metres for metres in given if metres)])


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
    for cached in (voices, templates):
        cached.cache_clear()
