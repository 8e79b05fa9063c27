"""The catalogue as plain values: classes, and per class several rows of condition, limit and closing condition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property


@dataclass(frozen=True, slots=True)
class BigClass:
    code: str
    kind: str  # component 部件 or event 事件
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class CaseClass:
    code: str
    kind: str
    big: str
    zh: str
    en: str
    private: bool
    valid_from: date
    source: str


@dataclass(frozen=True, slots=True)
class Condition:
    """One row: when to file, how long it may take, when it is done. `class_code` may end with `*`."""

    class_code: str
    no: int
    zh: str
    en: str
    limit: float
    unit: str
    closing_zh: str
    closing_en: str
    valid_from: date
    valid_to: date | None
    wording_source: str
    limit_source: str

    @property
    def illustrative(self) -> bool:
        """A limit that no source gives."""
        return not self.limit_source

    def valid_on(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


@dataclass(frozen=True)
class Catalogue:
    big: Mapping[str, BigClass]
    classes: Mapping[str, CaseClass]
    rows: tuple[Condition, ...]
    sources: Mapping[str, tuple[str, str]]

    @cached_property
    def _exact(self) -> dict[str, list[Condition]]:
        found: dict[str, list[Condition]] = {}
        for row in self.rows:
            found.setdefault(row.class_code, []).append(row)
        return found

    def conditions(self, code: str, on: date) -> list[Condition]:
        """The rows in force for a class on a day; a class without its own takes those of its longest pattern."""
        for key in (code, *(code[:n] + "*" for n in range(len(code), -1, -1))):
            if found := [r for r in self._exact.get(key, ()) if r.valid_on(on)]:
                return found
        return []

    def condition(self, code: str, no: int | None, on: date) -> Condition | None:
        """Row `no` of a class, or without one its first."""
        rows = self.conditions(code, on)
        if no is not None:
            return next((r for r in rows if r.no == no), None)
        return rows[0] if rows else None
