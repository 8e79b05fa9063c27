"""Public cases counted by squares of the map, never by place: counts below the packs' least are withheld.

No total is told beside the cells: whoever knew it could reckon out what is withheld.
"""

from __future__ import annotations

import math
from datetime import date, datetime, time, timedelta
from typing import Any

from linli.cases import geo, tables
from linli.cases.contracts import PublicCell
from linli.cases.selectors import fast
from linli.cases.selectors.openly import class_names

_PUBLIC = "NOT c.private AND c.source = 'linli' AND c.x IS NOT NULL"
_CLOSED = "c.state IN ('closed', 'evaluated') AND c.closed_at IS NOT NULL"


def side(metres: int, lat: float) -> int:
    """The side of a cell in metres of the projection."""
    return max(1, round(metres * geo.stretch(lat)))


def _corner(x: int, y: int) -> tuple[float, float]:
    lat = math.degrees(2 * math.atan(math.exp(y / geo.R)) - math.pi / 2)
    return round(math.degrees(x / geo.R), 6), round(lat, 6)


def _cell(column: int, row: int, size: int, count: int, **more: Any) -> PublicCell:
    west, south = _corner(column * size, row * size)
    east, north = _corner((column + 1) * size, (row + 1) * size)
    return PublicCell(west, south, east, north, count, **more)


def heat(since: datetime, size: int, least: int) -> list[PublicCell]:
    """Cells with at least `least` public cases reported since a moment, the fullest first."""
    rows = fast.rows(
        "SELECT floor(c.x::float8 / %s)::int, floor(c.y::float8 / %s)::int, count(*) FROM cases_case c"
        f" WHERE {_PUBLIC} AND c.created_at >= %s GROUP BY 1, 2 HAVING count(*) >= %s ORDER BY 3 DESC, 1, 2 LIMIT 500",
        [size, size, since, least],
    )
    return [_cell(column, row, size, count) for column, row, count in rows]


def month(first: date, size: int, least: int) -> list[PublicCell]:
    """By cell and class, those reported in a month: how many, how many of them are done, and after how many days."""
    start, end = bounds(first)
    rows = fast.rows(
        "SELECT floor(c.x::float8 / %s)::int, floor(c.y::float8 / %s)::int, c.class_code, count(*),"
        f" count(*) FILTER (WHERE {_CLOSED}),"
        " percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM c.closed_at - c.created_at) / 86400.0)"
        f" FILTER (WHERE {_CLOSED}) FROM cases_case c WHERE {_PUBLIC} AND c.created_at >= %s AND c.created_at < %s"
        " GROUP BY 1, 2, 3 HAVING count(*) >= %s ORDER BY 1, 2, 3",
        [size, size, start, end, least],
    )
    return [_month_row(row, size, least) for row in rows]


def _month_row(row: tuple[Any, ...], size: int, least: int) -> PublicCell:
    column, line, code, count, closed, days = row
    small = closed < least or 0 < count - closed < least  # the rest must not be small either: it can be reckoned out
    zh, en = class_names(code)
    return _cell(
        column, line, size, count, class_code=code, class_zh=zh, class_en=en, closed=None if small else closed,
        median_days=None if small or days is None else round(float(days), 1),
    )  # fmt: skip


def bounds(first: date) -> tuple[datetime, datetime]:
    """The moments at which a month of the district begins and ends."""
    zone = tables.calendar().zone
    following = (first.replace(day=28) + timedelta(days=4)).replace(day=1)
    return datetime.combine(first, time(), zone), datetime.combine(following, time(), zone)


def months(most: int) -> list[date]:
    """Months that have ended and in which something public was reported, the newest first."""
    this = tables.today().replace(day=1)
    rows = fast.rows(
        f"SELECT min(c.created_at) FROM cases_case c WHERE {_PUBLIC} AND c.created_at >= %s",
        [bounds(_back(this, most))[0]],
    )
    if not rows or rows[0][0] is None:
        return []
    oldest = rows[0][0].astimezone(tables.calendar().zone).date().replace(day=1)
    found = [_back(this, n) for n in range(1, most + 1)]
    return [m for m in found if m >= oldest]


def _back(first: date, months_before: int) -> date:
    index = first.year * 12 + first.month - 1 - months_before
    return date(index // 12, index % 12 + 1, 1)
