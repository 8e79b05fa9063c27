"""Before the processes start: the database exists, its tables are current, and in demo mode its district is loaded.

A stamp in the database tells what was prepared last; when nothing changed, Django is not even imported.
"""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import linli
from linli import commands

PACKAGE = Path(linli.__file__).resolve().parent
STAMP_TABLE = "create table if not exists linli_prepared (stamp text primary key, at timestamptz default now())"
LOCK_SECONDS, LOCK_PAUSE, PATIENCE = 3, 2.0, 900.0
LOCK_NOT_AVAILABLE = "55P03"
LOCK = 7_305_418_277  # one at a time, when several machines start against one database


def prepare() -> int:
    import psycopg

    url = os.environ["LINLI_DATABASE_URL"]
    _ensure_database(url)
    demo = os.environ.get("LINLI_DEMO") == "1"
    wanted = stamp(demo)
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("select pg_advisory_lock(%s)", (LOCK,))
        db.execute(STAMP_TABLE)
        if db.execute("select 1 from linli_prepared where stamp = %s", (wanted,)).fetchone():
            return 0
        began = time.monotonic()
        _migrate()
        if demo:
            _load_demo()
        db.execute("delete from linli_prepared where stamp like %s", (f"{'demo' if demo else 'plain'}-%",))
        db.execute("insert into linli_prepared (stamp) values (%s)", (wanted,))
        print(f"prepared in {time.monotonic() - began:.1f} s", flush=True)
    return 0


def stamp(demo: bool) -> str:
    """A hash over the migrations and, in demo mode, the packs."""
    digest = hashlib.sha256(linli.__version__.encode())
    found = sorted(PACKAGE.glob("*/migrations/*.py"))
    if demo:
        from linli.kernel import packs

        found += [path for pack in packs.paths() for path in sorted(pack.rglob("*")) if path.is_file()]
    for path in found:
        digest.update(str(path.name).encode() + b"\0" + path.read_bytes())
    return f"{'demo' if demo else 'plain'}-{digest.hexdigest()[:32]}"


def _ensure_database(url: str) -> None:
    """Make the database when the server lacks it (the embedded one does at first)."""
    import psycopg

    try:
        psycopg.connect(url).close()
        return
    except psycopg.OperationalError as error:
        if "does not exist" not in str(error):
            raise
    parts = urlsplit(url)
    name = parts.path.lstrip("/") or "linli"
    with psycopg.connect(urlunsplit(parts._replace(path="/postgres")), autocommit=True) as db:
        db.execute(f'create database "{name}"')


def _migrate() -> None:
    """Bring the tables up to date while the old version may still serve.

    A migration that waits for a table makes everybody wait behind it. So it waits for seconds only, lets the others
    go on, and comes again; each migration is a transaction, and the next try begins with the one that gave up.
    """
    commands.django_ready()
    from django.core.management import call_command
    from django.db import OperationalError, connection

    end = time.monotonic() + PATIENCE
    while True:
        try:
            call_command(_gentle(), interactive=False, verbosity=1)
            with connection.cursor() as cursor:
                cursor.execute("RESET lock_timeout")
            return
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", "") != LOCK_NOT_AVAILABLE or time.monotonic() > end:
                raise
            print("a table is in use by a long transaction; trying again", flush=True)
            time.sleep(LOCK_PAUSE)


def _gentle() -> Any:
    """Django's command, with a limit on waiting for locks. One that builds indexes beside the work (`atomic = False`)
    stops nobody while it waits, and would leave a broken index if it gave up."""
    from django.core.management.commands import migrate
    from django.db import connection

    class Command(migrate.Command):
        def migration_progress_callback(self, action: str, migration: Any = None, fake: bool = False) -> None:
            if action == "apply_start":
                with connection.cursor() as cursor:
                    cursor.execute(f"SET lock_timeout = '{LOCK_SECONDS if migration.atomic else 0}s'")
            super().migration_progress_callback(action, migration, fake)

    return Command()


def _load_demo() -> None:
    from linli.cli import build_parser

    parser = build_parser()
    try:
        args = parser.parse_args(["demo", "load"])
    except SystemExit:  # this installation has no demo
        print("no demo to load", flush=True)
        return
    if code := args.run(args):
        raise SystemExit(code)
