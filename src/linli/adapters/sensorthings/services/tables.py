"""Rows in and out of the entities' tables. What a row belongs to is checked by whoever calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction
from psycopg.types.json import Jsonb

from linli.adapters.sensorthings.schema import Entity
from linli.adapters.sensorthings.selectors import entities
from linli.adapters.sensorthings.selectors.frames import MANAGE, Params, rows, scope
from linli.kernel.actor import Actor
from linli.kernel.errors import Forbidden, NotFound
from linli.places import facade as places

_JSON = {"properties", "location", "feature", "metadata", "unit", "observed_area", "result", "quality", "parameters"}


@contextmanager
def quiet() -> Iterator[None]:
    """A transaction in which the registry's triggers leave our rows to us."""
    with transaction.atomic():
        run("SELECT set_config('linli.sta', '1', true)")
        yield
        run("SELECT set_config('linli.sta', '', true)")


def run(sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, list(params))
        return cursor.fetchall() if cursor.description else []


def _fit(name: str, value: Any) -> Any:
    return Jsonb(value) if name in _JSON and value is not None else value


def insert(table: str, values: Mapping[str, Any]) -> int:
    names = ", ".join(values)
    marks = ", ".join(["%s"] * len(values))
    return int(run(f"INSERT INTO {table} ({names}) VALUES ({marks}) RETURNING id",
                   [_fit(n, v) for n, v in values.items()])[0][0])  # fmt: skip


def update(table: str, key: int, values: Mapping[str, Any]) -> None:
    if values:
        marks = ", ".join(f"{name} = %s" for name in values)
        run(f"UPDATE {table} SET {marks} WHERE id = %s", [*(_fit(n, v) for n, v in values.items()), key])


def managed(actor: Actor, entity: Entity, key: int) -> dict[str, Any]:
    """A row that the actor may change: 404 when it is not seen, 403 when it is seen only."""
    found = entities.one(actor, entity, key, MANAGE)
    if found is None:
        if entities.one(actor, entity, key) is None:
            raise NotFound(f"there is no {entity.single} with the id {key}")
        raise Forbidden(f"needs {MANAGE} where this {entity.single} is; what a pack defines is changed by the pack")
    return found


def managed_of(actor: Actor, entity: Entity, keys: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Those of these rows that the actor may change, asked for at once; of the others `managed` says why not."""
    params = Params()
    seen = scope(actor, entity, "r", params, MANAGE)
    found = rows(f"SELECT r.* FROM {entity.table} r WHERE r.id = ANY({params.bind(list(keys))}::bigint[]) AND {seen}",
                 params)  # fmt: skip
    return {row["id"]: row for row in found}


def home_area(actor: Actor) -> str:
    """Where what has no place belongs: the actor's own area."""
    actor.require(MANAGE)
    area = actor.areas(MANAGE)[0]
    roots = [] if area else places.grids(0)
    return roots[0].area_path if roots else area
