"""Engines for the tests: real servers on free ports, without the waits for the disk.

Also a pytest plugin (`-p linli.engines.testing`): the environment must be set before Django reads its settings, which
pytest-django does before it loads any conftest.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from linli.engines import process
from linli.engines.nats import Nats
from linli.engines.postgres import Postgres

_postgres: Postgres | None = None
_folder: Path | None = None
_home: tempfile.TemporaryDirectory[str] | None = None


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, None, None]:
    """Before Django: a home, a database name of this checkout, an embedded PostgreSQL unless an address is given."""
    global _home
    os.environ.setdefault("LINLI_DEMO", "0")
    os.environ.setdefault("LINLI_PACKS", "demo")
    if "LINLI_HOME" not in os.environ:
        _home = tempfile.TemporaryDirectory(prefix="linli-test-")
        os.environ["LINLI_HOME"] = _home.name
    elif worker := os.environ.get("PYTEST_XDIST_WORKER"):
        # A worker inherits the environment of the one that started it; the log of the audit's heads is not for two.
        os.environ["LINLI_HOME"] = str(Path(os.environ["LINLI_HOME"]) / worker)
    mark = hashlib.sha256(str(early_config.rootpath).encode()).hexdigest()[:10]
    os.environ.setdefault("LINLI_TEST_DB", f"test_{mark}")
    if "LINLI_DATABASE_URL" not in os.environ:
        start_for_tests()
    return (yield)


def pytest_unconfigure() -> None:
    stop_for_tests()


def start_for_tests() -> str:
    """Start an embedded PostgreSQL for this test run and set LINLI_DATABASE_URL."""
    global _postgres, _folder
    if _postgres is not None:
        return os.environ["LINLI_DATABASE_URL"]
    _folder = Path(tempfile.mkdtemp(prefix="linli-test-pg-"))
    password = os.urandom(12).hex()
    _postgres = Postgres(_folder / "data", some_port(), password, log=_folder / "log", durable=False)
    _postgres.start(seconds=10)
    _postgres.ensure_database()
    os.environ["LINLI_DATABASE_URL"] = _postgres.url()
    return _postgres.url()


def stop_for_tests() -> None:
    global _postgres, _folder
    if _postgres is not None:
        _postgres.stop()
    if _folder is not None:
        shutil.rmtree(_folder, ignore_errors=True)
    _postgres = _folder = None


def some_port() -> int:
    """A free port from a random start, so that test runs beside each other do not meet."""
    return process.free_port(random.randrange(21000, 29000))


def start_nats(folder: Path) -> Nats:
    """A NATS server of one's own (no wait for the disk); the caller stops it."""
    port = some_port()
    server = Nats(folder, port, process.free_port(port + 1), os.urandom(12).hex(), log=folder / "log", sync="2m")
    folder.mkdir(parents=True, exist_ok=True)
    server.start()
    return server
