"""What packs say about cases: catalogue, calendar, transitions, assignment. Read once, kept as plain values."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any
from uuid import UUID

from linli.cases import calendars, ports
from linli.cases.rules import demands as demand_rules
from linli.cases.rules.calendar import UNITS, Calendar
from linli.cases.rules.catalogue import BigClass, CaseClass, Catalogue, Condition
from linli.cases.rules.moderation import Pattern
from linli.cases.rules.notices import Plan, Step
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


def calendar() -> Calendar:
    """The district's working calendar: the last pack's hours, the days of all packs, and what was corrected since."""
    return calendars.book().district


def calendar_of(team_id: UUID | None) -> Calendar:
    """The calendar by which a team works: its own, if it has one, else the district's."""
    if team_id is None or not calendars.book().teams:
        return calendar()
    team = ports.team_known(team_id)
    return (calendars.of_team(calendars.book(), team.kind, team.code) if team else None) or calendar()


@dataclass(frozen=True, slots=True)
class Watch:
    """What puts a case before those who supervise: `stuck` are (priority, limit, unit), highest priority first."""

    stuck: tuple[tuple[int, float, str], ...]
    urgent: tuple[float, str]
    returned: int
    reworked: int
    days: int
    score: int
    said: tuple[str, ...]


@lru_cache(maxsize=1)
def watch() -> Watch:
    """The last pack's word on the desk of supervision."""
    data = [packs.read_yaml(p) for p in packs.files("supervision", (".yaml",)) if p.stem == "desk"][-1]
    rows = sorted(((int(r["priority"]), float(r["limit"]), r["unit"]) for r in data["stuck"]), reverse=True)
    if rows[-1][0] != 0:
        raise ValueError("supervision: stuck needs a row of priority 0")
    back, unhappy = data["sent_back"], data["unhappy"]
    return Watch(tuple(rows), (float(data["urgent"]["limit"]), data["urgent"]["unit"]), back["returned"],
                 back["reworked"], unhappy["days"], unhappy["score"], tuple(unhappy["said"]))  # fmt: skip


@lru_cache(maxsize=1)
def demands() -> dict[str, list[demand_rules.Row]]:
    """Rows of demands by class or pattern; a later pack's row replaces one of the same class, number and day."""
    rows: dict[tuple[str, str, str], demand_rules.Row] = {}
    for r in _rows("catalogue", "demands"):
        rows[r["class"], r["no"], r["valid_from"]] = _demand(r)
    found: dict[str, list[demand_rules.Row]] = {}
    for row in rows.values():
        found.setdefault(row.class_code, []).append(row)
    return found


def _demand(r: dict[str, str]) -> demand_rules.Row:
    where = f"catalogue: demands of class {r['class']} row {r['no'] or 'all'}"

    def names(column: str, known: tuple[str, ...]) -> tuple[str, ...] | None:
        given = tuple(r[column].split())
        if given == ("-",):  # nothing, though a wider row asks for something
            return ()
        if wrong := set(given) - set(known):
            raise ValueError(f"{where}: {column} knows no {', '.join(sorted(wrong))}")
        return given or None

    def number(column: str) -> int | None:
        return int(r[column]) if r[column] else None

    limits = {}
    for stage in demand_rules.LIMITED:
        if r[stage]:
            limit, unit = r[stage].split()
            if unit not in UNITS:
                raise ValueError(f"{where}: unknown unit {unit}")
            limits[stage] = (float(limit), unit)
    return demand_rules.Row(
        r["class"], number("no"), names("need_report", demand_rules.REPORT_FIELDS),
        names("need_finish", demand_rules.FINISH_FIELDS), number("photos_report"), number("photos_after"),
        number("priority"), number("merge_radius_m"), number("merge_window_h"), limits, r["version"],
        date.fromisoformat(r["valid_from"]), date.fromisoformat(r["valid_to"]) if r["valid_to"] else None, r["source"],
    )  # fmt: skip


def demand(code: str, no: int | None = None, on: date | None = None) -> demand_rules.Demand:
    """What is demanded of a class, of one of its conditions, on a day (today)."""
    return _demanded(code, no, on or today())


@lru_cache(maxsize=4096)
def _demanded(code: str, no: int | None, on: date) -> demand_rules.Demand:
    return demand_rules.demand(demands(), code, no, on)


@lru_cache(maxsize=4)
def reaches(on: date) -> tuple[tuple[str, int], ...]:
    """(class or pattern, how many metres its duplicates reach) on a day, the most precise first."""
    found = {}
    for code, rows in demands().items():
        for row in sorted((r for r in rows if r.valid_on(on) and r.no is None), key=lambda r: r.valid_from):
            if row.merge_radius_m is not None:
                found[code] = row.merge_radius_m
    return tuple(sorted(found.items(), key=lambda one: (one[0].endswith("*"), -len(one[0]))))


@dataclass(frozen=True, slots=True)
class ClockedStage:
    """A stage with a clock of its own within a phase of the transition table."""

    code: str
    of: str
    states: frozenset[str]
    zh: str
    en: str
    limit: float
    unit: str
    urgent: tuple[float, str] | None


@dataclass(frozen=True, slots=True)
class Stages:
    order: tuple[str, ...]
    stages: dict[str, ClockedStage]
    pauses: dict[str, frozenset[str]]
    plan: Plan

    def parts(self, phase: str) -> tuple[ClockedStage, ...]:
        return tuple(s for s in self.stages.values() if s.of == phase)


@lru_cache(maxsize=1)
def stages() -> Stages:
    """How the phases of the transition table are clocked, by the last pack that says so."""
    data = packs.read_yaml([p for p in packs.files("clocks", (".yaml",)) if p.stem == "stages"][-1])
    steps = tuple(Step(float(s["after"]), s["to"]) for s in data["escalate"])
    return Stages(
        order=tuple(data["order"]),
        stages={
            code: ClockedStage(
                code, s["of"], frozenset(s["states"]), s["zh"], s["en"], float(s["limit"]), s["unit"],
                (float(s["urgent"]["limit"]), s["urgent"]["unit"]) if "urgent" in s else None,
            )
            for code, s in data["stages"].items()
        },
        pauses={code: frozenset(states) for code, states in data["pauses"].items()},
        plan=Plan(float(data["warn_at"]), steps),
    )  # fmt: skip


@lru_cache(maxsize=1)
def transitions() -> Table:
    """The table of the last pack that has one."""
    found = [p for p in packs.files("transitions", (".yaml",)) if p.stem == "cases"]
    return parse(packs.read_yaml(found[-1]))


@lru_cache(maxsize=1)
def routing_rows() -> tuple[dict[str, Any], ...]:
    """The packs' rules of who gets a case, as written: those of later packs first."""
    found: list[dict[str, Any]] = []
    for path in packs.files("assignment", (".yaml",)):
        found = [{**r, "class": str(r["class"])} for r in packs.read_yaml(path)["rules"]] + found
    return tuple(found)


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
    calendars.forget()
    for cached in (catalogue, demands, _demanded, reaches, stages, transitions, routing_rows, moderation, watch):
        cached.cache_clear()
