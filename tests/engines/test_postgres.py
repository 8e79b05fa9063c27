"""The launcher of PostgreSQL: any account, any folder, and back after kill -9."""

from __future__ import annotations

import os
import pwd
import signal
import stat
import subprocess
import threading
import time
from pathlib import Path

import psycopg
import pytest

from linli.engines import postgres, process, testing
from linli.engines.postgres import Postgres

pytestmark = pytest.mark.engines


@pytest.fixture
def server(tmp_path: Path):
    made = Postgres(tmp_path / "closed" / "data", testing.some_port(), "geheim", log=tmp_path / "log", durable=False)
    (tmp_path / "closed").mkdir(mode=0o700)
    yield made
    made.stop(seconds=5)


def test_starts_where_its_account_cannot_enter(server: Postgres) -> None:
    server.start()
    with psycopg.connect(server.url("postgres")) as db:
        row = db.execute("select current_setting('server_encoding'), datlocprovider::text, datlocale from pg_database "
                         "where datname = 'template1'").fetchone()  # fmt: skip
        assert row == ("UTF8", "b", "C.UTF-8")
        assert db.execute("select rolpassword from pg_authid where rolname='linli'").fetchone()[0].startswith("SCRAM")
    if os.geteuid() == 0:
        assert server.data.stat().st_uid != 0
        assert server.child is not None
        assert os.stat(f"/proc/{server.child.pid}").st_uid == server.data.stat().st_uid
    assert stat.S_IMODE(server.data.parent.stat().st_mode) == 0o700  # nothing outside its folder was changed


def test_wrong_password_is_refused(server: Postgres) -> None:
    server.start()
    wrong = server.url("postgres").replace("geheim", "falsch")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


def test_back_after_kill_while_a_long_query_runs(server: Postgres) -> None:
    server.start()
    server.ensure_database()
    with psycopg.connect(server.url(), autocommit=True) as db:
        db.execute("create table t (n int)")
        db.execute("insert into t values (1)")

    def long_query() -> None:
        with pytest.raises(psycopg.OperationalError), psycopg.connect(server.url()) as db:
            db.execute("select count(*) from generate_series(1, 3000000000) a where pg_sleep(0) is not null")

    runner = threading.Thread(target=long_query, daemon=True)
    runner.start()
    time.sleep(0.5)
    assert server.child is not None
    os.kill(server.child.pid, signal.SIGKILL)
    server.child.wait()
    began = time.monotonic()
    server.start()
    assert time.monotonic() - began < 15
    with psycopg.connect(server.url()) as db:
        assert db.execute("select n from t").fetchall() == [(1,)]


def test_stops_clean_and_starts_again(server: Postgres) -> None:
    server.start()
    server.stop()
    assert server.child is not None
    assert server.child.returncode == 0
    assert process.working_in(server.data) == []
    server.start()
    assert server.answers()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_only_the_owners_processes_are_ended(tmp_path: Path) -> None:
    """Anybody may stand in a folder that he can enter; that makes him no orphan of ours."""
    tmp_path.chmod(0o755)
    owner, other = pwd.getpwnam("nobody"), pwd.getpwnam("daemon")
    os.chown(tmp_path, owner.pw_uid, owner.pw_gid)
    children = {
        who.pw_uid: subprocess.Popen(
            ["sleep", "60"],
            preexec_fn=lambda who=who: (os.chdir(tmp_path), os.setuid(who.pw_uid)),  # type: ignore[misc]
        )
        for who in (owner, other)
    }
    try:
        assert process.working_in(tmp_path) == [children[owner.pw_uid].pid]
    finally:
        for child in children.values():
            child.kill()
            child.wait()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root drops to another account")
def test_unreachable_binaries_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Path("/tmp") / f"linli-test-cache-{os.getpid()}"
    monkeypatch.setattr(postgres, "_others_can", lambda path, need: "site-packages" not in str(path))
    monkeypatch.setattr(postgres, "_cache_folders", lambda: [cache])
    try:
        install = postgres.install_folder(True)
        assert install.is_relative_to(cache)
        assert postgres.install_folder(True) == install
        server = Postgres(tmp_path / "data", testing.some_port(), "x", durable=False, _install=install)
        server.start()
        server.stop()
    finally:
        import shutil

        shutil.rmtree(cache, ignore_errors=True)
