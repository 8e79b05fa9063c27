"""Case numbers such as 2026-11-0231: a sequence a month. Gaps are allowed, so that no report waits for another."""

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction

from linli.cases import tables

_known: set[str] = set()


def next_number(at: datetime) -> str:
    """The next number of the month of `at`, in the district's own time."""
    local = at.astimezone(tables.calendar().zone)
    name = f"cases_number_{local:%Y_%m}"
    with connection.cursor() as cursor:
        if name not in _known:
            _ensure(cursor, name)
        cursor.execute("SELECT nextval(%s)", [name])
        return f"{local:%Y-%m}-{cursor.fetchone()[0]:04d}"


def _ensure(cursor: object, name: str) -> None:
    cursor.execute("SELECT to_regclass(%s)", [name])  # type: ignore[attr-defined]
    if cursor.fetchone()[0] is None:  # type: ignore[attr-defined]
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [name])  # type: ignore[attr-defined]
        cursor.execute(f'CREATE SEQUENCE IF NOT EXISTS "{name}"')  # type: ignore[attr-defined]
    transaction.on_commit(lambda: _known.add(name))
