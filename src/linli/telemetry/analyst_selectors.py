"""Analysts' read-only SQL: who may ask, of which things, and the note of what was asked."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from django.conf import settings

from linli.devices import facade as devices
from linli.kernel import audit, services
from linli.kernel.actor import Actor
from linli.kernel.errors import Unavailable
from linli.telemetry import selectors
from linli.telemetry.history import analyst

PERMISSION = "readings.sql"
SHOWN = 2_000  # characters of a text that the audit keeps


@dataclass(frozen=True, slots=True)
class Answer:
    """`columns` as (name, type); `cut`: there are more rows than were asked for."""

    columns: list[tuple[str, str]]
    rows: list[list[Any]]
    cut: bool
    seconds: float


def ask(actor: Actor, text: str, *, limit: int = 1_000) -> Answer:
    """What a SELECT over the views things, readings, hours and days gives, of the areas in which the actor may ask.

    Raises Invalid for a text that may not be run or takes too much, Unavailable when history does not answer.
    """
    actor.require(PERMISSION)
    areas, stamp = list(actor.areas(PERMISSION)), devices.open_stamp()
    began = time.monotonic()
    table = _ask(text, areas, limit, stamp)
    if table is None:
        selectors.ask(lambda: selectors.history().keep_things(_things(), stamp))
        table = _ask(text, areas, limit, stamp)
    if table is None:
        raise Unavailable("the registry changes faster than it can be told; ask again")
    seconds = round(time.monotonic() - began, 3)
    with services.unit(actor):
        detail = {"sql": text[:SHOWN], "rows": min(len(table), limit), "seconds": seconds}
        audit.record(actor=actor, action=PERMISSION, kind="readings", ref="sql", area=areas[0], detail=detail)
    columns = [(f.name, str(f.type)) for f in table.schema]
    return Answer(columns, list(analyst.rows_of(table.slice(0, limit))), len(table) > limit, seconds)


def _ask(text: str, areas: list[str], limit: int, stamp: str) -> pa.Table | None:
    zone = str(settings.TIME_ZONE)
    return selectors.ask(lambda: selectors.history().sql(text, areas, limit, zone, stamp))


def _things() -> pa.Table:
    rows = devices.open_things()
    columns = list(zip(*rows, strict=True)) if rows else [[]] * (len(analyst.THINGS) - 1)
    ids = columns[0]
    arrays = [pa.array([i.bytes for i in ids], pa.binary(16)), pa.array([str(i) for i in ids], pa.string()),
              *(pa.array(c, pa.string()) for c in columns[1:])]  # fmt: skip
    return pa.table(arrays, schema=analyst.THINGS)
