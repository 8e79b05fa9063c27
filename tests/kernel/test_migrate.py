"""Tables change while the old version serves, and while a report of minutes reads them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection
from tests.kernel.test_relay import database_url

from linli.commands import _prepare

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engines]
HELD = 14.0


@pytest.fixture
def growing(settings: Any) -> Iterator[None]:
    """An app without tables of its own gets one."""
    settings.MIGRATION_MODULES = {"staticfiles": "tests.kernel.growing"}
    call_command("migrate", "staticfiles", "0001", verbosity=0)
    yield
    call_command("migrate", "staticfiles", "zero", verbosity=0)


class Old:
    """Code of the version before: writes and reads a row again and again, and notes how long each took."""

    def __init__(self) -> None:
        self.took: list[float] = []
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._work)

    def _work(self) -> None:
        with psycopg.connect(database_url(), autocommit=True) as db:
            while not self.stop.is_set():
                began = time.monotonic()
                row = db.execute("INSERT INTO staticfiles_thing (name) VALUES ('old') RETURNING id").fetchone()
                assert row and db.execute("SELECT name FROM staticfiles_thing WHERE id = %s", row).fetchone() == (
                    "old",
                )
                self.took.append(time.monotonic() - began)
                time.sleep(0.02)


def test_the_old_version_serves_while_a_table_in_use_is_changed(growing: None) -> None:
    old, report = Old(), psycopg.connect(database_url())
    report.execute("SELECT count(*) FROM staticfiles_thing")  # a transaction of minutes holds the table
    ended = threading.Timer(HELD, report.close)
    old.thread.start()
    ended.start()
    try:
        _prepare._migrate()
        time.sleep(0.5)
    finally:
        ended.join()
        old.stop.set()
        old.thread.join(20)
    assert not old.thread.is_alive()
    assert max(old.took) < HELD - 5, "nobody waits as long as the migration has to"
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) = count(size) FROM staticfiles_thing")
        assert cursor.fetchone() == (True,)
        cursor.execute("SELECT count(*) FROM staticfiles_thing")
        assert cursor.fetchone() == (len(old.took),), "no request of the old version failed, before or after"
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",)
