"""`linli backup FILE`: the running district in one encrypted file."""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import linli
from linli import commands
from linli.engines import archive, district, postgres, supervisor
from linli.engines.process import EngineError
from linli.home import Home

KEY = "backup.key"
HEADS = "audit-heads.log"


def register(sub: Any) -> None:
    parser = sub.add_parser("backup", help="save the running district in one encrypted file")
    commands.add_home(parser)
    parser.add_argument("file", type=Path)
    parser.add_argument("--key-file", type=Path, help=f"the key of backups (default: HOME/secrets/{KEY})")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    home = Home.current()
    if not os.environ.get("LINLI_DATABASE_URL") and supervisor.holder(home) is None:
        raise commands.CommandError(f"no district runs in {home.path}; start it with `linli up` first")
    home.load_env()
    key_file = args.key_file or home.folder("secrets", mode=0o700) / KEY
    key = read_key(key_file) if args.key_file else home.secret(KEY)
    began = time.monotonic()
    writer = archive.Writer(args.file.absolute(), key)
    try:
        facts = save(home, writer)
    except BaseException:
        writer.abandon()
        raise
    size, rows, seconds = args.file.stat().st_size / 1e6, sum(facts["counts"].values()), time.monotonic() - began
    print(
        f"saved {args.file} ({size:.1f} MB) in {seconds:.1f} s: {rows} rows, {facts['files']} files, "
        f"{facts['readings']} readings"
    )
    print(f"Without its key nobody can open it. Keep a copy elsewhere: {key_file}")
    return 0


def read_key(path: Path) -> bytes:
    try:
        key = path.read_bytes()
    except OSError as error:
        raise commands.CommandError(f"the key file cannot be read: {error}") from error
    if len(key) != 32:
        raise commands.CommandError(f"{path} is not a key of Linli (32 bytes)")
    return key


def save(home: Home, writer: archive.Writer) -> dict[str, Any]:
    """Secrets, audit heads, database, files, readings, in this order: a file is never younger than the row that names
    it, and no head younger than the rows it stands for."""
    for path in sorted(home.folder("secrets", mode=0o700).iterdir()):
        if path.name != KEY and not path.name.startswith("."):
            writer.add(f"secrets/{path.name}", path.read_bytes())
    if (home.path / HEADS).exists():
        writer.add(f"audit/{HEADS}", (home.path / HEADS).read_bytes())
    facts: dict[str, Any] = {"linli": linli.__version__, "at": datetime.now(UTC).isoformat()}
    facts["counts"] = _database(writer)
    facts["files"] = save_files(writer)
    facts["readings"] = _history(writer)
    writer.close(facts)
    return facts


def _database(writer: archive.Writer) -> dict[str, int]:
    """A dump and the row count of each table, both of one snapshot."""
    import psycopg
    from psycopg import sql

    url = os.environ["LINLI_DATABASE_URL"]
    with psycopg.connect(url) as db:
        db.execute("set transaction isolation level repeatable read, read only")
        snapshot = db.execute("select pg_export_snapshot()").fetchone()
        tables = db.execute("select tablename from pg_tables where schemaname = 'public' order by 1").fetchall()
        counts = {}
        for (name,) in tables:
            row = db.execute(sql.SQL("select count(*) from {}").format(sql.Identifier(name))).fetchone()
            counts[name] = int(row[0]) if row else 0
        assert snapshot is not None
        dump = subprocess.Popen(
            [tool("pg_dump"), "-Fc", "-Z1", "--no-owner", "--no-privileges", f"--snapshot={snapshot[0]}",
             "-d", without_password(url)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=client_env(url),
        )  # fmt: skip
        assert dump.stdout is not None and dump.stderr is not None
        writer.add_stream("postgres", dump.stdout)
        problem = dump.stderr.read().decode(errors="replace")
        if dump.wait() != 0:
            raise EngineError(f"pg_dump failed: {problem.strip()[-400:]}")
    return counts


def tool(name: str) -> str:
    """A PostgreSQL client program of the wheel, else of the system."""
    try:
        return str(postgres.install_folder(False) / "bin" / name)
    except EngineError:
        found = shutil.which(name)
        if not found:
            raise
        return found


def without_password(url: str) -> str:
    """The address for a command line, which every account of the machine can read."""
    parts = urlsplit(url)
    netloc = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{parts.username}@{netloc}" if parts.username else netloc).geturl()


def client_env(url: str) -> dict[str, str]:
    return os.environ | {"PGPASSWORD": urlsplit(url).password or "", "LC_ALL": "C"}


def save_files(writer: archive.Writer) -> int:
    from linli.kernel import storage

    store = storage.open_store(os.environ.get("LINLI_FILES_URL") or f"file://{Home.current().files}")
    count = 0
    for key in store.keys():  # noqa: SIM118 - a store is no dict
        try:
            data = store.get(key)
        except storage.Missing:  # deleted meanwhile
            continue
        writer.add(f"files/{key}", data)
        count += 1
    return count


def _history(writer: archive.Writer) -> int:
    """The store's own consistent copy, after it has taken in what the stream held when we began."""
    url = os.environ.get("LINLI_HISTORY_URL", "")
    if not url.startswith("http") or not district.has_entry("linli.telemetry.history.main"):
        return 0  # a ClickHouse server is backed up by its own means
    from linli.telemetry.history.client import HistoryClient

    history = HistoryClient(url)
    last = asyncio.run(_last_reading())
    if last and not history.flush(last, seconds=60):
        raise EngineError("the reading store is more than a minute behind; try again later")
    saved, rows = history.backup("linli-backup")
    folder = Path(saved)
    try:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                with path.open("rb") as source:
                    writer.add_stream(f"history/{path.relative_to(folder).as_posix()}", source)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return rows


async def _last_reading() -> int:
    """The sequence of the newest message in the stream of readings."""
    import nats
    import nats.js.errors

    from linli.kernel import stream

    bus = await nats.connect(stream.servers(os.environ["LINLI_NATS_URL"]))
    try:
        return int((await bus.jetstream().stream_info("READINGS")).state.last_seq)
    except nats.js.errors.NotFoundError:
        return 0
    finally:
        await bus.close()
