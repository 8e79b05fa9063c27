"""What a class demands beyond its limit of handling: fields, pictures, priority, how near is the same, stage limits.

A row speaks for a class or a pattern (`1001*`), for all its conditions or for one (`no`), from a day on. Rows add up:
what a nearer row leaves empty, the wider one says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

REPORT_FIELDS = ("text", "place", "address", "unit", "contact")
FINISH_FIELDS = ("note", "condition", "place")
LIMITED = ("accept", "file", "dispatch", "verify", "close")  # the limit of handling stands in conditions.csv
Limit = tuple[float, str]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of demands.csv; None: a wider row says."""

    class_code: str
    no: int | None
    need_report: tuple[str, ...] | None
    need_finish: tuple[str, ...] | None
    photos_report: int | None
    photos_after: int | None
    priority: int | None
    merge_radius_m: int | None
    merge_window_h: int | None
    limits: Mapping[str, Limit]
    version: str
    valid_from: date
    valid_to: date | None
    source: str

    def valid_on(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)


@dataclass(frozen=True, slots=True)
class Demand:
    """All rows for a class on a day, taken together."""

    need_report: tuple[str, ...] = ()
    need_finish: tuple[str, ...] = ()
    photos_report: int = 0
    photos_after: int = 0
    priority: int = 0
    merge_radius_m: int = 200
    merge_window_h: int = 720
    limits: Mapping[str, Limit] = field(default_factory=dict)
    version: str = ""
    source: str = ""


VALUES = ("need_report", "need_finish", "photos_report", "photos_after", "priority", "merge_radius_m",
          "merge_window_h")  # fmt: skip


def demand(rows: Mapping[str, Sequence[Row]], code: str, no: int | None, on: date) -> Demand:
    """What is demanded of a class (of its condition `no`) on a day."""
    found: dict[str, object] = {}
    limits: dict[str, Limit] = {}
    for key in (*(code[:n] + "*" for n in range(len(code) + 1)), code):  # from the widest pattern to the class itself
        valid = [r for r in rows.get(key, ()) if r.valid_on(on) and r.no in (None, no)]
        for row in sorted(valid, key=lambda r: (r.no is not None, r.valid_from)):
            found.update({name: value for name in VALUES if (value := getattr(row, name)) is not None})
            found.update(version=row.version, source=row.source)
            limits.update(row.limits)
    return Demand(**found, limits=limits)  # type: ignore[arg-type]
