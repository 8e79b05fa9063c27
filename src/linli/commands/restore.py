"""`linli restore FILE --home NEW`: a district from its backup, in an empty home."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO

from linli import commands
from linli.commands.backup import HEADS, client_env, read_key, tool, without_password
from linli.engines import archive, ports, supervisor
from linli.engines.postgres import Postgres
from linli.engines.process import EngineError
from linli.home import Home


def register(sub: Any) -> None:
    parser = sub.add_parser("restore", help="make a district from a backup, in an empty home")
    commands.add_home(parser)
    parser.add_argument("file", type=Path)
    parser.add_argument("--key-file", type=Path, required=True, help="the key the backup was made with")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    home = Home.current()
    if home.path.exists() and any(home.path.iterdir()):
        raise commands.CommandError(f"{home.path} is not empty: a backup is restored only into a new home")
    key = read_key(args.key_file)
    home.folder("run")
    lock = supervisor.Lock(home)
    if not lock.take():
        raise commands.CommandError(f"a district runs in {home.path}")
    began = time.monotonic()
    try:
        facts = Restore(home, args.file, key).run()
    except (archive.BadArchive, EngineError, OSError) as error:
        shutil.rmtree(home.path, ignore_errors=True)
        raise commands.CommandError(f"nothing was restored: {error}") from error
    finally:
        lock.release()
    print(f"restored {args.file} of {facts['at']} in {time.monotonic() - began:.1f} s: "
          f"{sum(facts['counts'].values())} rows, {facts['files']} files, {facts['readings']} readings")  # fmt: skip
    print(f"Start it with: linli up --home {home.path}")
    return 0


# A setting that pg_restore speaks of first and that servers before 17 do not know; everything else is an error.
UNKNOWN_THERE = 'unrecognized configuration parameter "transaction_timeout"'


class Restore:
    def __init__(self, home: Home, file: Path, key: bytes) -> None:
        self.home, self.file, self.key = home, file, key
        self.seen: dict[str, str] = {}
        self.load: subprocess.Popen[bytes] | None = None
        self.history = home.folder("data", mode=0o711) / "restored-history"

    def run(self) -> dict[str, Any]:
        manifest: dict[str, Any] = {}
        with contextlib.ExitStack() as stack:
            url = ""
            for name, content in archive.members(self.file, self.key):
                if name == archive.MANIFEST:
                    manifest = json.load(content)
                elif name.startswith("postgres/"):
                    url = url or stack.enter_context(self._database())
                    self._postgres(url, name, content)
                else:
                    self._file(name, content)
            self._finish_load()
            self._check(manifest, url)
        self._readings(manifest)
        return manifest

    @contextlib.contextmanager
    def _database(self) -> Iterator[str]:
        """The given database, else an embedded server in the new home while we fill it."""
        if given := os.environ.get("LINLI_DATABASE_URL"):
            yield given
            return
        chosen = ports.choose(self.home, {}, "127.0.0.1")
        server = Postgres(
            self.home.path / "data" / "postgres", chosen["postgres"], self.home.secret("postgres").hex(),
            log=self.home.logs / "postgres.log",
        )  # fmt: skip
        server.start()
        try:
            server.ensure_database()
            yield server.url()
        finally:
            server.stop()

    def _postgres(self, url: str, name: str, content: BinaryIO) -> None:
        if self.load is None:
            # Not a pipe: nobody would read it while the dump is written, and a full one stops both.
            self.told = tempfile.TemporaryFile()  # noqa: SIM115 - read when the load has ended
            self.load = subprocess.Popen(
                [tool("pg_restore"), "--no-owner", "--no-privileges", "-d", without_password(url)],
                stdin=subprocess.PIPE, stderr=self.told, env=client_env(url),
            )  # fmt: skip
        assert self.load.stdin is not None
        try:
            self._copy(name, content, self.load.stdin)
        except BrokenPipeError:
            self._finish_load()

    def _finish_load(self) -> None:
        if self.load is None:
            raise archive.BadArchive("the backup holds no database")
        self.load.communicate()
        self.told.seek(0)
        told = self.told.read().decode(errors="replace")
        errors = [line for line in told.splitlines() if "error:" in line and UNKNOWN_THERE not in line]
        if errors or self.load.returncode not in (0, 1) or (self.load.returncode and UNKNOWN_THERE not in told):
            raise EngineError(f"pg_restore failed: {told.strip()[-400:]}")

    def _file(self, name: str, content: BinaryIO) -> None:
        kind, _, rest = name.partition("/")
        parts = PurePosixPath(rest).parts
        if not parts or ".." in parts or rest.startswith("/"):
            raise archive.BadArchive(f"the backup names an odd file: {name}")
        if kind == "files":
            self._stored(name, rest, content)
        elif kind == "secrets":
            path = self.home.folder("secrets", mode=0o700) / rest
            with open(path, "wb", opener=lambda p, flags: os.open(p, flags, 0o600)) as out:
                self._copy(name, content, out)
        elif name == f"audit/{HEADS}":
            with open(self.home.path / HEADS, "wb") as out:
                self._copy(name, content, out)
        elif kind == "history":
            path = self.history.joinpath(*parts[:-1])  # the last part numbers the pieces of one file
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(path, "ab") as out:
                self._copy(name, content, out)

    def _stored(self, name: str, key: str, content: BinaryIO) -> None:
        from linli.kernel import storage

        data = content.read()
        self.seen[name] = hashlib.sha256(data).hexdigest()
        storage.open_store(os.environ.get("LINLI_FILES_URL") or f"file://{self.home.files}").put(key, data)

    def _copy(self, name: str, content: BinaryIO, out: IO[bytes]) -> None:
        digest = hashlib.sha256()
        while data := content.read(1024 * 1024):
            digest.update(data)
            out.write(data)
        self.seen[name] = digest.hexdigest()

    def _check(self, manifest: dict[str, Any], url: str) -> None:
        """Every member arrived as it was saved, and every table has the rows it had."""
        import psycopg
        from psycopg import sql

        wanted = {name: entry["sha256"] for name, entry in manifest.get("entries", {}).items()}
        if not wanted or wanted != self.seen:
            raise archive.BadArchive("the backup does not match its manifest")
        with psycopg.connect(url) as db:
            for name, count in manifest["counts"].items():
                row = db.execute(sql.SQL("select count(*) from {}").format(sql.Identifier(name))).fetchone()
                if row is None or row[0] != count:
                    raise EngineError(f"table {name} has {row and row[0]} rows, the backup had {count}")
            # the stream the events were sent to is not in the backup: they are sent again, and the inbox stops repeats
            db.execute("update kernel_outbox set sent_at = null")

    def _readings(self, manifest: dict[str, Any]) -> None:
        """Fill the reading store and compare its count."""
        if not self.history.exists():
            return
        from linli.telemetry.history import backup

        rows = backup.restore(self.home.data("history"), self.history)
        if rows != manifest["readings"]:
            raise EngineError(f"{rows} readings were restored, the backup had {manifest['readings']}")
        shutil.rmtree(self.history)
