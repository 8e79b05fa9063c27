"""What packs say about cases: catalogue, calendar, transitions, assignment. Read once, kept as plain values."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from linli.cases.rules.catalogue import BigClass, CaseClass, Catalogue, Condition
from linli.cases.rules.clock import UNITS, Calendar
from linli.cases.rules.moderation import Pattern
from linli.cases.rules.workflow import Table, parse
from linli.kernel import clock, packs


def _rows(kind: str, name: str) -> Iterator[dict[str, str]]:
    for path in packs.files(kind, (".csv",)):
        if path.stem == name:
            with path.open(encoding="utf-8-sig", newline="") as source:
                yield from csv.DictReader(source)


@lru_cache(maxsize=1)
def catalogue() -> Catalogue:
    """Classes and conditions of all packs in force; a later pack's row replaces one of the same key."""
    rows: dict[tuple[str, str, str], Condition] = {}
    if wrong := [r["code"] for r in _rows("catalogue", "classes") if not r["code"].isalnum()]:
        raise ValueError(f"catalogue: codes of classes are letters and digits: {wrong}")
    for r in _rows("catalogue", "conditions"):
        if r["unit"] not in UNITS:
            raise ValueError(f"catalogue: class {r['class']} row {r['no']}: unknown unit {r['unit']}")
        rows[r["class"], r["no"], r["valid_from"]] = Condition(
            r["class"], int(r["no"]), r["zh"], r["en"], float(r["limit"]), r["unit"], r["closing_zh"], r["closing_en"],
            date.fromisoformat(r["valid_from"]), date.fromisoformat(r["valid_to"]) if r["valid_to"] else None,
            r["wording_source"], r["limit_source"],
        )  # fmt: skip
    return Catalogue(
        big={r["code"]: BigClass(r["code"], r["kind"], r["zh"], r["en"]) for r in _rows("catalogue", "big_classes")},
        classes={
            r["code"]: CaseClass(
                r["code"], r["kind"], r["big"], r["zh"], r["en"], r["private"] == "1",
                date.fromisoformat(r["valid_from"]), r["source"],
            )
            for r in _rows("catalogue", "classes")
        },
        rows=tuple(rows.values()),
        sources={r["key"]: (r["zh"], r["en"]) for r in _rows("catalogue", "sources")},
    )  # fmt: skip


def _minutes(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


@lru_cache(maxsize=1)
def calendar() -> Calendar:
    """The district's working calendar: the last pack's hours, the days of all packs."""
    settings: dict[str, Any] = {}
    for path in packs.files("calendar", (".yaml",)):
        settings.update(packs.read_yaml(path))
    days, provisional = {}, set()
    for r in _rows("calendar", "days"):
        day = date.fromisoformat(r["date"])
        days[day] = r["workday"] == "1"
        if r["provisional"] == "1":
            provisional.add(day)
        else:
            provisional.discard(day)
    return Calendar(
        zone=ZoneInfo(settings["time_zone"]),
        windows=tuple((_minutes(a), _minutes(b)) for a, b in settings["hours"]),
        days=days, provisional_days=frozenset(provisional), known_until=settings.get("known_until", date.max),
    )  # fmt: skip


@lru_cache(maxsize=1)
def transitions() -> Table:
    """The table of the last pack that has one."""
    found = [p for p in packs.files("transitions", (".yaml",)) if p.stem == "cases"]
    return parse(packs.read_yaml(found[-1]))


@dataclass(frozen=True, slots=True)
class AssignmentRule:
    """Classes and areas by prefix → a kind of team, or one team by code, with the reason to show."""

    class_prefix: str
    area_prefix: str
    team_kind: str
    team_code: str
    zh: str
    en: str


@lru_cache(maxsize=1)
def assignment_rules() -> tuple[AssignmentRule, ...]:
    """Rules in the order in which they are tried: later packs first, then the longer area."""
    found: list[AssignmentRule] = []
    for path in packs.files("assignment", (".yaml",)):
        own = [
            AssignmentRule(str(r["class"]), str(r.get("area", "")), r.get("team_kind", ""), str(r.get("team", "")),
                           r["zh"], r["en"])
            for r in packs.read_yaml(path)["rules"]
        ]  # fmt: skip
        found = own + found
    return tuple(sorted(found, key=lambda r: -len(r.area_prefix)))


@lru_cache(maxsize=1)
def moderation() -> tuple[Pattern, ...]:
    """What public words must not hold; a later pack's pattern replaces one of the same code."""
    rows = {r["code"]: r for r in _rows("moderation", "patterns")}
    return tuple(Pattern(code, re.compile(r["pattern"]), int(r["keep"])) for code, r in rows.items())


def today() -> date:
    """The district's own date."""
    return clock.now().astimezone(calendar().zone).date()


def forget() -> None:
    """Read the packs again at the next use (a correction was loaded, a test changed them)."""
    for cached in (catalogue, calendar, transitions, assignment_rules, moderation):
        cached.cache_clear()
