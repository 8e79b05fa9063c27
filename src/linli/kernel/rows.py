"""One row in by one statement: for tables that every write touches, at about half of what `save()` costs.

Only for fresh rows with their key set (or given by the database and not needed); no signals, no defaults of the
database, no relations followed. Everything else goes through the ORM.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import psycopg
from django.db import connection, models


@cache
def _shape(model: type[models.Model]) -> tuple[str, str, tuple[models.Field[Any, Any], ...]]:
    fields = tuple(f for f in model._meta.concrete_fields if not isinstance(f, models.AutoField))
    columns = ", ".join(f'"{f.column}"' for f in fields)
    head = f'INSERT INTO "{model._meta.db_table}" ({columns}) VALUES '
    return head, f"({', '.join(['%s'] * len(fields))})", fields


def insert(rows: Sequence[models.Model]) -> None:
    """Write fresh rows of one model in the transaction in progress."""
    head, marks, fields = _shape(type(rows[0]))
    values = [f.get_db_prep_save(getattr(row, f.attname), connection) for row in rows for f in fields]
    sql = head + ", ".join([marks] * len(rows))
    connection.ensure_connection()
    if connection.queries_logged:
        connection.queries_log.append({"sql": sql, "time": ""})
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(sql, values)  # type: ignore[call-overload]
    for row in rows:
        row._state.adding, row._state.db = False, connection.alias
