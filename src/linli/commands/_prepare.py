"""Before the processes start: the database exists, its tables are current, and in demo mode its district is loaded.

A stamp in the database tells what was prepared last; when nothing changed, Django is not even imported.
"""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import linli
from linli import commands

PACKAGE = Path(linli.__file__).resolve().parent
STAMP_TABLE = "create table if not exists linli_prepared (stamp text primary key, at timestamptz default now())"
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
    commands.django_ready()
    from django.core.management import call_command

    call_command("migrate", interactive=False, verbosity=1)


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
