"""Looks for personal values as a thief with all keys would: every sealed cell of every table is tried, whoever owns it.

Knows neither models nor registry, so it finds what the code has forgotten.
"""

from __future__ import annotations

from typing import NamedTuple

from django.db import connection

from linli.home import Home
from linli.kernel import crypto


class Found(NamedTuple):
    column: str  # table.column
    row: str  # the row as text, so that its ids can be looked for
    clear: str


def _tables() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        return [name for (name,) in cursor.fetchall()]


def _cells() -> list[tuple[str, str, bytes]]:
    """(table.column, row as text, bytes) of every binary cell."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND data_type = 'bytea' ORDER BY 1, 2"
        )
        found = []
        for table, column in cursor.fetchall():
            cursor.execute(f'SELECT t::text, t."{column}" FROM "{table}" t WHERE "{column}" IS NOT NULL')
            found += [(f"{table}.{column}", row, bytes(data)) for row, data in cursor.fetchall()]
        return found


def opened() -> list[Found]:
    """Every value that the home's keys open: with the fingerprint before it, or without."""
    found = []
    for column, row, data in _cells():
        for start in (0, crypto.BLIND_SIZE):
            try:
                clear = crypto.open_sealed(data[start:], column.encode()).decode()
            except crypto.Unreadable:
                continue
            found.append(Found(column, row, clear))
    return found


def traces(value: str) -> list[str]:
    """Where `value` is kept, readable with the keys or as a fingerprint that finds it again; rows, files and queues."""
    found = [f"{f.column} sealed" for f in opened() if value in f.clear]
    found += [f"{c} fingerprint" for c, _, data in _cells() if data.startswith(crypto.blind(value, c.encode()))]
    return sorted(set(found + [f"{table} in clear" for table in stored(value)] + files(value)))


def stored(needle: str) -> list[str]:
    """Tables whose rows hold `needle` as text or as bytes: search words, events, jobs and logs are rows too."""
    found = []
    with connection.cursor() as cursor:
        for table in _tables():
            cursor.execute(
                f'SELECT EXISTS (SELECT 1 FROM "{table}" t WHERE t::text LIKE %s OR t::text LIKE %s)',
                [f"%{needle}%", f"%{needle.encode().hex()}%"],
            )
            if cursor.fetchone()[0]:
                found.append(table)
    return found


def files(needle: str) -> list[str]:
    home = Home.current().path
    held = (p for p in home.rglob("*") if p.is_file() and not p.is_symlink())
    return [f"file {p.relative_to(home)}" for p in held if needle.encode() in p.read_bytes()]
