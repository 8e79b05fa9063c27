"""Where the rows of a query come from: tables joined along links, each narrowed to what the actor may see."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson
from django.db import connection

from linli.adapters.sensorthings.odata.errors import Wrong
from linli.adapters.sensorthings.schema import ENTITIES, Entity
from linli.kernel.actor import Actor
from linli.kernel.rows import prepared

VIEW, MANAGE = "devices.view", "devices.manage"
MAX_JOINS = 12
_JSONB = 3802  # Django leaves it as text


@dataclass(slots=True)
class Params:
    """Named parameters of one statement."""

    values: dict[str, Any] = field(default_factory=dict)

    def bind(self, value: Any) -> str:
        name = f"p{len(self.values)}"
        self.values[name] = value
        return f"%({name})s"


def scope(actor: Actor, entity: Entity, alias: str, params: Params, permission: str = VIEW) -> str:
    """The condition under which the actor sees a row."""
    if entity.name == "Observations":
        return "TRUE"  # their datastreams are asked
    if entity.name == "HistoricalLocations":
        inner = scope(actor, ENTITIES["Things"], "own", params, permission)
        return f"EXISTS (SELECT 1 FROM sta_thing own WHERE own.id = {alias}.thing_id AND {inner})"
    areas = actor.areas(permission)
    there = f" AND NOT {alias}.gone" if entity.name == "Datastreams" else ""
    if entity.pack and permission != VIEW:  # changed by the pack, whoever asks
        there = f" AND NOT {entity.pack.format(t=alias)}"
    if "" in areas:
        return f"TRUE{there}"
    if not areas:
        return "FALSE"
    all_ = [""] if permission == VIEW else []
    same, below = params.bind([*areas, *all_]), params.bind([a + ".%" for a in areas])
    return f"({alias}.area_path = ANY({same}) OR {alias}.area_path LIKE ANY({below})){there}"


class Frame:
    """One entity's table `r` and what is joined to it. `many` once a joined row may come several times."""

    def __init__(self, actor: Actor, entity: Entity, params: Params | None = None) -> None:
        self.actor, self.entity = actor, entity
        self.params = params or Params()
        self.joins: list[str] = []
        self.many = False
        self._known: dict[tuple[str, ...], tuple[str, Entity]] = {(): ("r", entity)}

    def source(self) -> str:
        return f"{self.entity.table} r {' '.join(self.joins)}"

    def reach(self, links: tuple[str, ...]) -> tuple[str, Entity]:
        """The alias and entity at the end of some links; joined when new."""
        if links in self._known:
            return self._known[links]
        near, entity = self.reach(links[:-1])
        link = entity.link(links[-1])
        if link is None:
            raise Wrong(f"{entity.single} has no {links[-1]!r}")
        if len(self.joins) >= MAX_JOINS:
            raise Wrong("the query goes over too many links")
        target = ENTITIES[link.target]
        alias, between = f"j{len(self._known)}", f"m{len(self._known)}"
        on = link.join.format(a=near, b=alias, m=between)
        seen = scope(self.actor, target, alias, self.params)
        if link.via:
            self.joins.append(
                f"LEFT JOIN ({link.via} {between} JOIN {target.table} {alias} ON TRUE) ON {on} AND {seen}"
            )
        else:
            self.joins.append(f"LEFT JOIN {target.table} {alias} ON {on} AND {seen}")
        self.many = self.many or link.many
        self._known[links] = (alias, target)
        return alias, target


def rows(sql: str, params: Params, *, often: bool = False) -> list[dict[str, Any]]:
    """JSON columns come as Python values. A statement that comes `often`, in the same words, is planned once."""
    if often:
        with prepared(sql, params.values) as cursor:
            return _named(cursor)
    with connection.cursor() as cursor:
        cursor.execute(sql, params.values)
        return _named(cursor)


def _named(cursor: Any) -> list[dict[str, Any]]:
    names = [c.name for c in cursor.description]
    json = [c.name for c in cursor.description if c.type_code == _JSONB]
    found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    for name in json:
        for row in found:
            if row[name] is not None:
                row[name] = orjson.loads(row[name])
    return found
