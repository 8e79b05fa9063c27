"""Rows in by one statement: for tables that every write touches, at about half of what `save()` costs.

Only for fresh rows with their key set (or given by the database and not needed); no signals, no defaults of the
database, no relations followed. Everything else goes through the ORM.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import psycopg
from django.db import connection, connections, models

SHORT = 8  # statements of so few rows come again and again in the same words: planned once a connection
# columns whose values psycopg sends as they are, when they have one of these types
PLAIN_FIELDS = (models.UUIDField, models.CharField, models.TextField, models.BooleanField, models.DateTimeField,
                models.FloatField)  # fmt: skip
PLAIN = (str, bool, float, UUID, datetime, type(None))
Prepared = Callable[..., Any]
_held: ContextVar[list[models.Model] | None] = ContextVar("linli_rows_held", default=None)


@cache
def _shape(model: type[models.Model]) -> tuple[str, tuple[tuple[str, bool, Prepared], ...]]:
    """How a row of a model begins, and for each column the attribute, whether plain values go as they are, and what
    prepares the others as Django makes them fit."""
    fields = tuple(f for f in model._meta.concrete_fields if not isinstance(f, models.AutoField))
    columns = ", ".join(f'"{f.column}"' for f in fields)
    head = f'INSERT INTO "{model._meta.db_table}" ({columns}) VALUES '
    return head, tuple((f.attname, type(f) in PLAIN_FIELDS, f.get_db_prep_save) for f in fields)


@cache
def _text(tables: tuple[tuple[type[models.Model], int], ...]) -> str:
    """One INSERT of so many rows; of several models, one in which the first ones stand as WITH. Its places are
    numbered, so that nobody has to look for them in the text again."""
    count, parts = itertools.count(1), []
    for model, rows in tables:
        head, columns = _shape(model)
        marks = ("(" + ", ".join(f"${next(count)}" for _ in columns) + ")" for _ in range(rows))
        parts.append(head + ", ".join(marks))
    before = ", ".join(f"i{n} AS ({part})" for n, part in enumerate(parts[:-1]))
    return (f"WITH {before} " if before else "") + parts[-1]


def prepared(sql: str, values: Sequence[Any] | Mapping[str, Any]) -> psycopg.Cursor[Any]:
    """A statement that comes again and again, with places as `%s` or `%(name)s`: planned once a connection."""
    connection.ensure_connection()
    if connection.queries_logged:
        connection.queries_log.append({"sql": sql, "time": ""})
    with connection.wrap_database_errors:
        return psycopg.Cursor(connection.connection).execute(sql, values, prepare=True)  # type: ignore[arg-type]


def insert(rows: Sequence[models.Model]) -> None:
    """Write fresh rows of one model in the transaction in progress; within `together`, at its end."""
    held = _held.get()
    if held is None:
        _write(rows)
    else:
        held.extend(rows)


@contextmanager
def together() -> Iterator[None]:
    """All rows that are inserted within, of several tables, are written by one statement at the end.

    For a write that reads none of them back meanwhile: one way to the server instead of four. Constraints between
    the tables must be deferred, as Django's foreign keys are. A failure within writes nothing.
    """
    held: list[models.Model] = []
    token = _held.set(held)
    try:
        yield
    finally:
        _held.reset(token)
    if held:
        _write(held)


def _statement(rows: Sequence[models.Model]) -> tuple[str, list[Any]]:
    """The text and its values; the text of many rows is not kept."""
    tables: list[tuple[type[models.Model], int]] = []
    values: list[Any] = []
    database = connections["default"]  # found once, not once a value
    for model, own in itertools.groupby(sorted(rows, key=lambda r: type(r).__name__), key=type):
        columns, many = _shape(model)[1], list(own)
        tables.append((model, len(many)))
        for row in many:
            for name, plain, prepared in columns:
                value = getattr(row, name)
                values.append(value if plain and type(value) in PLAIN else prepared(value, database))
    text = _text if len(rows) <= SHORT else _text.__wrapped__
    return text(tuple(tables)), values


def _write(rows: Sequence[models.Model]) -> None:
    sql, values = _statement(rows)
    connection.ensure_connection()
    if connection.queries_logged:
        connection.queries_log.append({"sql": sql, "time": ""})
    with connection.wrap_database_errors, psycopg.RawCursor(connection.connection) as cursor:
        cursor.execute(sql, values, prepare=len(rows) <= SHORT)  # type: ignore[call-overload]
    for row in rows:
        row._state.adding, row._state.db = False, connection.alias
