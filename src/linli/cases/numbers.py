"""Case numbers such as 2026-11-0231, a sequence a month, and numbers of supervision letters such as 2026-0007, a
sequence a year. Gaps are allowed, so that no report waits for another."""

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction

from linli.cases import tables
from linli.kernel import rows

_known: set[str] = set()


def next_number(at: datetime) -> str:
    """The next number of the month of `at`, in the district's own time."""
    local = at.astimezone(tables.calendar().zone)
    return f"{local:%Y-%m}-{_next(f'cases_number_{local:%Y_%m}'):04d}"


def next_letter(at: datetime) -> str:
    """The next number of a supervision letter (督办单) of the year of `at`."""
    local = at.astimezone(tables.calendar().zone)
    return f"{local:%Y}-{_next(f'cases_letter_{local:%Y}'):04d}"


def _next(name: str) -> int:
    if name not in _known:
        with connection.cursor() as cursor:
            _ensure(cursor, name)
    found = rows.prepared("SELECT nextval(%s)", [name]).fetchone()
    return int(found[0])  # type: ignore[index]


def _ensure(cursor: object, name: str) -> None:
    cursor.execute("SELECT to_regclass(%s)", [name])  # type: ignore[attr-defined]
    if cursor.fetchone()[0] is None:  # type: ignore[attr-defined]
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [name])  # type: ignore[attr-defined]
        cursor.execute(f'CREATE SEQUENCE IF NOT EXISTS "{name}"')  # type: ignore[attr-defined]
    transaction.on_commit(lambda: _known.add(name))
