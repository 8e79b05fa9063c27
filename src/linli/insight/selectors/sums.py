"""Sums of measures: one range of a table that is rolled up per day, whatever the size of the district."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from django.db import connection

from linli.insight.models import NOBODY
from linli.insight.rules.facts import MEASURES, POSITION, SUMS

Counts = dict[str, int]
_SUMS = ", ".join(f"coalesce(sum(n[{i + 1}]), 0)" for i in range(len(MEASURES)))
REPEAT = 2  # places with fewer complaints are of no interest


def rows(sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def below(area: str, column: str = "f.area_path") -> tuple[str, list[Any]]:
    """In an area or below it."""
    if not area:
        return "true", []
    return f"({column} = %s OR {column} LIKE %s)", [area, area.replace("_", r"\_").replace("%", r"\%") + ".%"]


def counts(area: str, team: UUID | None, class_code: str, start: date, end: date) -> Counts:
    if team is not None and class_code:
        return _of_facts(area, team, class_code, start, end)
    found = rows(
        f"SELECT {_SUMS} FROM insight_cube WHERE area_path = %s AND team_id = %s AND class_code = %s"
        " AND day BETWEEN %s AND %s",
        [area, team or NOBODY, class_code, start, end],
    )[0]
    return {name: int(n) for name, n in zip(MEASURES, found, strict=True)}


def _of_facts(area: str, team: UUID, class_code: str, start: date, end: date) -> Counts:
    """Both a team and a class: few enough to be counted one by one."""
    where, params = below(area)
    found = rows(
        "SELECT m, count(*), sum(f.hours) FROM insight_fact f, unnest(f.marks) m WHERE f.team_id = %s"
        f" AND (f.class_code = %s OR f.big_class = %s) AND f.day BETWEEN %s AND %s AND {where} GROUP BY m",
        [team, class_code, class_code, start, end, *params],
    )
    out = dict.fromkeys(MEASURES, 0)
    for position, n, hours in found:
        out[MEASURES[position]] = int(hours if MEASURES[position] in SUMS else n)
    return out


def by_team(area: str, names: tuple[str, str], start: date, end: date) -> dict[UUID, tuple[int, int]]:
    a, b = (POSITION[n] + 1 for n in names)
    found = rows(
        f"SELECT team_id, sum(n[{a}]), sum(n[{b}]) FROM insight_cube WHERE area_path = %s AND team_id > %s"
        " AND class_code = '' AND day BETWEEN %s AND %s GROUP BY team_id",
        [area, NOBODY, start, end],
    )
    return {team: (int(k), int(n)) for team, k, n in found}


def by_area(areas: Sequence[str], names: tuple[str, str], start: date, end: date) -> dict[str, tuple[int, int]]:
    a, b = (POSITION[n] + 1 for n in names)
    found = rows(
        f"SELECT area_path, sum(n[{a}]), sum(n[{b}]) FROM insight_cube WHERE area_path = ANY(%s) AND team_id = %s"
        " AND class_code = '' AND day BETWEEN %s AND %s GROUP BY area_path",
        [list(areas), NOBODY, start, end],
    )
    return {area: (int(k), int(n)) for area, k, n in found}


def repeats(area: str, start: date, end: date) -> tuple[int, ...]:
    """How many complaints came from each place that has several."""
    where, params = below(area)
    found = rows(
        f"SELECT count(*) FROM insight_fact f WHERE f.spot <> '' AND f.day BETWEEN %s AND %s AND {where}"
        f" GROUP BY f.spot HAVING count(*) >= {REPEAT} LIMIT 1000",
        [start, end, *params],
    )
    return tuple(int(row[0]) for row in found)


def own(account_id: UUID, start: date, end: date) -> Counts:
    """What one account did itself. For that account and its lead."""
    found = rows(
        "SELECT m, count(*) FROM insight_own o, unnest(o.marks) m WHERE o.account_id = %s AND o.day BETWEEN %s AND %s"
        " GROUP BY m",
        [account_id, start, end],
    )
    return {MEASURES[position]: int(n) for position, n in found}
