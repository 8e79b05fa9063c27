"""Moving rows between grids when boundaries change: units and compounds here, cases, devices and tasks by registration.

A table takes part by `facade.rehome_table(RehomedTable(...))` in its module's `AppConfig.ready`. Its rows keep the
point they were made with; a row without one stays with the part that keeps its grid's path.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import numpy as np
import shapely
from django.db import connection
from psycopg import sql
from shapely.geometry import shape

from linli.places.contracts import AreaChange, RehomedTable, RehomeHook
from linli.places.index import Index
from linli.places.models import Grid, GridChange, RehomeMove

TABLES: dict[str, RehomedTable] = {}
HOOKS: list[RehomeHook] = []


@dataclass(frozen=True, slots=True)
class Move:
    row_id: Any
    old_area: str
    old_grid: UUID | None
    new_area: str
    new_grid: UUID | None
    point: tuple[float, float] | None = None


def register(table: RehomedTable) -> None:
    TABLES[table.name] = table


def add_hook(fn: RehomeHook) -> RehomeHook:
    if fn not in HOOKS:
        HOOKS.append(fn)
    return fn


def register_own_tables() -> None:
    for name, zh, en in (("compound", "小区", "Compounds"), ("building", "楼栋", "Buildings"),
                         ("unit", "单元", "Units")):  # fmt: skip
        register(RehomedTable(name=f"places.{name}", label_zh=zh, label_en=en, table=f"places_{name}"))


def present(table: RehomedTable) -> bool:
    return table.table in connection.introspection.table_names()


def moves_for(table: RehomedTable, changes: Sequence[AreaChange], *, open_only: bool = False) -> list[Move]:
    """Which rows of `table` go where."""
    if not table.grid_column:
        changes = [c for c in changes if c.polygon is None and c.old_area != c.new_area]
    rows = _rows(table, sorted({c.old_area for c in changes}), open_only)
    found: list[Move] = []
    by_old: dict[str, list[AreaChange]] = {}
    for change in changes:
        by_old.setdefault(change.old_area, []).append(change)
    # The longest old path first: a row belongs to the most precise change that speaks of it.
    for old in sorted(by_old, key=len, reverse=True):
        mine = [r for r in rows if r[1] == old or r[1].startswith(old + ".")]
        rows = [r for r in rows if not (r[1] == old or r[1].startswith(old + "."))]
        found.extend(_place(mine, old, by_old[old]))
    return _free(table, [m for m in found if (m.old_area, m.old_grid) != (m.new_area, m.new_grid)])


def _free(table: RehomedTable, moves: list[Move]) -> list[Move]:
    """Without those that would meet a twin: who holds a role in both of two merged grids needs it once."""
    if not table.unique or not moves:
        return moves
    query = sql.SQL("SELECT t.{id}, t.{area}, {key} FROM {table} t WHERE t.{area} = ANY(%s)").format(
        id=sql.Identifier(table.id_column), area=sql.Identifier(table.area_column), table=sql.Identifier(table.table),
        key=sql.SQL(", ").join(sql.SQL("t.{}").format(sql.Identifier(name)) for name in table.unique),
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(query, [sorted({a for m in moves for a in (m.old_area, m.new_area)})])  # type: ignore[arg-type]
        keys = {str(row[0]): row[1:] for row in cursor.fetchall()}
    taken, free = set(keys.values()), []
    for move in moves:
        wanted = (move.new_area, *keys.get(str(move.row_id), (move.old_area,))[1:])
        if wanted not in taken:
            taken.add(wanted)
            free.append(move)
    return free


def _rows(table: RehomedTable, old_areas: list[str], open_only: bool) -> list[tuple[Any, str, UUID | None, Any, Any]]:
    def column(name: str) -> sql.Composable:
        return sql.SQL("t.{}").format(sql.Identifier(name)) if name else sql.SQL("NULL")

    area = sql.SQL("t.{}").format(sql.Identifier(table.area_column))
    query = sql.SQL(
        "SELECT t.{id}, {area}, {grid}, {lon}, {lat} FROM {table} t"
        " WHERE ({area} = ANY(%s) OR {area} LIKE ANY(%s)) AND ({where})"
    ).format(
        id=sql.Identifier(table.id_column), area=area, grid=column(table.grid_column), lon=column(table.lon_column),
        lat=column(table.lat_column), table=sql.Identifier(table.table),
        where=sql.SQL(table.where.replace("%", "%%") if open_only else "true"),  # type: ignore[arg-type]
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(query, [old_areas, [a + ".%" for a in old_areas]])  # type: ignore[arg-type]
        return cursor.fetchall()  # type: ignore[no-any-return]


def _place(rows: list[tuple[Any, str, UUID | None, Any, Any]], old: str, changes: list[AreaChange]) -> Iterable[Move]:
    whole = next((c for c in changes if c.polygon is None), None)
    if whole is not None:  # the grid keeps its shape and gets another path: deeper rows keep their tail
        for row in rows:
            row_id, area, grid = row[:3]
            yield Move(row_id, area, grid, whole.new_area + area[len(old) :],
                       whole.new_grid_id if area == old else grid, _point(row))  # fmt: skip
        return
    rows = [r for r in rows if r[1] == old]  # what lies deeper is spoken of by its own grid's change
    if not rows:
        return
    shapes = [shape(c.polygon) for c in changes]
    largest = max(range(len(changes)), key=lambda i: shapes[i].area)
    lon = np.array([np.nan if r[3] is None else float(r[3]) for r in rows])
    lat = np.array([np.nan if r[4] is None else float(r[4]) for r in rows])
    target = np.full(len(rows), -1)
    for i, polygon in enumerate(shapes):
        target[(target < 0) & shapely.intersects_xy(polygon, lon, lat)] = i
    # Without a point, or with one outside of all parts: it stays with the part that keeps the path.
    rest = next((i for i, c in enumerate(changes) if c.new_area == old), largest)
    target[target < 0] = rest
    for row, to in zip(rows, target.tolist(), strict=True):
        yield Move(row[0], row[1], row[2], changes[to].new_area, changes[to].new_grid_id, _point(row))


def _point(row: tuple[Any, str, UUID | None, Any, Any]) -> tuple[float, float] | None:
    return None if row[3] is None or row[4] is None else (float(row[3]), float(row[4]))


def count(changes: Sequence[AreaChange], narrowed: Sequence[str] = ()) -> list[dict[str, Any]]:
    """For the preview: how many rows of each registered table, of those that still count, would move.

    And of tables of rights, how many would stay on one of the `narrowed` paths.
    """
    found = []
    for table in TABLES.values():
        if present(table):
            moving = moves_for(table, changes, open_only=True)
            found.append({"name": table.name, "zh": table.label_zh, "en": table.label_en, "count": len(moving)})
            if table.narrowed_zh and narrowed:
                here = [r for r in _rows(table, list(narrowed), open_only=True) if r[1] in narrowed]
                found.append({"name": f"{table.name}.narrowed", "zh": table.narrowed_zh, "en": table.narrowed_en,
                              "count": len(here)})  # fmt: skip
    return found


def apply(change: GridChange, changes: Sequence[AreaChange]) -> dict[str, int]:
    """Move the rows, keep a journal for undo, and call the hooks; in the caller's transaction."""
    counts = {}
    for table in TABLES.values():
        if present(table):
            moves = moves_for(table, changes)
            _update(table, moves)
            RehomeMove.objects.bulk_create(
                [RehomeMove(change=change, table=table.name, row_id=str(m.row_id), old_area=m.old_area,
                            old_grid=m.old_grid, new_area=m.new_area, new_grid=m.new_grid) for m in moves],
                batch_size=5000,
            )  # fmt: skip
            counts[table.name] = len(moves)
    for hook in HOOKS:
        hook(changes)
    return counts


def relocate(changes: Sequence[AreaChange]) -> dict[str, int]:
    """Move rows without a journal: for grids newly imported, which nobody undoes."""
    counts = {}
    for table in TABLES.values():
        if present(table):
            moves = moves_for(table, changes)
            _update(table, moves)
            counts[table.name] = len(moves)
    return counts


def sweep(changes: Sequence[AreaChange], ended: set[UUID], now: Index) -> dict[str, int]:
    """Move rows that still name an ended grid; called after the change for those written while it was made."""
    ended -= set(now.by_id)
    counts = {}
    for table in TABLES.values():
        if present(table):
            late = [_today(m, now) for m in moves_for(table, changes) if m.old_grid in ended]
            _update(table, late)
            counts[table.name] = len(late)
    return counts


def _today(move: Move, now: Index) -> Move:
    """The move, to a grid in force: a later change may have ended the one that this change led to."""
    if move.new_grid in now.by_id:
        return move
    node = now.find(*move.point) if move.point else None
    path = move.new_area
    while node is None and path:
        node, path = now.by_path.get(path), path.rpartition(".")[0]
    if node is None:
        return move
    return replace(move, new_area=node.info.area_path, new_grid=node.info.grid_id)


def undo(change: GridChange, back: Sequence[AreaChange]) -> dict[str, int]:
    """Put journalled rows back exactly where they were; rows made since then go by their point."""
    counts = {}
    for table in TABLES.values():
        if not present(table):
            continue
        journal = RehomeMove.objects.filter(change=change, table=table.name)
        exact = [Move(m.row_id, m.new_area, m.new_grid, m.old_area, m.old_grid) for m in journal]
        _update(table, _free(table, exact), only_if_unmoved=True)
        later = moves_for(table, back)
        _update(table, later)
        counts[table.name] = len(exact) + len(later)
    for hook in HOOKS:
        hook(back)
    return counts


def _update(table: RehomedTable, moves: Sequence[Move], *, only_if_unmoved: bool = False) -> None:
    grid = sql.Identifier(table.grid_column) if table.grid_column else None
    assign = [sql.SQL("{} = v.area").format(sql.Identifier(table.area_column))]
    if grid is not None:
        assign.append(sql.SQL("{} = v.grid").format(grid))
    query = sql.SQL(
        "UPDATE {table} t SET {assign} FROM unnest(%s::text[], %s::text[], %s::uuid[], %s::text[])"
        " AS v(id, area, grid, was) WHERE t.{id}::text = v.id {unmoved}"
    ).format(
        table=sql.Identifier(table.table), assign=sql.SQL(", ").join(assign), id=sql.Identifier(table.id_column),
        unmoved=sql.SQL("AND t.{} = v.was").format(sql.Identifier(table.area_column))
        if only_if_unmoved else sql.SQL(""),
    )  # fmt: skip
    with connection.cursor() as cursor:
        for start in range(0, len(moves), 5000):
            part = moves[start : start + 5000]
            cursor.execute(query, [  # type: ignore[arg-type]
                [str(m.row_id) for m in part], [m.new_area for m in part],
                [m.new_grid for m in part], [m.old_area for m in part],
            ])  # fmt: skip


def unpack(rows: Sequence[Sequence[Any]]) -> list[AreaChange]:
    """Area changes as stored: shapes are looked up by the grid's id."""
    shapes = dict(Grid.objects.filter(id__in={r[2] for r in rows}).values_list("id", "polygon"))
    return [AreaChange(old, new, UUID(i), shapes[UUID(i)] if shaped else None) for old, new, i, shaped in rows]
