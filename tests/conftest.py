"""What all tests share. The engines and the environment come from the plugin `linli.engines.testing`."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from typing import Any

import pytest


def pytest_addoption(parser: object) -> None:
    add: Any = parser.addoption  # type: ignore[attr-defined]
    add("--shots", help="write screenshots and axe results of the end-to-end tests to this folder")
    add("--served", action="store_true", help="only tests that a database or a broker serves")


SERVERS = {"db", "transactional_db", "nats_url", "broker"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With `--served` only what a database or a broker serves: the rest is the same whoever runs these."""
    if not config.getoption("--served"):
        return
    kept = [i for i in items if i.get_closest_marker("django_db") or i.get_closest_marker("engines")
            or SERVERS & set(getattr(i, "fixturenames", ()))]  # fmt: skip
    config.hook.pytest_deselected(items=[i for i in items if i not in set(kept)])
    items[:] = kept


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    """Tests that commit are cleaned up by TRUNCATE, which append-only tables refuse: allow it in this database."""
    from django.db import connection

    with django_db_blocker.unblock(), connection.cursor() as cursor:
        for table in ("kernel_audit", "kernel_audit_seal", "kernel_personal_read"):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER kernel_no_truncate")


@pytest.fixture(scope="session")
def own_nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    from linli.engines import testing

    server = testing.start_nats(tmp_path_factory.mktemp("nats"))
    yield server.url
    server.stop()


@pytest.fixture
def nats_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A real NATS server with JetStream: the one of LINLI_NATS_URL, or one of this worker's own.

    All workers share the first, and its streams: one test at a time has it.
    """
    given = os.environ.get("LINLI_NATS_URL")
    if not given:
        yield request.getfixturevalue("own_nats")
        return
    with open(request.config.rootpath / "pyproject.toml", encoding="utf-8") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield given


@pytest.fixture(autouse=True)
def no_earlier_refusals(request: pytest.FixtureRequest) -> None:
    """Refused readings of personal data outlive every rollback, so also that at the end of an earlier test."""
    if request.node.get_closest_marker("django_db") is None and "db" not in request.fixturenames:
        return
    from django.db import connection

    if request.node.get_closest_marker("django_db") is None:
        request.getfixturevalue("db")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM kernel_personal_read WHERE refused")
