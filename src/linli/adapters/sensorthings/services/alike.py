"""Datastreams that stand whole in messages: one that is there already, the same in all that was said, is that one."""

from __future__ import annotations

from typing import Any

from psycopg.types.json import Jsonb

from linli.adapters.sensorthings.schema import DATASTREAMS, ENTITIES, Entity
from linli.adapters.sensorthings.selectors.frames import MANAGE, Params, rows, scope
from linli.adapters.sensorthings.services import drafts
from linli.adapters.sensorthings.services.creating import Maker
from linli.adapters.sensorthings.services.tables import home_area, managed, run
from linli.kernel import audit
from linli.kernel.actor import Actor

Row = dict[str, Any]
_TOLD = ("observed_area", "phenomenon_start", "phenomenon_end", "result_start", "result_end")  # by its observations
_ONE = ("Thing", "Sensor", "ObservedProperty")


def datastream(actor: Actor, made: Maker, body: Row) -> Row:
    """The row of the Datastream that `body` describes: found, or made. Within a transaction."""
    run("SELECT pg_advisory_xact_lock(hashtextextended('sta_datastream', 0))")
    params = Params()
    seen = scope(actor, DATASTREAMS, "d", params, MANAGE)
    same = _same(DATASTREAMS, body, "d", params)
    found = rows(f"SELECT d.* FROM sta_datastream d WHERE d.own AND {seen} AND {same} ORDER BY d.id LIMIT 1", params)
    if found:
        return found[0]
    key = made.make(DATASTREAMS, body)
    audit.record(actor=actor, action="sensorthings.create", kind=DATASTREAMS.single, ref=str(key),
                 area=home_area(actor), detail={"entities": made.count})  # fmt: skip
    return managed(actor, DATASTREAMS, key)


def _same(entity: Entity, body: Row, alias: str, params: Params) -> str:
    """SQL: whether a row is what `body` says, by its id or by all of its attributes."""
    key = drafts.key_of(entity, body)
    if key is not None:
        return f"{alias}.id = {params.bind(key)}"
    draft = drafts.read(entity, body)
    parts = []
    for column, value in drafts.columns(draft).items():
        if column not in _TOLD:
            json = isinstance(value, (dict, list)) or (column == "metadata" and value is not None)
            mark = params.bind(Jsonb(value) if json else value)
            parts.append(f"{alias}.{column} IS NOT DISTINCT FROM {mark}")
    for name in _ONE if entity is DATASTREAMS else ():
        if name in draft.links:
            target = ENTITIES[entity.links[name].target]
            on = entity.links[name].join.format(a=alias, b="l")
            inner = _same(target, draft.links[name], "l", params)
            parts.append(f"EXISTS (SELECT 1 FROM {target.table} l WHERE {on} AND {inner})")
        else:
            parts.append("FALSE")
    return " AND ".join(parts)
